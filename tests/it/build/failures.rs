//! Builds that fail, are interrupted, or are killed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::Project;
use crate::support::boxes::{eventually, kill, long_sleep, pid, sleepers};
use crate::support::requires;

#[test]
fn a_failed_step_is_named_with_what_it_printed() {
    requires!(userns, subid, overlay);
    let project = Project::new("setup:\n  - echo a > /a\n  - {run: echo to out; echo to err >&2; exit 7}\n");
    let said = project.build().exits(125).stderr;
    for part in ["step 2 of 2", "exit status 7", "envbox.yaml:4", "to out\n", "to err\n"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("hint: a step has no network"), "{said}");
    assert_eq!(project.env.staged().len(), 0);
    project.recipe("setup:\n  - echo a > /a\n  - echo b > /b\n");
    assert_eq!(project.ran(), ["run: echo b > /b"], "what was made before the failure is there");
    // The first command that fails ends the step, and one that cannot be found is a failure.
    project.recipe("setup: [false; echo on]\n");
    assert!(project.build().exits(125).stderr.contains("exit status 1"));
    // Only who may have missed the network is told how to have it.
    project.recipe("setup: ['wget http://no-such-host.invalid/']\n");
    let said = project.build().exits(125).stderr;
    assert!(said.contains("bad address") && said.contains("hint: a step has no network"), "{said}");
    project.recipe("setup: [no-such-program]\n");
    assert!(project.build().exits(125).stderr.contains("exit status 127"));
}

#[test]
fn a_shell_shows_what_a_failed_step_has_left() {
    requires!(userns, subid, overlay);
    let project = Project::new("setup:\n  - echo a > /a\n  - echo half > /half; rm /a; exit 1\n");
    let shell = project.build().args(["--shell-on-failure"]).stdin("cat /half; ls /a; id -u; pwd\n").exits(125);
    assert_eq!(shell.stdout, "half\n0\n/\n");
    assert!(shell.stderr.contains("step 2 of 2") && shell.stderr.contains("/a: No such file"), "{}", shell.stderr);
    assert_eq!(project.env.envbox(["list", "--json"]).succeeds().stdout.trim(), "[]");
    assert_eq!(project.env.staged().len(), 0);
    // Nobody takes it for a layer.
    project.recipe("setup:\n  - echo a > /a\n  - cat /a; echo half > /half; rm /a\n");
    assert_eq!(project.ran().len(), 1);
}

#[test]
fn an_interrupt_ends_the_step_and_leaves_nothing() {
    requires!(userns, subid, overlay);
    let sleep = long_sleep();
    let project = Project::new(&format!("setup: ['sleep {sleep} & sleep {sleep}']\n"));
    for signal in ["INT", "TERM", "KILL"] {
        let mut build = project.command().stderr(Stdio::null()).spawn().unwrap();
        eventually("the step runs", || sleepers(&sleep).len() == 2);
        kill(signal, pid(&build));
        build.wait().unwrap();
        eventually("nothing of it is left", || sleepers(&sleep).is_empty());
        // Where the dying still held on to something, the next one sees to it.
        eventually("nothing is staged", || {
            project.env.envbox(["gc"]).succeeds();
            project.env.staged().is_empty()
        });
    }
}

#[test]
fn a_kill_at_any_moment_leaves_nothing_half_made() {
    requires!(userns, subid, overlay);
    let steps = "setup:\n  - for i in 1 2 3 4 5 6 7 8 9; do echo $i >> /a; done\n  - cp /a /b; echo end >> /b\n";
    let project = Project::new(&format!("{steps}  - cat /a /b > /c\n"));
    for attempt in 0..14 {
        // Each another image, so that there is something to do each time.
        project.recipe(&format!("{steps}  - echo {attempt}; cat /a /b > /c\n"));
        let mut build = project.command().stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(25 * attempt));
        // It may have ended by itself.
        let _ = build.kill();
        build.wait().unwrap();
        if attempt % 3 == 0 {
            let image = project.image(&[]);
            let counted = project.sh(&image, "wc -l < /a; wc -l < /b; wc -l < /c");
            assert_eq!(counted.split_whitespace().collect::<Vec<_>>(), ["9", "10", "19"], "attempt {attempt}");
        }
    }
}

#[test]
fn nothing_is_kept_of_a_step_whose_overlay_died() {
    requires!(userns, subid, overlay, fuse);
    let project = Project::new("setup:\n  - echo a > /a; sleep 4; echo b > /b || echo nobody cares\n");
    let (bin, program) = (project.env.path("bin"), project.env.path("bin/fuse-overlayfs"));
    fs::create_dir(&bin).unwrap();
    let path = std::env::var("PATH").unwrap();
    fs::write(&program, format!("#!/bin/sh\nPATH={path}\nexec timeout -s KILL 2 fuse-overlayfs \"$@\"\n")).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let build = || project.build().args(["--overlay", "fuse"]).env("PATH", format!("{}:{path}", bin.display()));
    let said = build().exits(125).stderr;
    assert!(said.contains("fuse-overlayfs ended before its time"), "{said}");
    fs::remove_file(&program).unwrap();
    let image = project.image(&["--overlay", "fuse"]);
    assert_eq!(project.sh(&image, "cat /a /b"), "a\nb\n");
}
