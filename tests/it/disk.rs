//! A disk that is full.

use std::process::{Command, Output};

use crate::support::boxes::BOX;
use crate::support::rootfs::{Rootfs, alpine};
use crate::support::{TestEnvironment, envbox, requires};

/// Runs a script where the data directory is a file system of so many KiB. It is gone with the script. Who is not root
/// becomes it in a user namespace, which is no root of the machine's.
fn on_a_small_disk(env: &TestEnvironment, size: u32, script: &str) -> Output {
    let script = format!(
        "mount -t tmpfs -o mode=700,size={size}k small \"$XDG_DATA_HOME\" && {{ {script}
        }}; status=$?; $envbox rm --all --yes --force; exit $status"
    );
    let command = env.command("unshare");
    let root = rustix::process::geteuid().is_root();
    let namespaces: &[&str] = if root { &["--mount"] } else { &["--user", "--map-root-user", "--map-auto", "--mount"] };
    with(command, env).args(namespaces).args(["sh", "-c", &script]).output().unwrap()
}

fn with(mut command: Command, env: &TestEnvironment) -> Command {
    command.env("envbox", envbox()).env("alpine", alpine()).env("busybox", env.path("rootfs.tar"));
    command
}

#[track_caller]
fn is_told(output: &Output, status: i32) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    assert!(stderr.contains("No space left on device") || stderr.contains("storage"), "{stderr}");
}

#[test]
fn an_image_that_does_not_fit_is_an_error_and_leaves_nothing_as_root() {
    requires!(root, userns, overlay, fixtures);
    let env = TestEnvironment::new();
    env.image(Rootfs::busybox().tar());
    // Then one that fits is made, on what the first has left free.
    let script = format!(
        "$envbox create {BOX} --image $alpine; failed=$?
        $envbox create {BOX} --image $busybox || exit 1
        $envbox rm --yes {BOX}; ls \"$XDG_DATA_HOME\"/envbox/staging | grep . && exit 2
        exit $failed"
    );
    is_told(&on_a_small_disk(&env, 7 * 1024, &format!("({script})")), 125);
}

#[test]
fn a_disk_without_any_room_is_an_error_as_root() {
    requires!(root, userns, overlay, fixtures);
    let env = TestEnvironment::new();
    env.image(Rootfs::busybox().tar());
    is_told(&on_a_small_disk(&env, 64, &format!("$envbox create {BOX} --image $busybox")), 125);
    let script = format!(
        "$envbox create first --image $busybox || exit 1
        dd if=/dev/zero of=\"$XDG_DATA_HOME\"/fill bs=4k 2>/dev/null
        $envbox create {BOX} --image $busybox; failed=$?
        $envbox list | grep -w {BOX} && exit 2
        rm \"$XDG_DATA_HOME\"/fill
        $envbox create {BOX} --image $busybox || exit 3
        exit $failed"
    );
    is_told(&on_a_small_disk(&env, 64 * 1024, &format!("({script})")), 125);
}

#[test]
fn a_box_on_a_full_disk_tells_its_programs_as_root() {
    requires!(root, userns, overlay, fixtures);
    let env = TestEnvironment::new();
    env.image(Rootfs::busybox().tar());
    let script = format!(
        "$envbox create {BOX} --image $busybox && $envbox run {BOX} -- true || exit 1
        $envbox run {BOX} -- sh -c 'cat /dev/zero > /tmp/fill'; test $? = 1 || exit 2
        $envbox stop --time 0 {BOX}; $envbox run {BOX} -- rm /tmp/fill || exit 3
        $envbox run {BOX} -- sh -c 'echo fits > /tmp/x' || exit 4
        exit 9"
    );
    is_told(&on_a_small_disk(&env, with_program(16 * 1024), &format!("({script})")), 9);
}

/// So many KiB, and room for the copy of the program that boxes have.
fn with_program(size: u32) -> u32 {
    size + u32::try_from(std::fs::metadata(envbox()).unwrap().len() >> 10).unwrap()
}

#[test]
fn a_system_box_starts_on_a_full_disk_to_be_tidied_up() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    env.image(Rootfs::busybox().file("etc/inittab", 0o644, b"::respawn:/bin/sleep 100000\n").tar());
    let in_box = format!("$envbox run {BOX} --user root -- sh -c");
    let script = format!(
        "$envbox create {BOX} --image $busybox && cd \"$XDG_DATA_HOME\"/envbox/boxes/{BOX} || exit 1
        echo 'init: auto' >> box.yaml; $envbox start {BOX} || exit 2
        {in_box} 'cat /dev/zero > /fill'; test $? = 1 || exit 3
        $envbox restart {BOX} || exit 4
        {in_box} 'rm /fill && echo fits > /x' || exit 5
        exit 9"
    );
    is_told(&on_a_small_disk(&env, with_program(16 * 1024), &format!("({script})")), 9);
}
