//! Debian 12 in a machine of its own: systemd, cgroup v2 alone, kernel 6.1.

mod login;
mod refusal;
mod system;

use crate::support::requires;
use crate::support::vm::{BOOKWORM, TRIXIE};

/// Not a test: runs what `tests/vm` has been given.
#[test]
#[ignore = "started by tests/vm"]
#[expect(clippy::exit, reason = "the status is the script's")]
fn by_hand() {
    let given = |name: &str| std::env::var(format!("ENVBOX_VM_{name}")).unwrap();
    let guest = if given("SUITE") == "trixie" { &TRIXIE } else { &BOOKWORM };
    let answer = guest.answer(&given("USER"), 3600, &given("SCRIPT"));
    print!("{}", answer.stdout);
    eprint!("{}", answer.stderr);
    std::process::exit(answer.status);
}

#[test]
fn a_user_is_logged_in() {
    requires!(qemu);
    let cgroup = BOOKWORM.sh("tester", "cat /proc/self/cgroup");
    assert!(cgroup.starts_with("0::/user.slice/user-1000.slice/session-"), "{cgroup}");
    assert_eq!(BOOKWORM.sh("tester", "systemctl --user is-active default.target"), "active\n");
}

#[test]
fn the_overlays_of_this_kernel() {
    requires!(qemu, fixtures);
    BOOKWORM.suite("tester", &["overlay::the_kernels_own", "overlay::fuse_overlayfs", "homes::an_overlay_home"]);
}

/// Of what this machine has none or others: `/etc/hosts`, mounts of this kernel, namespaces in namespaces under its rules.
#[test]
fn the_world_of_a_user_of_this_machine() {
    requires!(qemu, fixtures);
    let names = ["world::names_and_addresses", "mounts::files_and_directories", "nesting::sandboxes_work"];
    BOOKWORM.suite("tester", &names);
}

/// What `doctor --cgroup` has root do, for one shell.
const PREPARED: &str = "D=/sys/fs/cgroup/limits && mkdir $D && cd /var/tmp \
    && echo +cpu +cpuset +memory +pids +io > /sys/fs/cgroup/cgroup.subtree_control \
    && chown tester $D $D/cgroup.procs $D/cgroup.subtree_control $D/cgroup.threads && echo $$ > $D/cgroup.procs \
    && exec runuser -u tester -- env HOME=/home/tester ENVBOX_TEST_REQUIRE=1 ";

#[test]
fn limits_hold() {
    requires!(qemu, fixtures);
    let script = format!("{PREPARED} /mnt/it limits::enforced:: --test-threads=2");
    let answer = BOOKWORM.answer("root", 600, &script);
    assert_eq!(answer.status, 0, "{answer:#?}");
}
