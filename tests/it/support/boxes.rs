//! Boxes of an environment, their keepers, and what runs in them, as the host sees it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::environment::Run;
use super::rootfs::Rootfs;
use super::{TestEnvironment, envbox};

/// The box that tests work with.
pub(crate) const BOX: &str = "b";

/// An environment with a box of BusyBox that stays up for a second when nothing is left in it.
pub(crate) fn busybox() -> TestEnvironment {
    with_box(Rootfs::busybox().tar())
}

/// An environment with a box of this tarball.
pub(crate) fn with_box(tar: Vec<u8>) -> TestEnvironment {
    let env = TestEnvironment::new();
    let image = env.image(tar);
    env.envbox(["create", BOX, "--image"]).arg(&image).succeeds();
    env.configure(BOX, "linger: 1");
    env
}

impl TestEnvironment {
    /// Puts a tarball where a box can be made of it.
    pub(crate) fn image(&self, tar: Vec<u8>) -> PathBuf {
        let path = self.path("rootfs.tar");
        fs::write(&path, tar).unwrap();
        path
    }

    /// Sets a line of a box's configuration.
    pub(crate) fn configure(&self, name: &str, line: &str) {
        let path = self.path(&format!("data/envbox/boxes/{name}/box.yaml"));
        let key = line.split(':').next().unwrap();
        let old = fs::read_to_string(&path).unwrap();
        let kept = old.lines().filter(|old| old.split(':').next() != Some(key));
        fs::write(&path, kept.chain([line]).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }

    /// A command in the box.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Run<'_> {
        words.into_iter().fold(self.envbox(["run", BOX, "--"]), Run::arg)
    }

    /// A script in the box.
    pub(crate) fn sh(&self, script: &str) -> Run<'_> {
        self.run(["sh", "-c", script])
    }

    /// The same, to be started by hand.
    pub(crate) fn sh_command(&self, script: &str) -> Command {
        let mut command = self.command(envbox());
        command.args(["run", BOX, "--", "sh", "-c", script]).stdin(Stdio::null());
        command
    }

    /// The pid of the box's keeper, if it is up.
    pub(crate) fn keeper(&self) -> Option<i32> {
        let record = fs::read(self.path(&format!("data/envbox/boxes/{BOX}/run/keeper.json"))).ok()?;
        let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
        let pid = i32::try_from(record["pid"].as_i64()?).ok()?;
        is_running(pid).then_some(pid)
    }

    /// What is left in `staging/`.
    pub(crate) fn staged(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path("data/envbox/staging")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

/// The state of a process (proc_pid_stat(5)): `S`, `T`, `Z`, …; `X` if there is no such process.
pub(crate) fn state(pid: i32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('X')
}

/// Whether a process runs; a zombie does not.
pub(crate) fn is_running(pid: i32) -> bool {
    !matches!(state(pid), 'Z' | 'X')
}

/// A `sleep` that can be told from all others: its argument, in seconds.
pub(crate) fn long_sleep() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}{:03}", 1_000_000 + std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The sleeping processes with this argument, wherever they run.
pub(crate) fn sleepers(seconds: &str) -> Vec<i32> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_it = |pid: &i32| {
        let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = cmdline.split(|&byte| byte == 0).collect();
        words == [b"sleep", seconds.as_bytes(), b""]
    };
    pids.filter(is_it).filter(|&pid| is_running(pid)).collect()
}

/// Waits for something to become true, for some seconds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not even after ten seconds");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal by kill(1): a negative number is a process group.
#[track_caller]
pub(crate) fn kill(signal: &str, pid: i32) {
    let status = Command::new("kill").args(["-s", signal, "--", &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -s {signal} {pid}");
}

/// The pid of a child, as kill(1) wants it.
pub(crate) fn pid(child: &Child) -> i32 {
    child.id().try_into().unwrap()
}

/// The mounts of this process's namespace, without those that systemd comes and goes with: the runtime directory of
/// whoever logs in meanwhile, and the credentials of a service.
pub(crate) fn mounts() -> String {
    let all = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let of_systemd = |line: &str| {
        let at = line.split(' ').nth(4).unwrap();
        ["/run/user/", "/run/credentials/"].iter().any(|dir| at.strip_prefix(dir).is_some_and(|id| !id.contains('/')))
    };
    all.lines().filter(|line| !of_systemd(line)).collect::<Vec<_>>().join("\n")
}
