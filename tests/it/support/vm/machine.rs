//! A system: made, booted and kept.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::super::environment::deletion;
use super::super::source_dir;
use super::qemu::{self, Qemu};
use super::{Guest, run};

/// What a system is made of, below `tests/setup/`.
const MADE_OF: [&str; 4] = ["guest.sh", "guest/agent", "guest/agent@.service", "guest/init"];

/// How long a boot may take. Software emulation on a quiet machine of two processors takes 20 seconds.
const BOOT: Duration = Duration::from_secs(300);

/// The directory with a suite's system: `kernel`, `disk`, and the `state` in which all of its users are logged in. Made if it
/// is not there, in two minutes, and kept in the user's cache (or in `ENVBOX_TEST_CACHE`) by what it is made of.
pub(super) fn made(suite: &str) -> PathBuf {
    let cache = cache();
    fs::create_dir_all(&cache).unwrap();
    let lock = File::create(cache.join(format!("{suite}.lock"))).unwrap();
    lock.lock().unwrap();
    let setup = source_dir().join("tests/setup");
    let kept = cache.join(format!("{suite}-{}", digest(&setup)));
    if !kept.is_dir() {
        forget_others(&cache, suite);
        let work = tempfile::Builder::new().prefix(&format!("{suite}-making-")).tempdir_in(&cache).unwrap();
        run(Command::new(setup.join("guest.sh")).arg(suite).arg(work.path()));
        fall_asleep(work.path());
        fs::rename(work.keep(), &kept).unwrap();
    }
    kept
}

/// Of all that would make another system, or a state that the emulator does not take.
fn digest(setup: &Path) -> String {
    let version = Command::new("qemu-system-x86_64").arg("--version").output().unwrap().stdout;
    let machine = qemu::arguments().join(" ").into_bytes();
    let files = MADE_OF.iter().map(|file| fs::read(setup.join(file)).unwrap());
    let hash =
        files.chain([version, machine]).fold(Sha256::new(), |hash, part| hash.chain_update(Sha256::digest(part)));
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/envbox-tests");
    std::env::var_os("ENVBOX_TEST_CACHE").map_or_else(home, PathBuf::from)
}

/// Removes the systems of a suite that were made of something else, and what has been left half made.
fn forget_others(cache: &Path, suite: &str) {
    for entry in fs::read_dir(cache).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with(&format!("{suite}-")) {
            run(&mut deletion(&entry.path()));
        }
    }
}

/// Boots the disk in `machine` until its users are logged in, and leaves it as it is then.
fn fall_asleep(machine: &Path) {
    let dir = tempfile::tempdir_in(machine).unwrap();
    qemu::allocate(dir.path());
    let mut qemu = Qemu::new(machine, dir.path(), "cache=unsafe");
    let monitor = qemu.monitor();
    let guest = Guest::start(qemu);
    for agent in guest.agents.values() {
        agent.greeted(BOOT).unwrap_or_else(|| panic!("the guest does not answer\n{}", guest.console.text()));
    }
    assert_eq!(guest.sh("root", "systemctl is-system-running --wait && sync"), "running\n");
    let mut monitor = UnixStream::connect(monitor).unwrap();
    monitor.write_all(b"migrate_set_parameter max-bandwidth 4G\nmigrate \"exec:cat > state\"\nquit\n").unwrap();
    // When it says no more, it has ended.
    let said = std::io::read_to_string(monitor).unwrap();
    assert!(machine.join("state").is_file(), "{said}");
}
