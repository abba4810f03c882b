//! System boxes from inside: real inits as process 1, their services, logins, restarts and ends.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::debian::with_proxies;
use crate::support::boxes::{BOX, eventually, is_running, kill, with_box};
use crate::support::rootfs::Rootfs;
use crate::support::{Pty, TestEnvironment, envbox, requires};

/// BusyBox's init, which starts nothing but a shell script that never ends.
fn busybox_init() -> TestEnvironment {
    let inittab = b"::sysinit:/bin/true\n::respawn:/bin/sleep 100000\n";
    let env = with_box(Rootfs::busybox().file("etc/inittab", 0o644, inittab).tar());
    env.configure(BOX, "init: auto");
    env
}

impl TestEnvironment {
    /// Has the system started anew, from inside.
    fn reboot(&self) {
        // The session is ended with all the others, at some point.
        self.as_root("touch /run/before; reboot").output();
        eventually("it boots anew", || self.sh("test ! -e /run/before").output().status.success());
    }

    fn as_root(&self, script: &str) -> crate::support::Run<'_> {
        self.envbox(["run", BOX, "--user", "root", "--", "sh", "-c", script])
    }

    /// A login.
    fn enter(&self, script: &str) -> crate::support::Run<'_> {
        self.envbox(["enter", BOX, "--", "sh", "-c", script])
    }

    /// The cgroup of the box, where it has one.
    fn cgroup(&self) -> Option<String> {
        let record = fs::read(self.path(&format!("data/envbox/boxes/{BOX}/run/keeper.json"))).ok()?;
        let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
        record["group"].as_str().map(str::to_owned)
    }

    /// Waits until the box is gone, with all that was its.
    #[track_caller]
    fn is_gone(&self, group: Option<&str>) {
        eventually("the box ends", || self.keeper().is_none());
        group.into_iter().for_each(|group| {
            eventually("its cgroup goes", || !fs::exists(group).unwrap());
        });
    }
}

#[test]
fn an_init_has_a_box_of_its_own_and_nothing_of_the_hosts() {
    requires!(userns, subid, overlay);
    let env = busybox_init();
    env.envbox(["start", BOX]).succeeds();
    let open = env.as_root("for fd in /proc/1/fd/*; do readlink $fd; done | sort -u").succeeds().stdout;
    assert_eq!(open, "/dev/console\n");
    let caps = env.as_root("grep -E 'Cap(Inh|Bnd)' /proc/1/status").succeeds().stdout;
    let of = |name: &str| {
        let line = caps.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
    };
    const SYS_ADMIN: u64 = 1 << 21;
    const SYS_TIME: u64 = 1 << 25;
    assert_eq!((of("CapInh"), of("CapBnd") & (SYS_ADMIN | SYS_TIME)), (0, SYS_ADMIN), "{caps}");
    let environment = env.as_root("tr '\\0' '\\n' < /proc/1/environ | cut -d= -f1 | sort").succeeds().stdout;
    assert_eq!(environment, "HOME\nPATH\nTERM\ncontainer\ncontainer_uuid\n");
    let script = "cat /run/.containerenv /run/host/container-manager /etc/hostname; wc -c < /etc/machine-id; \
                  grep -c ' /run ' /proc/mounts; test -s /run/host/os-release && touch /run/lock/x && echo all";
    assert_eq!(env.sh(script).succeeds().stdout, "engine=\"envbox\"\nenvbox\nb\n33\n2\nall\n");
    let id = env.sh("cat /etc/machine-id").succeeds().stdout;
    env.envbox(["restart", BOX]).succeeds();
    assert_eq!(env.sh("cat /etc/machine-id").succeeds().stdout, id);
    env.envbox(["stop", BOX]).succeeds();
}

#[test]
fn reboot_and_poweroff_do_what_they_say() {
    requires!(userns, subid, overlay);
    let env = busybox_init();
    env.envbox(["start", BOX]).succeeds();
    let keeper = env.keeper().unwrap();
    let group = env.cgroup();
    env.as_root("touch /kept").succeeds();
    env.reboot();
    assert_eq!(env.keeper(), Some(keeper), "the box has been up all the time");
    env.sh("test -e /kept; ps | grep -q '[s]leep 100000'").succeeds();
    env.as_root("poweroff").output();
    env.is_gone(group.as_deref());
    env.sh("test -e /kept").succeeds();
    env.envbox(["stop", BOX]).succeeds();
}

