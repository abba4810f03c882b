//! What services print.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::project::Project;
use crate::support::boxes::eventually;
use crate::support::{Pty, envbox, requires};

#[test]
fn logs_have_what_was_printed_as_it_came() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\nservices:\n  a: {run: \"printf 'one\\\\ntwo \\\\377\\\\001\\\\nno end'; echo err >&2; exec sleep 1000\", ready: {log: err}}\n  \
         b: {run: 'for n in 1 2 3 4 5; do echo line $n; done; exec sleep 1000', ready: {log: line 5}}\n",
    );
    project.envbox(&["up", "--yes"]).succeeds();
    let bytes = |words: &[&str]| project.envbox(words).succeeds().bytes;
    assert_eq!(bytes(&["logs", "a"]), b"one\ntwo \xff\x01\nno enderr\n");
    assert_eq!(bytes(&["logs", "-n", "2", "b"]), b"line 4\nline 5\n");
    assert_eq!(bytes(&["logs", "-n", "1"]), b"a | no enderr\nb | line 5\n");
    let stamped = project.envbox(&["logs", "--times", "-n", "1", "b"]).succeeds().stdout;
    assert!(stamped.starts_with("20") && stamped.ends_with("Z line 5\n"), "{stamped}");
    let secret = "stat -c '%a %u' /var/log/envbox/a.log; cat /var/log/envbox/a.log";
    let seen = project.envbox(&["run", "--", "sh", "-c", secret]).output();
    assert!(seen.stdout == "600 0\n" || rustix::process::geteuid().is_root(), "{seen:?}");
    project.envbox(&["down"]).succeeds();
    assert!(bytes(&["logs", "b"]).ends_with(b"envbox: ended: killed by signal 15\n"));
}

#[test]
fn logs_can_be_followed_on_a_terminal() {
    requires!(userns, subid, overlay, fixtures);
    let project =
        Project::new("from: ./a.tar\nservices: {a: 'n=0; while :; do n=$((n + 1)); echo tick $n; sleep 0.1; done'}\n");
    project.envbox(&["up", "--yes"]).succeeds();
    let mut command = project.env.command(envbox());
    command.args(["logs", "-f"]).current_dir(&project.root);
    let mut pty = Pty::spawn(&command);
    for text in ["tick 1\r\n", "tick 5\r\n", "tick 12\r\n"] {
        pty.expect(text);
    }
    pty.send("\u{3}");
    assert_eq!(pty.wait().0.code(), Some(130));
    project.envbox(&["down"]).succeeds();
}

#[test]
fn whoever_prints_without_end_fills_neither_the_memory_nor_the_disk() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new(
        "from: ./a.tar\nservices: {a: {run: 'head -c 60000000 /dev/zero | tr \"\\\\0\" x; yes | head -c 2000000; echo; echo over; exec sleep 1000', \
         ready: {log: over}}}\n",
    );
    project.envbox(&["up", "--yes"]).succeeds();
    let script = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline | grep -q '^/run/envbox/supervisor serve' && grep VmHWM $p/status; done";
    let seen = project.envbox(&["run", "--user", "root", "--", "sh", "-c", script]).output().stdout;
    let kib: u64 = seen.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 64 * 1024, "{seen}");
    let name = project.names().remove(0);
    let dir = project.env.path(&format!("data/envbox/boxes/{name}/upper/var/log/envbox"));
    let sizes =
        || fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().size()).collect::<Vec<_>>();
    eventually("both files are there", || sizes().len() == 2);
    assert!(sizes().iter().all(|&size| size < 11 << 20), "{:?}", sizes());
    assert!(project.envbox(&["logs", "-n", "1", "a"]).succeeds().stdout == "over\n");
    project.envbox(&["down"]).succeeds();
}
