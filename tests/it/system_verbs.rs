//! System boxes from outside: `start`, `restart`, `console`, `logs` and `autostart`, with inits that need no cgroup.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::debian::with_proxies;
use crate::support::boxes::{BOX, eventually, kill, with_box};
use crate::support::rootfs::{Rootfs, cirros};
use crate::support::{Pty, TestEnvironment, envbox, requires};

/// BusyBox's init with this inittab, and `rc` to start with.
fn busybox_init(inittab: &str, rc: &str) -> TestEnvironment {
    let rc = format!("#!/bin/sh\n{rc}\n");
    let rootfs = Rootfs::busybox()
        .file("etc/inittab", 0o644, format!("::sysinit:/etc/rc\n{inittab}\n").as_bytes())
        .file("etc/rc", 0o755, rc.as_bytes());
    system_of(rootfs)
}

/// An init that is this script.
fn script_init(script: &str) -> TestEnvironment {
    system_of(Rootfs::busybox().dir("sbin").file("sbin/init", 0o755, format!("#!/bin/sh\n{script}\n").as_bytes()))
}

fn system_of(rootfs: Rootfs) -> TestEnvironment {
    let env = with_box(rootfs.tar());
    env.configure(BOX, "init: auto");
    env
}

impl TestEnvironment {
    /// What `list` has of the box.
    fn listed(&self) -> Value {
        let all: Value = serde_json::from_slice(&self.envbox(["list", "--json"]).succeeds().bytes).unwrap();
        all.as_array().unwrap()[0].clone()
    }

    fn console(&self) -> String {
        self.envbox(["logs", BOX]).succeeds().stdout
    }
}

#[test]
fn a_start_waits_for_the_boot_and_a_stop_ends_it_in_order() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox_init("::shutdown:/bin/echo going down", "sleep 0.5; echo booted >> /booted");
    let started = env.envbox(["start", BOX]).succeeds();
    assert_eq!(started.stderr, "`b` is up (BusyBox init)\n");
    assert_eq!(env.sh("cat /booted; cat /proc/1/comm").succeeds().stdout, "booted\ninit\n");
    let environment =
        env.envbox(["run", BOX, "--user", "root", "--", "grep", "-c", "container=envbox", "/proc/1/environ"]);
    assert_eq!(environment.succeeds().stdout, "1\n");
    assert_eq!((env.listed()["kind"].as_str(), env.listed()["state"].as_str()), (Some("system"), Some("running")));
    // What is up is not started again.
    env.envbox(["start", BOX]).succeeds();
    env.envbox(["stop", BOX]).succeeds();
    assert_eq!(env.listed()["state"], "stopped");
    assert!(env.console().contains("going down"), "{}", env.console());
    env.envbox(["restart", BOX]).succeeds();
    assert_eq!(env.sh("cat /booted").succeeds().stdout, "booted\nbooted\n");
    env.envbox(["stop", BOX]).succeeds();
}

#[test]
fn a_session_in_a_stopped_system_box_finds_it_booted() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox_init("", "sleep 0.5; touch /run/booted");
    env.sh("test -e /run/booted").succeeds();
    env.envbox(["stop", BOX]).succeeds();
}

#[test]
fn a_boot_that_takes_too_long_is_shown_and_goes_on() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox_init("", "echo waiting for the moon; sleep 1000");
    let late = env.envbox(["start", BOX, "--wait", "1"]).exits(1).stderr;
    assert!(late.contains("waiting for the moon\n") && late.contains("`b` has not booted after 1 s"), "{late}");
    assert_eq!(env.listed()["state"], "running");
    env.envbox(["start", BOX, "--no-wait"]).succeeds();
    env.envbox(["stop", BOX, "--time", "0"]).succeeds();
    assert_eq!(env.listed()["state"], "stopped");
}

