//! Limits: without controllers, where each process is limited by itself, and what is said of that; `limit`, `stats`, `top`.

mod enforced;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::boxes::{BOX, busybox, eventually};
use crate::support::{Pty, TestEnvironment, envbox, only_where, requires};

impl TestEnvironment {
    /// What `limit --json` says of the box.
    fn limits(&self) -> Value {
        serde_json::from_slice(&self.envbox(["limit", BOX, "--json"]).succeeds().bytes).unwrap()
    }

    /// What `stats --json` says of the box.
    fn stats(&self) -> Value {
        let all: Value = serde_json::from_slice(&self.envbox(["stats", BOX, "--json"]).succeeds().bytes).unwrap();
        all[0].clone()
    }

    fn box_yaml(&self) -> String {
        fs::read_to_string(self.path(&format!("data/envbox/boxes/{BOX}/box.yaml"))).unwrap()
    }

    /// Lets something run in the box that no session waits for.
    fn in_background(&self, script: &str) {
        self.sh(&format!("({script}) >/dev/null 2>&1 </dev/null &")).succeeds();
    }
}

const WHAT: &str = "nproc; ulimit -n; ulimit -d";

#[test]
fn each_process_is_limited_and_that_is_said_once() {
    requires!(userns, subid, overlay, fixtures);
    only_where!(no_controllers);
    let env = busybox();
    env.configure(BOX, "limits: {memory: 256M, cpus: 1, nofile: 500, swap: 0}");
    let first = env.sh(WHAT).succeeds();
    assert_eq!(first.stdout, "1\n500\n262144\n");
    let said = first.stderr.lines().filter(|line| line.starts_with("limits: ")).collect::<Vec<_>>();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("memory: each process by itself, not all together; swap: not limited"), "{said:?}");
    assert!(!said[0].contains("nofile"), "that one is each process's anyway: {said:?}");
    assert_eq!(env.sh(WHAT).succeeds().stderr, "", "the box is up");
    assert_ne!(env.sh("dd if=/dev/zero of=/dev/null bs=300M count=1").output().status.code(), Some(0));
    env.sh("dd if=/dev/zero of=/dev/null bs=100M count=1").succeeds();
}

#[test]
fn processes_of_a_box_are_counted_apart() {
    requires!(user, userns, subid, overlay, fixtures);
    only_where!(no_controllers);
    let env = busybox();
    env.configure(BOX, "limits: {pids: 10}");
    let many = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 3 & done";
    assert!(env.sh(many).output().stderr.contains("fork"), "no more than ten");
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
    env.configure(BOX, "limits: {pids: 20}");
    env.sh(many).succeeds();
}

#[test]
fn all_or_nothing_is_refused_before_anything_starts() {
    requires!(userns, subid, overlay, fixtures);
    only_where!(no_controllers);
    let env = busybox();
    let refused = env.envbox(["run", "--memory", "1G", "--limits", "require", BOX, "--", "true"]).exits(125);
    assert!(refused.stderr.contains("cannot be enforced on this machine: memory: each process"), "{}", refused.stderr);
    assert_eq!(env.keeper(), None);
    env.envbox(["run", "--nofile", "100", "--limits", "require", BOX, "--", "true"]).succeeds();
}

#[test]
fn limits_under_which_nothing_could_run_are_refused() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    for flags in [["--memory", "512"], ["--pids", "0"], ["--nofile", "0"], ["--io-read", "0"]] {
        for verb in [
            &["run", flags[0], flags[1], BOX, "--", "true"][..],
            &["limit", flags[0], flags[1], BOX],
            // Before anything is looked for.
            &["create", "other", "--image", "./there/is/none.tar", flags[0], flags[1]],
        ] {
            let refused = env.envbox(verb).exits(125);
            assert!(refused.stderr.contains("is too little for anything to run"), "{}", refused.stderr);
        }
    }
    env.configure(BOX, "limits: {memory: 512}");
    let refused = env.envbox(["run", BOX, "--", "true"]).exits(125);
    assert!(refused.stderr.contains("memory: 512 is too little"), "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("hint: envbox limit {BOX} --memory none ")), "{}", refused.stderr);
    env.envbox(["limit", BOX, "--memory", "none"]).succeeds();
    env.envbox(["run", BOX, "--", "true"]).succeeds();
}

#[test]
fn limits_of_one_start_stay_until_it_ends() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    env.configure(BOX, "linger: 60");
    let before = env.sh("ulimit -n").succeeds().stdout;
    let wrong = env.envbox(["run", "--nofile", "300", BOX, "--", "true"]).exits(125);
    assert!(wrong.stderr.contains(&format!("envbox limit {BOX} --nofile 300")), "{}", wrong.stderr);
    env.envbox(["stop", BOX]).succeeds();
    let limited = || env.envbox(["run", "--nofile", "300", BOX, "--", "sh", "-c", "ulimit -n"]).succeeds();
    assert_eq!(limited().stdout, "300\n");
    let again = env.sh("ulimit -n").succeeds();
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("300\n", ""));
    assert_eq!(limited().stdout, "300\n", "the same is no change");
    assert!(!env.box_yaml().contains("limits"));
    env.envbox(["stop", BOX]).succeeds();
    assert_eq!(env.sh("ulimit -n").succeeds().stdout, before);
}