/// An init is limited as a session is, and so are the services that it starts; also after it has started anew.
#[test]
fn services_see_the_limits_that_sessions_see() {
    requires!(userns, subid, overlay);
    let env = busybox_init();
    env.configure(BOX, "limits: {cpus: 1, nofile: 500}");
    env.envbox(["start", BOX]).succeeds();
    let script = "for pid in self 1 $(pidof sleep); do \
                  grep -h -e Cpus_allowed_list -e 'open files' /proc/$pid/status /proc/$pid/limits | xargs; done";
    let limited = |when: &str| {
        eventually("its service runs", || env.as_root("pidof sleep").output().status.success());
        let said = env.as_root(script).succeeds().stdout;
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!((lines.len(), lines[1], lines[2]), (3, lines[0], lines[0]), "{when}: {said}");
        assert!(lines[0].ends_with("Max open files 500 500 files"), "{said}");
        let processors = lines[0].split_whitespace().nth(1).unwrap();
        assert!(processors.parse::<u32>().is_ok(), "one: {said}");
    };
    limited("at first");
    env.reboot();
    limited("anew");
    env.envbox(["stop", BOX]).succeeds();
}

#[test]
fn limits_that_were_changed_are_those_of_an_init_that_starts_anew() {
    requires!(userns, subid, overlay);
    let env = busybox_init();
    env.configure(BOX, "limits: {nofile: 500}");
    env.envbox(["start", BOX]).succeeds();
    // One higher, which nobody can raise for what runs already, and one that was not there.
    env.envbox(["limit", BOX, "--nofile", "600", "--cpuset", "0"]).succeeds();
    env.reboot();
    let script = "for pid in 1 self; do \
                  grep -h -e Cpus_allowed_list -e 'open files' /proc/$pid/status /proc/$pid/limits | xargs; done";
    let limits = "Cpus_allowed_list: 0 Max open files 600 600 files\n";
    assert_eq!(env.as_root(script).succeeds().stdout, limits.repeat(2));
    env.envbox(["stop", BOX]).succeeds();
}

#[test]
fn what_a_dead_session_leaves_is_ended_in_a_system_too() {
    requires!(userns, subid, overlay);
    let env = busybox_init();
    env.envbox(["start", BOX]).succeeds();
    let mut session = env.sh_command("echo $$ > /tmp/pid; sleep 4711 & wait").spawn().unwrap();
    eventually("it runs", || env.sh("pgrep -f '^sleep 4711'").output().status.success());
    session.kill().unwrap();
    session.wait().unwrap();
    eventually("it is ended", || !env.sh("pgrep -f '^sleep 4711'").output().status.success());
    env.envbox(["stop", BOX]).succeeds();
}

#[test]
fn whoever_is_killed_leaves_nothing() {
    requires!(userns, subid, overlay);
    let env = busybox_init();
    for round in 0..24_u64 {
        let mut start = env.command(envbox()).args(["start", BOX]).spawn().unwrap();
        thread::sleep(Duration::from_millis(round * 7 % 60));
        let keeper = env.keeper();
        match (round % 3, keeper) {
            (0, Some(keeper)) => kill("KILL", keeper),
            (1, Some(keeper)) => {
                // Its first child is the init.
                let children = fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children"));
                children.unwrap_or_default().split_whitespace().take(1).for_each(|pid| {
                    // It may have ended by itself.
                    let _ = std::process::Command::new("kill").args(["-9", pid]).status();
                });
            }
            _ => start.kill().unwrap(),
        }
        start.wait().unwrap();
        let group = env.cgroup();
        env.envbox(["start", BOX]).succeeds();
        env.sh("ps | grep -q '[s]leep 100000'").succeeds();
        env.envbox(["stop", BOX]).succeeds();
        env.is_gone(group.as_deref());
        assert!(keeper.is_none_or(|keeper| !is_running(keeper)));
    }
}