#[test]
fn an_init_that_ends_at_once_leaves_its_last_words() {
    requires!(userns, subid, overlay, fixtures);
    // Once while it is waited for, once as likely before anybody could.
    for init in ["sleep 0.05; echo no root; exit 3", "echo no root; exit 3"] {
        let env = script_init(init);
        for _ in 0..2 {
            let failed = env.envbox(["start", BOX]).exits(125).stderr;
            // Those of the start before are in the log, and not here.
            assert_eq!(
                (failed.matches("no root").count(), failed.matches("exit status 3").count()),
                (1, 1),
                "{failed}"
            );
            assert!(failed.contains("`b` has ended before it had booted"), "{failed}");
            eventually("it is gone", || env.listed()["state"] == "stopped");
        }
        assert_eq!(env.console().matches("no root").count(), 2);
    }
}

/// A script in systemd's place that lives on when it has said what it says, with a `systemctl` that is one too.
fn systemd_of(says: &str, systemctl: &str) -> TestEnvironment {
    let systemd = format!("#!/bin/sh\n{says}\nwhile :; do /bin/sleep 100; done\n");
    let rootfs = Rootfs::busybox()
        .dir("lib/systemd")
        .file("lib/systemd/systemd", 0o755, systemd.as_bytes())
        .file("bin/systemctl", 0o755, format!("#!/bin/sh\n{systemctl}\n").as_bytes())
        .file("bin/journalctl", 0o755, b"#!/bin/sh\necho of another boot\n");
    let env = with_box(rootfs.tar());
    env.configure(BOX, "init: /lib/systemd/systemd");
    env
}

/// As an init does that has booted, but by a file instead of a datagram.
const BOOTS: &str = "/bin/touch /run/envbox/booted; echo this far";

/// Starts a box and then, when it has booted, says what a start says of it.
#[track_caller]
fn started(env: &TestEnvironment, status: i32) -> String {
    env.envbox(["start", BOX, "--no-wait"]).output();
    eventually("it has booted", || env.run(["/bin/test", "-e", "/run/envbox/booted"]).output().status.success());
    env.envbox(["start", BOX]).exits(status).stderr
}

/// Whether a unit has failed is asked of a systemd that is up, and one that does not answer is up all the same.
#[test]
fn a_systemd_that_does_not_answer_is_up() {
    requires!(userns, subid, overlay, cgroup, fixtures);
    let env = systemd_of(BOOTS, "exec sleep 4711");
    let up = started(&env, 0);
    assert!(up.starts_with("`b` is up (systemd)\nwarning: `b` does not say whether all of it is started ("), "{up}");
    eventually("what was asked is ended", || !env.sh("pgrep -f '^sleep 4711'").output().status.success());
    env.envbox(["stop", BOX, "--time", "0"]).succeeds();
}

#[test]
fn a_systemd_is_asked_wherever_its_box_has_programs_looked_for() {
    requires!(userns, subid, overlay, cgroup, fixtures);
    let env = systemd_of(BOOTS, "echo running");
    env.configure(BOX, "env: {PATH: /nope}");
    assert_eq!(started(&env, 0), "`b` is up (systemd)\n");
    env.envbox(["stop", BOX, "--time", "0"]).succeeds();
}

#[test]
fn a_boot_into_maintenance_has_failed() {
    requires!(userns, subid, overlay, cgroup, fixtures);
    let env = systemd_of(BOOTS, "echo maintenance; exit 1");
    let failed = started(&env, 125);
    assert!(failed.starts_with("this far\nerror: `b` has not booted: it is in maintenance"), "{failed}");
    assert_eq!(env.listed()["state"], "running");
    env.envbox(["stop", BOX, "--time", "0"]).succeeds();
}

/// A journal has the boots before as well.
#[test]
fn a_boot_that_is_late_is_explained_by_its_own_words() {
    requires!(userns, subid, overlay, cgroup, fixtures);
    let env = systemd_of("echo this far", "exit 1");
    let late = env.envbox(["start", BOX, "--wait", "2"]).exits(1).stderr;
    assert!(late.starts_with("this far\nerror: `b` has not booted after 2 s"), "{late}");
    env.envbox(["stop", BOX, "--time", "0"]).succeeds();
}

