//! A machine that this one is not: Debian with systemd and pure cgroup v2, in qemu, its users logged in.
//!
//! It is made and booted once, and kept as it is then; every run wakes it from there, once for all of its tests. Nothing
//! has to be taken down: the machine dies with this process, what it has written is nowhere, and once it is up no file or
//! socket of it has a name.

mod agent;
mod machine;
mod qemu;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use agent::Agent;
pub(crate) use agent::Answer;
use qemu::{Console, Qemu};

use super::{envbox, fixtures, tests_dir};

/// Debian 12: kernel 6.1, systemd 252.
pub(crate) static BOOKWORM: LazyLock<Guest> = LazyLock::new(|| Guest::wake("bookworm"));

/// Debian 13: kernel 6.12, systemd 257, AppArmor 4.
pub(crate) static TRIXIE: LazyLock<Guest> = LazyLock::new(|| Guest::wake("trixie"));

/// Who is logged in: root, a user with subordinate ids, a user without.
const USERS: [&str; 3] = ["root", "tester", "plain"];

/// Seconds that a command may take unless it is given more.
const SECONDS: u32 = 120;

/// What a script begins with: where this run's files are.
const PREAMBLE: &str = "export ENVBOX_BIN=/mnt/envbox ENVBOX_FIXTURES=/mnt/fixtures PATH=$PATH:/usr/sbin:/sbin:/mnt\n";

/// A machine that is up.
pub(crate) struct Guest {
    agents: BTreeMap<&'static str, Agent>,
    console: Console,
    /// Held for reading by a script that takes the machine as it is, and for writing by one that changes it for all.
    shared: RwLock<()>,
}

impl Guest {
    fn wake(suite: &str) -> Self {
        let machine = machine::made(suite);
        let dir = tempfile::Builder::new().prefix("envbox-vm-").tempdir_in(tests_dir()).unwrap();
        write_files(dir.path());
        let guest = Self::start(Qemu::new(&machine, dir.path(), "snapshot=on,cache=unsafe").asleep());
        // For the machine no time has passed since it fell asleep.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        guest.sh("root", &format!("date --set @{now} && mount -o ro /dev/vdb /mnt"));
        guest
    }

    fn start(mut qemu: Qemu<'_>) -> Self {
        let ports = USERS.map(|user| (user, qemu.port(user)));
        let console = qemu.start();
        let connect = |port: &Path| Agent::connect(port).unwrap_or_else(|error| panic!("{error}\n{}", console.text()));
        Self {
            agents: ports.into_iter().map(|(user, port)| (user, connect(&port))).collect(),
            console,
            shared: RwLock::new(()),
        }
    }

    /// Runs a script as a user who is logged in, and expects success. The result is its standard output.
    #[track_caller]
    pub(crate) fn sh(&self, user: &str, script: &str) -> String {
        let answer = self.answer(user, SECONDS, script);
        assert_eq!(answer.status, 0, "{user}: {script}: {answer:#?}");
        answer.stdout
    }

    /// Runs a script as a user who is logged in, for no longer than that.
    #[track_caller]
    pub(crate) fn answer(&self, user: &str, seconds: u32, script: &str) -> Answer {
        let _shared = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        self.run(user, seconds, script)
    }

    /// The same while no other script runs. It has to leave the machine as it was.
    #[track_caller]
    pub(crate) fn answer_alone(&self, user: &str, seconds: u32, script: &str) -> Answer {
        let _alone = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        self.run(user, seconds, script)
    }

    #[track_caller]
    fn run(&self, user: &str, seconds: u32, script: &str) -> Answer {
        let answer = self.agents[user].run(seconds, &format!("{PREAMBLE}{script}"));
        answer.unwrap_or_else(|| panic!("no answer to `{script}`\n{}", self.console.text()))
    }

    /// Runs tests of this very executable, as a user who is logged in: all whose name has one of these in it, and with
    /// everything that they require.
    #[track_caller]
    pub(crate) fn suite(&self, user: &str, names: &[&str]) {
        let script = format!("cd /var/tmp && ENVBOX_TEST_REQUIRE=1 exec /mnt/it {}", names.join(" "));
        let Answer { status, stdout, stderr } = self.answer(user, 600, &script);
        assert_eq!(status, 0, "{stdout}\n{stderr}");
        assert!(!stdout.contains("running 0 tests"), "no test is of that name: {names:?}");
    }
}

/// Makes the disk `files` in a directory: the executable under test, this one, and the fixtures.
fn write_files(dir: &Path) {
    let tree = dir.join("tree");
    std::fs::create_dir(&tree).unwrap();
    for (from, name) in [(envbox(), "envbox"), (std::env::current_exe().unwrap(), "it")] {
        run(Command::new("strip").arg("--strip-debug").arg("-o").arg(tree.join(name)).arg(from));
    }
    run(Command::new("cp").args(["--recursive", "--dereference"]).arg(fixtures()).arg(tree.join("fixtures")));
    run(Command::new("chmod").args(["-R", "a+rX"]).arg(&tree));
    let disk = qemu::allocate(dir);
    // Not in an ordinary user's PATH.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    run(Command::new("mke2fs").env("PATH", path).args(["-q", "-t", "ext4", "-d"]).arg(&tree).arg(disk));
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
