//! Keepers: one for a box, whatever happens to it.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::support::boxes::{BOX, busybox, eventually, is_running, kill, long_sleep, mounts, pid, sleepers};
use crate::support::{TestEnvironment, envbox, requires};

/// The keepers of this environment's boxes, as the host sees them: processes without a controlling terminal that are
/// the first of their pid namespace and were started with this runtime directory.
fn keepers(env: &TestEnvironment) -> Vec<i32> {
    let ours = env.path("run").into_os_string().into_encoded_bytes();
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_keeper = |pid: &i32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let first = status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"));
        // Readable for nobody but root; then the record has to do.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        first && (environment.is_empty() || environment.windows(ours.len()).any(|part| part == ours))
    };
    let recorded = env.keeper();
    pids.filter(is_keeper).filter(|pid| recorded.is_none_or(|keeper| keeper == *pid)).collect()
}

#[test]
fn of_many_first_enters_one_makes_the_keeper() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    for _ in 0..3 {
        let start = || env.sh_command("readlink /proc/self/ns/pid").stdout(Stdio::piped()).spawn().unwrap();
        let sessions: Vec<_> = (0..8).map(|_| start()).collect();
        let mut seen: Vec<String> = Vec::new();
        for session in sessions {
            let output = session.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
            seen.push(String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned());
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 1, "{seen:?}");
        env.envbox(["stop", "--time", "0", BOX]).succeeds();
    }
}

#[test]
fn a_killed_keeper_is_noticed_and_takes_all_with_it() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let before = mounts();
    for round in 0..5 {
        let seconds = long_sleep();
        let mut session = env.sh_command(&format!("sleep {seconds}")).spawn().unwrap();
        eventually("it sleeps", || !sleepers(&seconds).is_empty());
        let keeper = env.keeper().unwrap();
        kill("KILL", keeper);
        // At once: the old one may still be on its way out.
        let text = format!("round {round}");
        assert_eq!(env.sh(&format!("echo {text} | tee /tmp/round")).succeeds().stdout.trim(), text);
        assert!(!is_running(keeper) && sleepers(&seconds).is_empty());
        assert_eq!(session.wait().unwrap().code(), Some(128 + 9));
        assert_eq!(env.run(["cat", "/tmp/round"]).succeeds().stdout.trim(), text);
    }
    assert_eq!(mounts(), before);
}

#[test]
fn an_idle_keeper_leaves_and_a_new_one_comes() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let before = mounts();
    env.run(["touch", "/tmp/kept"]).succeeds();
    let first = env.keeper().unwrap();
    env.run(["true"]).succeeds();
    assert_eq!(env.keeper(), Some(first), "within its time it is used again");
    eventually("it leaves", || env.keeper().is_none());
    assert!(env.envbox(["list"]).succeeds().stdout.contains("stopped"));
    env.run(["test", "-e", "/tmp/kept"]).succeeds();
    assert_ne!(env.keeper(), Some(first));
    assert_eq!(mounts(), before);
}

#[test]
fn a_killed_session_leaves_nothing_running() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let (mine, child, deaf) = (long_sleep(), long_sleep(), long_sleep());
    let script = format!("sleep {child} & trap '' HUP TERM; sleep {deaf} & exec sleep {mine}");
    let all = [&mine, &child, &deaf];
    let mut session = env.sh_command(&script).stdout(Stdio::null()).spawn().unwrap();
    eventually("all sleep", || all.iter().all(|seconds| !sleepers(seconds).is_empty()));
    kill("KILL", pid(&session));
    session.wait().unwrap();
    eventually("all have ended", || all.iter().all(|seconds| sleepers(seconds).is_empty()));
    // Whose program's parent was outside, so that its death is no event for the keeper.
    eventually("the keeper leaves", || env.keeper().is_none());
}

#[test]
fn a_session_that_is_stopped_keeps_the_box_and_can_be_ended() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let seconds = long_sleep();
    let mut session = env.sh_command(&format!("sleep {seconds}")).spawn().unwrap();
    eventually("it sleeps", || !sleepers(&seconds).is_empty());
    kill("STOP", pid(&session));
    env.run(["true"]).succeeds();
    env.envbox(["stop", "--time", "1", BOX]).succeeds();
    assert!(sleepers(&seconds).is_empty());
    // What is left of it waits for the session to take notice, and is in nobody's way.
    env.run(["true"]).succeeds();
    kill("CONT", pid(&session));
    assert!(session.wait().unwrap().code().is_some_and(|code| code > 128));
}

#[test]
fn a_keeper_that_hangs_is_told_of_and_can_be_stopped() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    env.configure(BOX, "linger: 60");
    env.run(["true"]).succeeds();
    kill("STOP", env.keeper().unwrap());
    let outcome = env.run(["true"]).exits(125);
    assert!(outcome.stderr.contains("hint: envbox stop"), "{}", outcome.stderr);
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
    assert_eq!(env.keeper(), None);
    env.run(["true"]).succeeds();
}

#[test]
fn a_keeper_with_few_descriptors_serves_many_sessions() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let seconds = long_sleep();
    let first = format!("ulimit -Sn 30; exec {:?} run {BOX} -- sleep {seconds}", envbox());
    let mut first = env.command("sh").args(["-c", &first]).spawn().unwrap();
    eventually("it sleeps", || !sleepers(&seconds).is_empty());
    let sessions: Vec<_> = (0..40).map(|_| env.sh_command("sleep 1").spawn().unwrap()).collect();
    for mut session in sessions {
        assert_eq!(session.wait().unwrap().code(), Some(0));
    }
    assert_eq!(sleepers(&seconds).len(), 1, "the first session is still there");
    kill("TERM", pid(&first));
    first.wait().unwrap();
}

#[test]
fn a_box_that_was_removed_and_made_anew_has_one_keeper() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let image = env.path("rootfs.tar");
    for _ in 0..5 {
        let runs: Vec<_> =
            (0..6).map(|_| env.sh_command("sleep 0.2; echo > /tmp/x").stderr(Stdio::null()).spawn().unwrap()).collect();
        env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
        env.envbox(["create", BOX, "--image"]).arg(&image).output();
        for mut run in runs {
            // Its box may have gone under it, but nothing may hang.
            run.wait().unwrap();
        }
        env.run(["true"]).succeeds();
        eventually("there is one keeper", || keepers(&env).len() == 1);
    }
}

#[test]
fn a_box_without_a_home_to_share_is_an_error() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    for home in ["/nonexistent/home", "/"] {
        let outcome = env.run(["true"]).env("HOME", home).dir("/").exits(125);
        assert!(outcome.stderr.contains("error: "), "{home}: {}", outcome.stderr);
    }
    thread::sleep(Duration::from_millis(100));
    env.run(["true"]).succeeds();
}

#[test]
fn there_is_one_keeper_wherever_a_box_is_called_from() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let namespace =
        |runtime: &str| env.run(["readlink", "/proc/self/ns/mnt"]).env("XDG_RUNTIME_DIR", runtime).succeeds().stdout;
    assert_eq!(namespace("/no/such/directory"), namespace(env.path("run").to_str().unwrap()));
}