#[test]
fn a_signal_of_ones_own_ends_the_init() {
    requires!(userns, subid, overlay, fixtures);
    let env = script_init("trap 'echo asked > /asked; exit 0' USR2; echo up; while :; do sleep 0.05; done");
    env.configure(BOX, "stop_signal: SIGUSR2");
    env.envbox(["start", BOX]).succeeds();
    env.envbox(["stop", BOX]).succeeds();
    env.configure(BOX, "init: none");
    assert_eq!(env.sh("cat /asked").succeeds().stdout, "asked\n");
    env.configure(BOX, "init: auto");
    env.configure(BOX, "stop_signal: SIGNOTHING");
    let bad = env.envbox(["start", BOX]).exits(125).stderr;
    assert!(bad.contains("`SIGNOTHING` is no signal"), "{bad}");
}

/// An init that leaves stays until all of its namespace are collected, by whoever is outside and is in no hurry.
#[test]
fn whoever_comes_before_the_next_init_waits_for_it() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox_init("", "echo x >> /boots");
    let mut session = env.sh_command("echo here; exec sleep 1000").stdout(Stdio::piped()).spawn().unwrap();
    let mut here = [0; 5];
    session.stdout.take().unwrap().read_exact(&mut here).unwrap();
    let pid = i32::try_from(session.id()).unwrap();
    kill("STOP", pid);
    env.envbox(["run", BOX, "--user", "root", "--", "reboot", "-f"]).output();
    let (said, saying) = std::io::pipe().unwrap();
    let mut next = env.sh_command("cat /boots").stdout(Stdio::piped()).stderr(saying).spawn().unwrap();
    let mut said = BufReader::new(said).lines();
    assert_eq!(said.next().unwrap().unwrap(), "waiting for the end of what runs in `b`");
    kill("CONT", pid);
    let mut boots = String::new();
    next.stdout.take().unwrap().read_to_string(&mut boots).unwrap();
    assert!(next.wait().unwrap().success() && boots == "x\nx\n", "{boots}");
    session.wait().unwrap();
    env.envbox(["stop", BOX]).succeeds();
}

#[test]
fn whoever_comes_during_a_stop_starts_the_box_after_it() {
    requires!(userns, subid, overlay, fixtures);
    let env = script_init("echo x >> /starts; trap 'echo asked' USR2; while :; do sleep 0.05; done");
    env.configure(BOX, "stop_signal: SIGUSR2");
    env.envbox(["start", BOX]).succeeds();
    let mut stop = env.command(envbox()).args(["stop", BOX, "--time", "1"]).spawn().unwrap();
    eventually("it is asked to end", || env.console().contains("asked"));
    assert_eq!(env.sh("cat /starts").succeeds().stdout, "x\nx\n");
    assert!(stop.wait().unwrap().success());
    env.envbox(["stop", BOX, "--time", "0"]).succeeds();
}

#[test]
fn without_an_init_it_is_said_where_one_comes_from() {
    requires!(userns, subid, overlay, fixtures);
    let release = b"ID=debian\nVERSION_ID=12\n";
    let env = system_of(Rootfs::busybox_without(&["bin/init"]).file("etc/os-release", 0o644, release));
    let none = env.envbox(["start", BOX]).exits(125).stderr;
    assert!(none.contains("the box `b` has no init") && none.contains("systemd-sysv"), "{none}");
    assert!(none.contains("--system"), "{none}");
    env.configure(BOX, "init: yes");
    let none = env.envbox(["start", BOX]).exits(125).stderr;
    assert!(none.contains("`yes` is no init; there are: none, auto, or an absolute path in the box"), "{none}");
}

#[test]
fn why_a_named_init_cannot_be_run_is_said() {
    requires!(userns, subid, overlay, fixtures);
    let rootfs = Rootfs::busybox().file("opt/none", 0o755, b"#!/nonexistent\n").file("opt/text", 0o755, b"text\n");
    let env = system_of(rootfs.file("opt/plain", 0o644, b"\x7fELF"));
    for (init, said) in [
        ("/opt/init", "the box has no program `/opt/init`, which `init` names: it is not there"),
        ("/opt", "that is a directory"),
        ("/opt/plain", "that is not executable"),
        ("/opt/none", "cannot run `/opt/none` in the box\ncaused by: the interpreter that it names"),
        ("/opt/text", "cannot run `/opt/text` in the box\ncaused by: Exec format error"),
    ] {
        env.configure(BOX, &format!("init: {init}"));
        let stderr = env.envbox(["start", BOX]).exits(125).stderr;
        assert!(stderr.contains(said), "{init}: {stderr}");
    }
}

