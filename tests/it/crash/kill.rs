//! Whatever keeps or serves a box killed, at moments of its start, its life and its end.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::start;
use crate::support::boxes::{BOX, eventually, is_running, kill, mounts, pid, with_box};
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, requires};

/// BusyBox's init, which starts anew when it is told to; once it is up it has a cgroup of its own.
const INITTAB: &str =
    "::sysinit:/bin/mkdir -p /sys/fs/cgroup/own\n::respawn:/bin/sleep 1000\n::ctrlaltdel:/bin/reboot\n";

/// A process of a box's, and of which kind of box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Keeper,
    Init,
    View,
    Fuse,
    /// The command itself.
    Client,
    /// Whatever it has forked that lives.
    ClientsChild,
}

/// What is killed while what is done: how many times in all is for [`POINTS`] to say.
const ROUNDS: [(&str, Victim); 12] = [
    ("start", Victim::Keeper),
    ("start", Victim::Init),
    ("start", Victim::Client),
    ("start", Victim::ClientsChild),
    ("run", Victim::View),
    ("run", Victim::Client),
    ("reboot", Victim::Keeper),
    ("reboot", Victim::Init),
    ("stop", Victim::Keeper),
    ("stop", Victim::Init),
    ("stop", Victim::Client),
    ("restart", Victim::ClientsChild),
];

/// Moments of each.
const POINTS: u32 = 2;

/// A process: its number, its parent's, and its words.
struct Process(i32, i32, String);

/// All that live.
fn processes() -> impl Iterator<Item = Process> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| is_running(pid)).filter_map(|pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?.replace('\0', " ");
        Some(Process(pid, stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?, words))
    })
}

fn child_of(parent: i32, begin: &str) -> Option<i32> {
    processes().find(|process| process.1 == parent && process.2.starts_with(begin)).map(|process| process.0)
}

impl TestEnvironment {
    /// A process of the box's, if it is there.
    fn victim(&self, which: Victim, client: i32) -> Option<i32> {
        let serves = |process: &Process| process.2.contains(&format!("{}/", self.path("data").display()));
        match which {
            Victim::Keeper => self.keeper(),
            Victim::Init => child_of(self.keeper()?, "/sbin/init"),
            Victim::View => child_of(self.keeper()?, "envbox view"),
            Victim::Fuse => processes().find(serves).map(|process| process.0),
            Victim::Client => Some(client),
            Victim::ClientsChild => child_of(client, ""),
        }
    }

    /// The box's cgroup, as it was noted when it was made.
    fn noted_group(&self) -> Option<PathBuf> {
        fs::read_to_string(self.path(&format!("data/envbox/boxes/{BOX}/run/cgroup"))).ok().map(PathBuf::from)
    }

    /// That the box starts, and has what was written into it before; then something else is written.
    #[track_caller]
    fn is_whole(&self, round: &str) {
        let script = "test \"$(cat /mark)\" = \"$0\" && echo \"$1\" > /mark && sync";
        let before = fs::read_to_string(self.path("mark")).unwrap_or_default();
        let outcome = self.run(["sh", "-c", script, &before, round]).output();
        assert!(outcome.status.success(), "{round}: {outcome:?}");
        fs::write(self.path("mark"), round).unwrap();
    }
}

fn system() -> TestEnvironment {
    let rootfs = Rootfs::busybox().dir("sbin").link("sbin/init", "../bin/init").file("mark", 0o666, b"");
    let env = with_box(rootfs.file("etc/inittab", 0o644, INITTAB.as_bytes()).tar());
    env.configure(BOX, "init: auto");
    env.configure(BOX, "limits: {memory: 300M}");
    env
}

/// Kills one while something is done, after a part of the time that it takes.
fn round(env: &TestEnvironment, verb: &str, victim: Victim, (point, whole): (u32, Duration)) {
    let words: &[&str] = match verb {
        "run" => &["run", BOX, "--", "sleep", "0.1"],
        "reboot" => &["run", BOX, "--user", "root", "--", "reboot"],
        "start" => &["start", BOX],
        _ => &[verb, "--time", "1", BOX],
    };
    if matches!(verb, "reboot" | "stop") {
        env.envbox(["start", BOX]).succeeds();
    }
    let mut child = start(env, words);
    thread::sleep(whole * point / POINTS);
    let until = Instant::now() + whole;
    while Instant::now() < until {
        if let Some(found) = env.victim(victim, pid(&child)) {
            let _ = std::process::Command::new("kill").args(["-9", &found.to_string()]).output();
            break;
        }
    }
    eventually("the command ends", || child.try_wait().unwrap().is_some());
}

#[test]
fn a_box_outlives_whoever_is_killed() {
    requires!(userns, subid, overlay, fixtures);
    let before = mounts();
    let env = system();
    env.envbox(["start", BOX]).succeeds();
    env.envbox(["stop", BOX]).succeeds();
    for (verb, victim) in ROUNDS {
        for point in 0..POINTS {
            let round_name = format!("{verb} {victim:?} {point}");
            round(&env, verb, victim, (point, Duration::from_millis(120)));
            env.is_whole(&round_name);
            env.envbox(["stop", "--time", "0", BOX]).succeeds();
            assert_eq!((env.keeper(), mounts()), (None, before.clone()), "{round_name}");
            assert!(env.noted_group().is_none(), "{round_name}");
        }
    }
}

#[test]
fn a_box_outlives_its_fuse_overlayfs() {
    requires!(userns, subid, fixtures, fuse);
    let before = mounts();
    let env = with_box(Rootfs::busybox().file("mark", 0o666, b"").tar());
    env.configure(BOX, "overlay: fuse");
    for (verb, victim) in
        [("start", Victim::Fuse), ("run", Victim::Fuse), ("start", Victim::Client), ("stop", Victim::Fuse)]
    {
        for point in 0..POINTS {
            let name = format!("{verb} {victim:?} {point}");
            round(&env, verb, victim, (point, Duration::from_millis(80)));
            env.is_whole(&name);
            env.envbox(["stop", "--time", "0", BOX]).succeeds();
            assert_eq!((env.keeper(), mounts()), (None, before.clone()), "{name}");
        }
    }
}

/// What the kernel leaves of a box whose keeper was killed is its cgroup.
#[test]
fn any_command_clears_what_a_killed_box_has_left() {
    requires!(userns, subid, overlay, fixtures, cgroup, unmanaged);
    let env = system();
    let clearing: [&[&str]; 8] = [
        &["list"],
        &["gc"],
        &["stop", BOX],
        &["limit", BOX],
        &["stats"],
        &["logs", BOX],
        &["restart", BOX],
        &["rm", "--yes", BOX],
    ];
    for command in clearing {
        env.envbox(["start", BOX]).succeeds();
        let group = env.noted_group().unwrap();
        let own = group.join("box/payload/own");
        assert!(own.exists(), "{}: the init has made one that is not this user's", own.display());
        let keeper = env.keeper().unwrap();
        kill("KILL", keeper);
        eventually("it is dead", || !is_running(keeper));
        assert!(group.exists());
        env.envbox(command).succeeds();
        let again = command[0] == "restart";
        assert_eq!(group.exists(), again, "{command:?}");
        if again {
            env.envbox(["stop", "--time", "0", BOX]).succeeds();
        }
    }
}
