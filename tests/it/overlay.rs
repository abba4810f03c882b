//! The same box on either overlay.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::boxes::{BOX, busybox, eventually, kill, mounts};
use crate::support::{TestEnvironment, requires};

/// The type of the box's root file system.
fn root_type(env: &TestEnvironment, options: &[&str]) -> String {
    let script = "while read -r device at type rest; do test \"$at\" = / && echo \"$type\"; done < /proc/mounts";
    let args = [&["run"], options, &[BOX, "--", "sh", "-c", script]].concat();
    env.envbox(args).output().stdout.trim().to_owned()
}

/// What any overlay has to do.
fn does_it_all(overlay: &str) {
    let env = busybox();
    let before = mounts();
    env.configure(BOX, &format!("overlay: {overlay}"));
    let root = |script: &str| env.run(["sudo", "sh", "-c", script]);
    assert_eq!(
        env.sh("stat -c '%u:%g %a' /; stat -c %u:%g /home /etc/passwd").succeeds().stdout.lines().next(),
        Some("0:0 755")
    );
    root("rm /etc/network/if-up.d -r; mv /etc/network /etc/moved; mkdir /etc/network; echo new > /etc/group.new")
        .succeeds();
    root("echo x > /etc/owned; chown 33:44 /etc/owned; chmod 6711 /etc/owned; ln /etc/owned /etc/link").succeeds();
    root("mknod /etc/fifo p; ln -s nowhere /etc/dangling; truncate -s 1G /etc/sparse").succeeds();
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
    let script = "ls /etc/network /etc/moved | wc -l; test ! -e /etc/moved/if-up.d && cat /etc/group.new
        stat -c '%u:%g %a %h' /etc/owned; test -p /etc/fifo && readlink /etc/dangling; du -k /etc/sparse | cut -f1";
    assert_eq!(root(script).succeeds().stdout, "6\nnew\n33:44 6711 2\nnowhere\n0\n");
    // A file that is kept open while it is removed, and one that is written to in place.
    let script = "exec 3</etc/owned; rm /etc/owned; cat <&3; echo more >> /etc/group; tail -n 1 /etc/group";
    assert_eq!(root(script).succeeds().stdout, "x\nmore\n");
    assert_eq!(root_type(&env, &[]), if overlay == "fuse" { "fuse" } else { "overlay" });
    env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
    assert_eq!((env.staged().len(), mounts()), (0, before));
}

#[test]
fn the_kernels_own() {
    requires!(userns, subid, overlay, fixtures);
    does_it_all("kernel");
}

#[test]
fn fuse_overlayfs() {
    requires!(userns, subid, fuse, fixtures);
    does_it_all("fuse");
}

#[test]
fn the_one_that_is_asked_for_is_used_for_this_start() {
    requires!(userns, subid, overlay, fuse, fixtures);
    let env = busybox();
    let started_with = |options: &[&str]| {
        env.envbox(["stop", "--time", "0", BOX]).succeeds();
        root_type(&env, options)
    };
    assert_eq!(started_with(&["--overlay", "kernel"]), "overlay");
    assert_eq!(started_with(&["--overlay", "fuse"]), "fuse");
    assert_eq!(started_with(&["--overlay", "auto"]), "overlay");
    assert_eq!(started_with(&[]), "overlay");
}

/// A program named fuse-overlayfs that fails.
fn broken_fuse_overlayfs(env: &TestEnvironment, script: &str) -> String {
    let dir = env.path("home/bin");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("fuse-overlayfs"), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(dir.join("fuse-overlayfs"), fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", dir.display())
}

#[test]
fn a_fuse_overlayfs_that_gives_up_is_an_error() {
    requires!(userns, subid, fuse, fixtures);
    let env = busybox();
    let path = broken_fuse_overlayfs(&env, "echo it cannot be >&2; exit 3");
    let outcome = env.envbox(["run", "--overlay", "fuse", BOX, "--", "true"]).env("PATH", &path).exits(125);
    assert!(outcome.stderr.contains("it cannot be"), "{}", outcome.stderr);
    env.run(["true"]).succeeds();
}

#[test]
fn fuse_overlayfs_goes_with_its_box() {
    requires!(userns, subid, fuse, fixtures);
    let env = busybox();
    let path =
        broken_fuse_overlayfs(&env, "echo $$ > \"$(dirname \"$0\")\"/../pid; exec /usr/bin/fuse-overlayfs \"$@\"");
    for stop in [true, false] {
        env.envbox(["run", "--overlay", "fuse", BOX, "--", "true"]).env("PATH", &path).succeeds();
        let server: i32 = fs::read_to_string(env.path("home/pid")).unwrap().trim().parse().unwrap();
        assert!(crate::support::boxes::is_running(server));
        if stop {
            env.envbox(["stop", "--time", "0", BOX]).succeeds();
        }
        eventually("the server has gone", || !crate::support::boxes::is_running(server));
    }
}

#[test]
fn a_killed_fuse_overlayfs_takes_its_box_with_it() {
    requires!(userns, subid, fuse, fixtures);
    let env = busybox();
    env.configure(BOX, "overlay: fuse");
    env.run(["true"]).succeeds();
    let ours = env.path("data").into_os_string().into_encoded_bytes();
    let serves_us = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.windows(8).any(|part| part == b"lowerdir") && line.windows(ours.len()).any(|part| part == ours)
    };
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let servers: Vec<i32> = pids.filter(serves_us).collect();
    assert_eq!(servers.len(), 1, "{servers:?}");
    kill("KILL", servers[0]);
    eventually("the box is down", || env.keeper().is_none());
    assert_eq!(env.run(["echo", "up again"]).succeeds().stdout, "up again\n");
}