#[test]
fn an_application_box_is_up_for_its_linger() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(Rootfs::busybox().tar());
    assert_eq!(env.envbox(["start", BOX]).succeeds().stderr, "`b` is up, for 1 s where nothing runs in it\n");
    assert_eq!(env.listed()["kind"], "application");
    let no_console = env.envbox(["console", BOX]).exits(125).stderr;
    assert!(no_console.contains("`b` has no init"), "{no_console}");
    let no_logs = env.envbox(["logs", BOX]).exits(125).stderr;
    assert!(no_logs.contains("`b` is no system box"), "{no_logs}");
}

fn on_console(env: &TestEnvironment, keys: &[&str]) -> Pty {
    let mut command = env.command(envbox());
    command.args(["console", BOX]).args(keys);
    let mut pty = Pty::spawn(&command);
    pty.expect("leaves it\r\n");
    // The size of the terminal that was attached last is the console's.
    pty.send("\r");
    pty.expect("/ # ");
    pty
}

#[test]
fn services_learn_of_a_resolver_of_the_hosts_without_a_session() {
    requires!(user, userns, subid, overlay, fixtures);
    // The host is a box, whose root may give it another resolver.
    let env = with_box(Rootfs::alpine().tar());
    let says = "#!/bin/sh\nwhile sleep 0.05; do cmp -s /etc/resolv.conf /seen || { cp /etc/resolv.conf /seen; cat /seen; }; done\n";
    let system = Rootfs::busybox().dir("sbin").file("sbin/init", 0o755, says.as_bytes());
    fs::write(env.path("home/s.tar"), system.tar()).unwrap();
    let script = "set -e
        envbox --quiet create s --system ~/s.tar
        envbox --quiet start --no-wait s
        says() { n=0; until envbox logs s | grep \"$1\"; do n=$((n + 1)); [ $n -lt 200 ] || exit 9; sleep 0.05; done; }
        for address in 192.0.2.1 192.0.2.2; do
            echo \"nameserver $address\" > /tmp/new
            sudo sh -c 'cat /tmp/new > /etc/resolv.conf'
            says \"$address\"
        done
        sudo sh -c 'rm /etc/resolv.conf && ln -s /run/mine/resolv.conf /etc && mkdir /run/mine'
        echo nameserver 192.0.2.3 | sudo tee /run/mine/resolv.conf >/dev/null
        sudo touch /etc/resolv.conf.lock
        says 192.0.2.3
        envbox --quiet stop --time 0 s";
    let said = env.sh(script).succeeds().stdout.replace('\r', "");
    assert_eq!(said, "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n");
}

#[test]
fn two_terminals_on_one_console() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox_init("console::respawn:-/bin/sh", "");
    env.envbox(["start", BOX]).succeeds();
    let (mut one, mut other) = (on_console(&env, &[]), on_console(&env, &["--detach-keys", "ctrl-p,ctrl-q"]));
    one.resize(33, 77);
    one.send("echo se''en; until stty size | grep '33 77'; do sleep 0.1; done\r");
    one.expect("seen\r\n33 77\r\n");
    other.expect("seen\r\n33 77\r\n");
    one.send("\x1d\x1d\x1d");
    let (status, rest) = one.wait();
    assert!(status.success() && rest.contains("left the console"), "{rest}");
    other.send("echo still he''re\r");
    other.expect("still here\r\n");
    assert_eq!(env.listed()["state"], "running");
    assert!(env.console().contains("still here\r\n"));
    env.envbox(["stop", BOX]).succeeds();
    assert!(other.wait().1.contains("the box has ended"));
}

#[test]
fn logs_follow_the_console_until_the_box_ends() {
    requires!(userns, subid, overlay, fixtures);
    let env = script_init(
        "trap 'echo last words; exit 0' TERM; for n in 1 2 3; do echo line $n; done; while :; do sleep 0.05; done",
    );
    env.envbox(["start", BOX]).succeeds();
    assert_eq!(env.envbox(["logs", "-n", "2", BOX]).succeeds().stdout, "line 2\r\nline 3\r\n");
    let mut follow = env.command(envbox());
    let mut follow = Pty::spawn(follow.args(["logs", "-f", "-n", "1", BOX]));
    follow.expect("line 3");
    env.envbox(["stop", BOX]).succeeds();
    follow.expect("last words");
    assert!(follow.wait().0.success());
}