/// A system box of this Debian: boots with nothing failed and nothing masked, knows who logs in, and ends as it is asked to.
fn boots(suite: &str) {
    requires!(userns, subid, overlay, net, cgroup);
    let env = TestEnvironment::new();
    with_proxies(env.envbox(["create", BOX, "--ignore-valid-until", "--system", suite])).succeeds();
    let started = env.envbox(["start", BOX]).succeeds().stderr;
    assert!(!started.contains("degraded"), "{started}");
    let group = env.cgroup();
    assert_eq!(env.enter("systemctl is-system-running").succeeds().stdout, "running\n");
    assert_eq!(env.sh("systemctl list-units --failed --plain --no-legend").succeeds().stdout, "");
    assert_eq!(env.as_root("find /etc/systemd /run/systemd -lname /dev/null").succeeds().stdout, "");
    logs_in(&env);
    // What systemd sees of its cgroups is the box's alone, and sessions are no part of what it manages without a login.
    assert_eq!(
        env.sh("sed -n s/^0:://p /proc/1/cgroup /proc/self/cgroup").succeeds().stdout,
        "/init.scope\n/.envbox\n"
    );
    let keeper = env.keeper();
    env.as_root("touch /run/before; systemctl reboot").output();
    let anew = || env.sh("test ! -e /run/before && systemctl is-system-running").output().stdout == "running\n";
    eventually("it boots anew", anew);
    assert_eq!(env.keeper(), keeper);
    let broken = "printf '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n[Install]\\nWantedBy=multi-user.target\\n' \
                  > /etc/systemd/system/broken.service; systemctl enable broken";
    env.as_root(broken).succeeds();
    env.envbox(["stop", BOX]).succeeds();
    env.is_gone(group.as_deref());
    let console = env.envbox(["logs", BOX]).output();
    assert!(!console.stdout.contains("FAILED"), "{}", console.stdout);
    for when in ["booted", "is up"] {
        let started = env.envbox(["start", BOX]).succeeds().stderr;
        assert!(
            started.contains(&format!(
                "degraded: some of its units have failed (envbox enter {BOX} -- systemctl --failed)"
            )),
            "{when}: {started}"
        );
    }
    env.as_root("systemctl poweroff").output();
    env.is_gone(group.as_deref());
}

fn logs_in(env: &TestEnvironment) {
    let uid = rustix::process::getuid().as_raw();
    let script = "systemctl --user is-system-running --wait; echo $XDG_RUNTIME_DIR $XDG_SESSION_CLASS; \
                  sed -n 's/^0:://p' /proc/self/cgroup; exit 7";
    let login = env.enter(script).env("XDG_SESSION_TYPE", "wayland").env("XDG_SEAT", "seat0").exits(7).stdout;
    let lines: Vec<&str> = login.lines().collect();
    assert_eq!(lines[..2], ["running", &format!("/run/user/{uid} user")]);
    assert!(lines[2].starts_with(&format!("/user.slice/user-{uid}.slice/session-")), "{login}");
    let kind = env.enter("echo $XDG_SESSION_TYPE $XDG_SEAT").env("XDG_SESSION_TYPE", "wayland").env("XDG_SEAT", "s");
    assert_eq!(kind.succeeds().stdout, "unspecified\n");
    let mut command = env.command(envbox());
    let mut pty = Pty::spawn(command.args(["enter", BOX, "--", "sh"]));
    pty.send("echo is a $XDG_SESSION_TYPE; tty; exit 3\r");
    pty.expect("is a tty\r\n/dev/pts/");
    assert_eq!(pty.wait().0.code(), Some(3));
    // Sessions end with what they are of.
    eventually("logind forgets them", || {
        env.sh("loginctl list-sessions --no-legend | grep -vc manager").output().stdout == "0\n"
    });
}

#[test]
fn bookworm_boots() {
    boots("debian:12");
}

#[test]
fn trixie_boots() {
    boots("debian:13");
}

#[test]
fn sid_boots() {
    boots("debian:sid");
}

#[test]
fn a_service_of_a_package_survives_a_restart() {
    requires!(userns, subid, overlay, net, cgroup, slirp);
    let env = TestEnvironment::new();
    with_proxies(env.envbox(["create", BOX, "--system", "debian:12"])).succeeds();
    env.envbox(["start", BOX]).succeeds();
    // On the host's network port 80 is root's, and nginx would not start there; with one of its own a box may have any port.
    let install = "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; apt-get update && \
                   DEBIAN_FRONTEND=noninteractive apt-get install -y nginx-light curl && rm /usr/sbin/policy-rc.d";
    with_proxies(env.as_root(install)).succeeds();
    env.envbox(["stop", BOX]).succeeds();
    env.configure(BOX, "network: private");
    for _ in 0..2 {
        env.envbox(["restart", BOX]).succeeds();
        assert_eq!(env.sh("systemctl is-active nginx").succeeds().stdout, "active\n");
        let page = env.sh("curl --noproxy '*' -s http://127.0.0.1/").succeeds().stdout;
        assert!(page.contains("Welcome to nginx!"), "{page}");
        assert_eq!(env.sh("systemctl is-system-running").succeeds().stdout, "running\n");
    }
    env.envbox(["stop", BOX]).succeeds();
}
