//! envbox killed at any moment: the next command works, and nothing is left of the last.

mod kill;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::boxes::{BOX, eventually, kill, mounts};
use crate::support::rootfs::{Rootfs, alpine};
use crate::support::{TestEnvironment, envbox, requires};

/// Moments at which a command is killed.
const POINTS: u32 = 20;

fn start(env: &TestEnvironment, args: &[&str]) -> Child {
    let mut command = env.command(envbox());
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Starts a command and kills it after a part of the time that it takes when it is left alone.
fn killed(env: &TestEnvironment, args: &[&str], whole: Duration, point: u32) {
    let mut child = start(env, args);
    thread::sleep(whole * point / POINTS);
    let _ = child.kill();
    child.wait().unwrap();
}

fn time(env: &TestEnvironment, args: &[&str]) -> Duration {
    let started = Instant::now();
    assert!(start(env, args).wait().unwrap().success());
    started.elapsed()
}

#[test]
fn create_is_killed_at_twenty_points() {
    requires!(userns, subid, overlay, fixtures);
    let before = mounts();
    let image = alpine();
    let args = ["create", BOX, "--image", image.to_str().unwrap()];
    let whole = time(&TestEnvironment::new(), &args);
    for point in 0..POINTS {
        let env = TestEnvironment::new();
        killed(&env, &args, whole, point);
        // It may have come to the end, or even have left the box.
        let again = env.envbox(args).output();
        let there = again.stderr.contains("there is a box named `b` already") || again.stderr.contains("exists");
        assert!(again.status.success() || there, "point {point}: {}", again.stderr);
        env.envbox(["run", BOX, "--", "apk", "--version"]).succeeds();
        env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
        // What a killed process was about may still be unpacked for an instant.
        eventually("staging is empty", || {
            env.envbox(args).succeeds();
            env.envbox(["rm", "--yes", BOX]).succeeds();
            env.staged().is_empty()
        });
        assert_eq!(mounts(), before, "point {point}");
    }
}

/// What systemd sends to a scope that is to end comes to a keeper that is not up yet as well.
#[test]
fn a_keeper_that_is_told_to_end_in_mid_start_ends_it() {
    requires!(userns, subid, fuse, fixtures);
    let env = TestEnvironment::new();
    let image = env.image(Rootfs::busybox().tar());
    env.envbox(["create", BOX, "--overlay", "fuse", "--image"]).arg(&image).succeeds();
    // The keeper waits for its root as long as nobody serves it.
    let (bin, begun, go) = (env.path("bin"), env.path("begun"), env.path("go"));
    let served = format!(
        "#!/bin/sh\ntouch {}\nuntil test -e {}; do sleep 0.01; done\nPATH=/usr/bin:/bin exec fuse-overlayfs \"$@\"\n",
        begun.display(),
        go.display()
    );
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("fuse-overlayfs"), served).unwrap();
    fs::set_permissions(bin.join("fuse-overlayfs"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = env.command(envbox());
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).args(["start", BOX]);
    let start = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("its root is to be served", || begun.exists());
    kill("URG", env.keeper().unwrap());
    fs::write(&go, "").unwrap();
    let ended = start.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code() == Some(125) && said.contains("the box was stopped at this very moment"), "{said}");
    env.envbox(["run", BOX, "--", "true"]).succeeds();
}

#[test]
fn the_first_enter_is_killed_at_twenty_points() {
    requires!(userns, subid, overlay, fixtures);
    let before = mounts();
    let env = TestEnvironment::new();
    let image = env.image(Rootfs::busybox().tar());
    let create = |name: &str| drop(env.envbox(["create", name, "--image"]).arg(&image).succeeds());
    create("first");
    let whole = time(&env, &["run", "first", "--", "true"]);
    for point in 0..POINTS {
        let name = format!("box{point}");
        create(&name);
        killed(&env, &["run", &name, "--", "true"], whole, point);
        let outcome = env.envbox(["run", &name, "--", "sh", "-c", "echo fine > /tmp/x; cat /tmp/x"]).succeeds();
        assert_eq!(outcome.stdout, "fine\n", "point {point}");
        assert_eq!(mounts(), before, "point {point}");
    }
    env.envbox(["rm", "--all", "--yes", "--force"]).succeeds();
    assert_eq!(env.staged().len(), 0);
}

#[test]
fn rm_is_killed_at_twenty_points() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let image = env.image(Rootfs::busybox().tar());
    let prepare = || {
        env.envbox(["create", BOX, "--image"]).arg(&image).succeeds();
        env.envbox(["run", BOX, "--", "sudo", "cp", "-a", "/bin", "/copy"]).succeeds();
    };
    prepare();
    let remove = ["rm", "--yes", "--force", BOX];
    let whole = time(&env, &remove);
    for point in 0..POINTS {
        prepare();
        killed(&env, &remove, whole, point);
        env.envbox(remove).succeeds();
        let list = env.envbox(["list", "--json"]).succeeds();
        assert_eq!(list.stdout.trim(), "[]", "point {point}");
        eventually("staging is empty", || {
            prepare();
            env.envbox(remove).succeeds();
            env.staged().is_empty()
        });
    }
}
