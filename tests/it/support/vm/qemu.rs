//! The emulator: what the machine consists of, and the process.

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

/// Bytes of the disk with a run's files. The machine has seen its size before the files are there.
const FILES: u64 = 1 << 30;

/// A machine that is not up yet: a system's directory, with `kernel` and `disk`, and one for this run, with `files`.
pub(super) struct Qemu<'a> {
    command: Command,
    dir: &'a Path,
}

/// What has come over the serial line, and what the emulator says.
#[derive(Clone, Default)]
pub(super) struct Console(Arc<Mutex<Vec<u8>>>);

impl<'a> Qemu<'a> {
    /// The machine. The options are the disk's.
    pub(super) fn new(machine: &Path, dir: &'a Path, options: &str) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]).args(arguments());
        command.args(["-append", "console=ttyS0 systemd.show_status=0"]);
        let files = dir.join("files").display().to_string();
        for (name, file, options) in [("disk", "disk", options), ("files", &files, "readonly=on")] {
            command.args(["-drive", &format!("if=none,id={name},file={file},format=raw,{options}")]);
            command.args(["-device", &format!("virtio-blk,drive={name}")]);
        }
        // The temporary directory is for the changes of a disk that is not written to, in a file without a name.
        command.current_dir(machine).env("TMPDIR", dir);
        Self { command, dir }
    }

    /// Begins with the machine as it has fallen asleep, in `state` of its system's directory.
    pub(super) fn asleep(mut self) -> Self {
        self.command.args(["-incoming", "exec:cat state"]);
        self
    }

    /// Adds a port for an agent of this name: the socket that is its other end.
    pub(super) fn port(&mut self, name: &str) -> PathBuf {
        let socket = self.socket(name);
        self.command.args(["-device", &format!("virtserialport,chardev={name},name={name}")]);
        socket
    }

    /// Adds the emulator's own prompt.
    pub(super) fn monitor(&mut self) -> PathBuf {
        let socket = self.socket("monitor");
        self.command.args(["-mon", "monitor"]);
        socket
    }

    fn socket(&mut self, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        self.command.args(["-chardev", &format!("socket,id={name},path={},server=on,wait=off", path.display())]);
        path
    }

    /// Starts it. It ends with this process at the latest.
    pub(super) fn start(self) -> Console {
        let console = Console::default();
        let heard = console.clone();
        let (started, is_started): (Sender<()>, _) = channel();
        // What dies with its parent (PR_SET_PDEATHSIG) dies with the thread that has started it. That of a test ends early.
        let mut command = self.command;
        thread::spawn(move || {
            let (mut output, input) = std::io::pipe().unwrap();
            let errors = input.try_clone().unwrap();
            let mut child = command.stdin(Stdio::null()).stdout(input).stderr(errors).spawn().unwrap();
            drop(command);
            started.send(()).unwrap();
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                heard.0.lock().unwrap().extend(&bytes[..length]);
            }
            child.wait().unwrap();
        });
        is_started.recv().unwrap();
        console
    }
}

impl Console {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Makes the file of a run's disk, with nothing in it.
pub(super) fn allocate(dir: &Path) -> PathBuf {
    let path = dir.join("files");
    File::create(&path).unwrap().set_len(FILES).unwrap();
    path
}

/// What the machine is: a state is one of just this.
pub(super) fn arguments() -> Vec<String> {
    let (accel, cpu) = accelerator();
    let machine = "-M q35 -smp 4 -m 2G -nodefaults -no-user-config -display none -no-reboot -kernel kernel -initrd initrd \
        -chardev stdio,id=console,signal=off -serial chardev:console -device virtio-serial";
    ["-accel", &accel, "-cpu", cpu].into_iter().chain(machine.split_whitespace()).map(str::to_owned).collect()
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
