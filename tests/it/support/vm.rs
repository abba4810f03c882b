//! A machine that this one is not: Debian with systemd and pure cgroup v2, in qemu, its users logged in.
//!
//! One boot serves all tests of a run. Nothing has to be taken down: the machine dies with this process, whatever it has
//! written to its disk is nowhere, and no file or socket of its has a name any more once it is up.

mod agent;
mod disks;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use std::{fs, thread};

use agent::Agent;
pub(crate) use agent::Answer;

/// Debian 12: kernel 6.1, systemd 252.
pub(crate) static BOOKWORM: LazyLock<Guest> = LazyLock::new(|| Guest::boot("bookworm"));

/// Debian 13: kernel 6.12, systemd 257, AppArmor 4.
pub(crate) static TRIXIE: LazyLock<Guest> = LazyLock::new(|| Guest::boot("trixie"));

/// Who is logged in: root, a user with subordinate ids, a user without.
const USERS: [&str; 3] = ["root", "tester", "plain"];

/// How long a boot may take. Software emulation on a quiet machine of two processors takes 20 seconds.
const BOOT: Duration = Duration::from_secs(300);

/// Seconds that a command may take unless it is given more.
const SECONDS: u32 = 120;

/// What a script begins with: the test's own executable, and what the test brings along.
const PREAMBLE: &str = "export ENVBOX_BIN=/mnt/envbox ENVBOX_FIXTURES=/mnt/fixtures PATH=$PATH:/usr/sbin:/sbin:/mnt
";

/// A machine that is up.
pub(crate) struct Guest {
    agents: BTreeMap<&'static str, Agent>,
    console: Arc<Mutex<Vec<u8>>>,
}

impl Guest {
    /// Boots a machine of a suite, and makes its disk if there is none.
    fn boot(suite: &str) -> Self {
        let machine = disks::machine(suite);
        let dir = tempfile::Builder::new().prefix("envbox-vm-").tempdir_in(super::tests_dir()).unwrap();
        disks::write_files(dir.path());
        let console = Arc::default();
        start(qemu(&machine, dir.path()), Arc::clone(&console));
        let mut guest = Self { agents: BTreeMap::new(), console };
        let ports = USERS.map(|user| (user, dir.path().join(user)));
        guest.agents = ports.into_iter().map(|(user, port)| (user, guest.connect(&port))).collect();
        guest
    }

    fn connect(&self, port: &Path) -> Agent {
        Agent::connect(port, BOOT)
            .unwrap_or_else(|error| panic!("the guest does not answer: {error}\n{}", self.console()))
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
        let answer = self.agents[user].run(seconds, &format!("{PREAMBLE}{script}"));
        answer.unwrap_or_else(|| panic!("no answer to `{script}`\n{}", self.console()))
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

    /// What has come over the serial line.
    fn console(&self) -> String {
        String::from_utf8_lossy(&self.console.lock().unwrap()).into_owned()
    }
}

/// Starts a machine that ends with this process, and keeps what it prints.
fn start(mut qemu: Command, console: Arc<Mutex<Vec<u8>>>) {
    let (started, is_started): (Sender<()>, _) = channel();
    // What dies with its parent (PR_SET_PDEATHSIG) dies with the thread that has started it. That of a test ends early.
    thread::spawn(move || {
        let (mut output, input) = std::io::pipe().unwrap();
        let errors = input.try_clone().unwrap();
        let mut child = qemu.stdin(Stdio::null()).stdout(input).stderr(errors).spawn().unwrap();
        drop(qemu);
        started.send(()).unwrap();
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = output.read(&mut bytes) {
            console.lock().unwrap().extend(&bytes[..length]);
        }
        child.wait().unwrap();
    });
    is_started.recv().unwrap();
}

/// The command that starts a machine with these disks, and with a port for each user.
fn qemu(machine: &Path, dir: &Path) -> Command {
    let (accel, cpu) = accelerator();
    let mut qemu = Command::new("setpriv");
    qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", &accel, "-cpu", cpu]);
    qemu.args("-M q35 -smp 4 -m 2G -nodefaults -no-user-config -display none -no-reboot".split(' '));
    qemu.arg("-kernel").arg(machine.join("kernel"));
    qemu.args(["-append", "root=/dev/nvme0n1 rw console=ttyS0 systemd.show_status=0 panic=-1"]);
    qemu.args(["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]);
    // NVMe, since it is what these kernels have built in, so that no initial ramdisk is needed.
    let drives = [("disk", machine, "snapshot=on,cache=unsafe"), ("files", dir, "readonly=on")];
    for (name, dir, options) in drives {
        let file = dir.join(name).display().to_string();
        qemu.args(["-drive", &format!("if=none,id={name},file={file},format=raw,{options}")]);
        qemu.args(["-device", &format!("nvme,drive={name},serial={name}")]);
    }
    qemu.args(["-device", "virtio-serial"]);
    for user in USERS {
        let socket = dir.join(user).display().to_string();
        qemu.args(["-chardev", &format!("socket,id={user},path={socket},server=on,wait=off")]);
        qemu.args(["-device", &format!("virtserialport,chardev={user},name={user}")]);
    }
    // Where the snapshot's changes go, as a file without a name.
    qemu.env("TMPDIR", dir);
    qemu
}

/// How the machine's instructions are carried out, and which processor it has. `ENVBOX_TEST_ACCEL` forces one way.
fn accelerator() -> (String, &'static str) {
    let forced = std::env::var("ENVBOX_TEST_ACCEL").ok();
    let accel = forced.unwrap_or_else(|| if kvm_works() { "kvm" } else { "tcg,thread=multi" }.into());
    // Emulated, the C library's routines for wide registers are slower than the plain ones.
    let cpu = if accel.starts_with("kvm") { "host" } else { "qemu64" };
    (accel, cpu)
}

/// Whether there is virtualisation by the processor. There are virtual machines with a `/dev/kvm` that is of no use.
fn kvm_works() -> bool {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    cpus.split_whitespace().any(|flag| flag == "svm" || flag == "vmx")
        && OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok()
}