#[test]
fn a_start_at_login_is_a_unit_or_clear_words() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(Rootfs::busybox().tar());
    let none = env.envbox(["autostart", "nope"]).exits(125).stderr;
    assert!(none.contains("nope"), "{none}");
    if !Path::new("/run/systemd/system").is_dir() {
        let words = env.envbox(["autostart", BOX]).exits(125).stderr;
        assert!(words.contains("no systemd") && words.contains("@reboot ") && words.contains(" start b"), "{words}");
        return;
    }
    env.envbox(["autostart", BOX]).succeeds();
    assert_eq!(env.envbox(["autostart"]).succeeds().stdout, "b\n");
    let unit = fs::read_to_string(env.path("config/systemd/user/envbox@.service")).unwrap();
    assert!(unit.contains("start %i\n") && unit.contains("Delegate=yes\n"), "{unit}");
    env.envbox(["autostart", BOX, "--off"]).succeeds();
    assert_eq!(env.envbox(["autostart"]).succeeds().stdout, "");
    env.envbox(["autostart", BOX]).succeeds();
    env.envbox(["rm", "--yes", BOX]).succeeds();
    assert_eq!(env.envbox(["autostart"]).succeeds().stdout, "");
}

#[test]
fn cirros_boots_with_its_own_init() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    env.envbox(["create", BOX, "--system"]).arg(cirros()).succeeds();
    env.configure(BOX, "network: none");
    env.configure(BOX, "init: none");
    // Or it waits for a metadata server, long.
    let local = "echo DATASOURCE_LIST=nocloud > /etc/cirros-init/config";
    env.envbox(["run", BOX, "--user", "root", "--", "sh", "-c", local]).succeeds();
    env.envbox(["stop", BOX]).succeeds();
    env.configure(BOX, "init: auto");
    env.envbox(["start", BOX]).succeeds();
    assert!(env.console().contains("rc.sysinit: up at"), "{}", env.console());
    env.envbox(["stop", BOX]).succeeds();
    assert!(env.console().contains("The system is going down NOW!"), "{}", env.console());
}

#[test]
fn debian_gets_systemd_once() {
    requires!(userns, subid, overlay, net);
    let env = TestEnvironment::new();
    with_proxies(env.envbox(["create", BOX, "--system", "debian:12"])).succeeds();
    let layers = || fs::read_dir(env.path("data/envbox/layers/sha256")).unwrap().count();
    assert_eq!(layers(), 2, "Debian, and what makes a system of it");
    let nowhere = "http://127.0.0.1:9";
    let second = env.envbox(["create", "second", "--system", "debian:12"]);
    second.env("http_proxy", nowhere).env("https_proxy", nowhere).succeeds();
    assert_eq!(layers(), 2);
    let dry = env.envbox(["enter", BOX, "--dry-run"]).succeeds().stdout;
    assert!(dry.contains("init      /sbin/init  (systemd; signal 37 ends it)"), "{dry}");
    // A box of the same that is none has nothing of it.
    env.envbox(["create", "plain", "--image", "debian:12"]).succeeds();
    env.envbox(["run", "plain", "--", "test", "!", "-e", "/sbin/init"]).succeeds();
}

#[test]
fn services_begin_with_the_hosts_names_and_without_its_groups() {
    requires!(userns, subid, overlay, fixtures);
    let rc = "cat /etc/hosts > /hosts; cp /etc/resolv.conf /resolv.conf; grep ^Groups: /proc/1/status > /groups";
    let env = busybox_init("", rc);
    env.envbox(["start", BOX]).succeeds();
    // Of the first boot, before there was any session.
    assert_eq!(env.sh("cmp /resolv.conf /etc/resolv.conf && cat /groups").succeeds().stdout.trim(), "Groups:");
    assert!(env.sh("cat /hosts").succeeds().stdout.contains("localhost"));
    env.envbox(["stop", BOX]).succeeds();
}
