//! The disks of a guest: the system, made once and kept; the files of this run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use super::super::{envbox, fixtures, source_dir};

/// What a system is made of, below `tests/setup/`.
const MADE_OF: [&str; 4] = ["guest.sh", "guest/agent", "guest/agent@.service", "guest/mnt.mount"];

/// The directory with the kernel and the disk of a suite's system. Made if it is not there, in a minute, and kept in the
/// user's cache (or in `ENVBOX_TEST_CACHE`) under the digest of what it is made of.
pub(super) fn machine(suite: &str) -> PathBuf {
    let setup = source_dir().join("tests/setup");
    let digest =
        MADE_OF.iter().fold(Sha256::new(), |hash, file| hash.chain_update(fs::read(setup.join(file)).unwrap()));
    let digest: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let cache = cache();
    fs::create_dir_all(&cache).unwrap();
    let lock = File::create(cache.join(format!("{suite}.lock"))).unwrap();
    lock.lock().unwrap();
    let kept = cache.join(format!("{suite}-{digest}"));
    if !kept.is_dir() {
        forget_others(&cache, suite);
        let work = tempfile::Builder::new().prefix("making-").tempdir_in(&cache).unwrap();
        let made =
            Command::new(setup.join("guest.sh")).arg(suite).arg(work.path()).stdin(Stdio::null()).output().unwrap();
        assert!(made.status.success(), "guest.sh {suite}: {}", String::from_utf8_lossy(&made.stderr));
        fs::rename(work.keep(), &kept).unwrap();
    }
    kept
}

fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/envbox-tests");
    std::env::var_os("ENVBOX_TEST_CACHE").map_or_else(home, PathBuf::from)
}

/// Removes the systems of a suite that were made of something else.
fn forget_others(cache: &Path, suite: &str) {
    let of_suite = |path: &PathBuf| {
        path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{suite}-")))
    };
    for old in fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).filter(of_suite) {
        fs::remove_dir_all(old).unwrap();
    }
}

/// Makes `files` in a directory: a disk with the executable under test, this test, and the fixtures.
pub(super) fn write_files(dir: &Path) {
    let tree = dir.join("tree");
    fs::create_dir(&tree).unwrap();
    for (from, name) in [(envbox(), "envbox"), (std::env::current_exe().unwrap(), "it")] {
        run(Command::new("strip").arg("--strip-debug").arg("-o").arg(tree.join(name)).arg(from));
    }
    run(Command::new("cp").args(["--recursive", "--dereference"]).arg(fixtures()).arg(tree.join("fixtures")));
    run(Command::new("chmod").args(["-R", "a+rX"]).arg(&tree));
    let disk = dir.join("files");
    run(Command::new("truncate").args(["--size", "1G"]).arg(&disk));
    // Not in an ordinary user's PATH.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    run(Command::new("mke2fs").env("PATH", path).args(["-q", "-t", "ext4", "-d"]).arg(&tree).arg(&disk));
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