#[test]
fn a_box_that_is_up_gets_other_limits() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    env.configure(BOX, "linger: 60");
    env.in_background("exec sh -c 'echo $$ > /tmp/pid; exec sleep 100'");
    eventually("it is there", || env.run(["test", "-s", "/tmp/pid"]).output().status.success());
    let allowed = "grep -h Cpus_allowed_list: /proc/$(cat /tmp/pid)/status /proc/self/status | sort -u | cut -f 2";
    let all = env.sh(allowed).succeeds().stdout;
    env.envbox(["limit", BOX, "--cpuset", "0", "--nofile", "400"]).succeeds();
    assert_eq!(env.sh(allowed).succeeds().stdout, "0\n", "what ran already, and what is new");
    let nofile = "grep -h 'open files' /proc/$(cat /tmp/pid)/limits /proc/self/limits | sort -u | tr -s ' '";
    assert_eq!(env.sh(nofile).succeeds().stdout, "Max open files 400 400 files \n");
    assert!(env.box_yaml().contains("cpuset: '0'") || env.box_yaml().contains("cpuset: \"0\""), "{}", env.box_yaml());
    let raised = env.envbox(["limit", BOX, "--cpuset", "none", "--nofile", "500"]).succeeds();
    if !rustix::process::geteuid().is_root() {
        assert!(raised.stderr.contains("1 processes that run already keep"), "{}", raised.stderr);
    }
    assert_eq!(env.sh(allowed).succeeds().stdout, all);
    assert_eq!(env.sh("ulimit -n").succeeds().stdout, "500\n");
}

#[test]
fn what_was_written_by_hand_is_applied_when_asked_for() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    env.configure(BOX, "linger: 60");
    env.run(["true"]).succeeds();
    env.configure(BOX, "limits: {nofile: 321}");
    let told = env.sh("ulimit -n").succeeds();
    assert!(told.stderr.contains(&format!("envbox limit {BOX} --apply")), "{}", told.stderr);
    assert_ne!(told.stdout, "321\n");
    env.envbox(["limit", BOX, "--apply"]).succeeds();
    let now = env.sh("ulimit -n").succeeds();
    assert_eq!((now.stdout.as_str(), now.stderr.as_str()), ("321\n", ""));
}

#[test]
fn a_new_box_has_the_limits_it_was_made_with() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let image = env.path("rootfs.tar");
    env.envbox(["create", "c", "--nofile", "222", "--pids", "none", "--image"]).arg(&image).succeeds();
    assert_eq!(env.envbox(["run", "c", "--", "sh", "-c", "ulimit -n"]).succeeds().stdout, "222\n");
    let thrown_away = env.envbox(["run", "--rm", "--nofile", "111", "c", "--", "sh", "-c", "ulimit -n"]).succeeds();
    assert_eq!(thrown_away.stdout, "111\n");
    assert!(env.envbox(["limit", "c"]).succeeds().stdout.contains("nofile  222"));
    assert!(env.envbox(["limit", BOX]).succeeds().stdout.contains("no limits"));
    assert!(env.envbox(["limit", BOX, "--memory", "lots"]).exits(125).stderr.contains("is not a size"));
}

#[test]
fn a_box_that_is_up_is_given_a_cgroup() {
    requires!(userns, subid, overlay, fixtures, cgroup, unmanaged);
    let env = busybox();
    env.configure(BOX, "linger: 60");
    env.in_background("exec sleep 100");
    assert!(env.limits()["cgroup"].is_null());
    env.envbox(["limit", BOX, "--memory", "200M"]).succeeds();
    let group = env.limits()["cgroup"].as_str().unwrap().to_owned();
    let payload = || fs::read_to_string(Path::new(&group).join("box/payload/cgroup.procs")).unwrap_or_default();
    eventually("what was there is in it", || payload().lines().count() == 1);
    let inside = env.sh_command("sleep 1").spawn();
    eventually("and what is new", || payload().lines().count() >= 2);
    inside.unwrap().wait().unwrap();
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
    assert!(!Path::new(&group).exists(), "{group}");
}

#[test]
fn what_a_box_uses_is_shown() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    assert_eq!(env.envbox(["stats"]).succeeds().stdout.lines().count(), 1);
    assert!(env.envbox(["stats", BOX]).succeeds().stderr.contains("is not running"));
    env.envbox(["stats", "nobody"]).exits(125);
    env.in_background("exec timeout 20 sh -c 'while :; do :; done'");
    eventually("it works", || env.stats()["cpu_percent"].as_f64().unwrap() > 10.0);
    let stats = env.stats();
    assert!(stats["pids"].as_u64().unwrap() >= 2 && stats["memory"].as_u64().unwrap() > 0, "{stats}");
    assert!(stats["cpu_usec"].as_u64().unwrap() > 0, "{stats}");
    assert!(env.envbox(["stats"]).succeeds().stdout.lines().nth(1).unwrap().starts_with(BOX));
}

#[test]
fn top_draws_and_leaves_the_terminal_as_it_was() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let off = env.envbox(["top"]).exits(125);
    assert!(off.stderr.contains("envbox stats"), "{}", off.stderr);
    env.in_background("exec sleep 100");
    let mut command = env.command(envbox());
    command.arg("top");
    let mut pty = Pty::spawn(&command);
    pty.expect("\u{1b}[?1049h");
    pty.expect("vCPU %");
    pty.expect(&format!("\n{BOX} "));
    pty.send("m");
    pty.expect("vMEMORY");
    pty.send("r");
    pty.expect("^MEMORY");
    pty.resize(10, 40);
    pty.send("\u{3}");
    let (status, rest) = pty.wait();
    assert!(status.success() && rest.ends_with("\u{1b}[?25h\u{1b}[?1049l"), "{status} {rest:?}");
}
