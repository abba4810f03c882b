//! Where a user may make cgroups, and what root does so that they may.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{TestEnvironment, envbox, requires};

/// A user who is on every machine, and has no cgroup on any.
const NOBODY: u32 = 65534;

/// The row of this name in what `doctor --json` has printed.
fn row(json: &[u8], name: &str) -> Value {
    let rows: Vec<Value> = serde_json::from_slice(json).unwrap();
    rows.into_iter().find(|row| row["name"] == name).unwrap()
}

#[test]
fn a_user_who_has_a_cgroup_is_told_where() {
    requires!(user, cgroup);
    let env = TestEnvironment::new();
    let row = row(&env.envbox(["doctor", "--json"]).output().bytes, "cgroup");
    assert_eq!(row["state"], "ok", "{row}");
    let detail = row["detail"].as_str().unwrap();
    assert!(detail.contains("/sys/fs/cgroup"), "{detail}");
}

/// The cgroup of `doctor --cgroup`'s for a user, gone at the end with all that is in it.
struct Prepared(String);

impl Prepared {
    fn of(uid: u32) -> Self {
        let mount = Command::new("findmnt").args(["-nft", "cgroup2", "-o", "TARGET"]).output().unwrap().stdout;
        Self(format!("{}/envbox@{uid}", String::from_utf8(mount).unwrap().trim()))
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        const GONE: &str = "cd \"$1\" && echo 1 > cgroup.kill; cd /; \
            for i in $(seq 50); do find \"$1\" -depth -type d -exec rmdir {} + && break; sleep 0.1; done";
        let _ = Command::new("sh").args(["-c", GONE, "sh", &self.0]).output();
    }
}

/// As root, in a mount namespace where what is changed of PAM and of root's programs is a copy.
const PASTED: &str = r#"
    cp -a /etc/pam.d pam.d && mount --bind pam.d /etc/pam.d
    mkdir sbin && mount --bind sbin /usr/local/sbin
    chown -R 65534 ..
    as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
    as_nobody "$1" doctor --json > before || :
    as_nobody "$1" doctor --cgroup > lines
    sh -e lines
    sed -n s/^0:://p /proc/$$/cgroup > placed
    as_nobody "$1" doctor --json > after || :
    echo $$ > "$(findmnt -nft cgroup2 -o TARGET)/cgroup.procs"
    su nobody -s /bin/sh -c 'sed -n s/^0:://p /proc/self/cgroup; mkdir "$0"/box' "$2" > login
    # Twice does no harm.
    sh -e lines
    grep -c envbox-cgroup /etc/pam.d/common-session > count
"#;

#[test]
fn as_root_the_lines_give_a_login_its_cgroup() {
    requires!(root, unmanaged);
    if !fs::exists("/etc/pam.d/common-session").unwrap() {
        return crate::support::requirement::skip("PAM as Debian has it");
    }
    let env = TestEnvironment::new();
    let prepared = Prepared::of(NOBODY);
    let mut command = env.command("unshare");
    command.args(["--mount", "sh", "-ec", PASTED, "sh"]).arg(envbox()).arg(&prepared.0);
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let read = |name: &str| fs::read(env.path("home").join(name)).unwrap();
    let text = |name: &str| String::from_utf8(read(name)).unwrap();

    let before = row(&read("before"), "cgroup");
    assert_eq!(before["state"], "warning", "{before}");
    assert!(before["fix"].as_str().unwrap().starts_with("envbox doctor --cgroup"), "{before}");
    let after = row(&read("after"), "cgroup");
    assert_eq!(after["state"], "ok", "{after}");
    assert!(after["detail"].as_str().unwrap().contains(&prepared.0), "{after}");
    for placed in ["placed", "login"] {
        assert_eq!(text(placed), "/envbox@65534/envbox-outside\n", "{placed}");
    }
    assert!(fs::exists(format!("{}/box", prepared.0)).unwrap(), "a login may make cgroups");
    assert_eq!(text("count"), "1\n");
}
