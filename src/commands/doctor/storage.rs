//! Where boxes are kept: the file system under the data directory, and how layers can be stacked on it.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::check::{Check, reason};
use super::packages;
use crate::host::Host;
use crate::sys::probe::{self, FileSystem};
use crate::sys::process::SingleThread;
use crate::userns::{self, Identity};

/// File systems that cannot hold a store: their magic numbers (`linux/magic.h`) and what they lack.
const UNFIT: [(u64, &str); 12] = [
    (0x6969, "NFS, whose server does not know subordinate ids"),
    (0xff53_4d42, "CIFS, which keeps no owners"),
    (0xfe53_4d42, "SMB, which keeps no owners"),
    (0x517b, "SMB, which keeps no owners"),
    (0x5346_414f, "AFS, which keeps no owners"),
    (0x00c3_6400, "Ceph, whose server does not know subordinate ids"),
    (0x0bd0_0bd0, "Lustre, whose server does not know subordinate ids"),
    (0x0102_1997, "9p, whose server does not know subordinate ids"),
    (0x4d44, "FAT, which keeps no owners"),
    (0x2011_bab0, "exFAT, which keeps no owners"),
    (0x5346_544e, "NTFS, which keeps no owners"),
    (0x6573_5546, "FUSE, which seldom keeps owners"),
];

/// Space for a distribution with its tools, and an upgrade of it.
const ENOUGH: u64 = 2 << 30;

pub(super) fn checks(proof: &SingleThread, host: &Host) -> Vec<Check> {
    let place = existing(&host.dirs.data);
    let fuse = fuse(host);
    let overlay = match (overlay(proof, host, &place), fuse.state) {
        (Ok(()), _) => Check::ok("kernel overlay", format!("mounted and written to in {}", place.display())),
        (Err(why), super::State::Ok) => Check::warning("kernel overlay", format!("{why}; fuse-overlayfs is used")),
        (Err(why), _) => Check::missing("kernel overlay", format!("{why}; nor is there fuse-overlayfs")),
    };
    let mut checks = file_system(&place);
    checks.extend([overlay, fuse]);
    checks
}

/// The directory itself, or the nearest above it: nothing is made before it is needed.
fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn file_system(place: &Path) -> Vec<Check> {
    match probe::file_system(place) {
        Ok(found) => judge(place, found),
        Err(error) => vec![Check::missing("file system", format!("{}: {error}", place.display()))],
    }
}

fn judge(place: &Path, found: FileSystem) -> Vec<Check> {
    let unfit = UNFIT.iter().find(|(magic, _)| *magic == found.magic);
    let kind = match unfit {
        None => Check::ok("file system", format!("{} can hold boxes", place.display())),
        Some((_, what)) => Check::missing("file system", format!("{} is on {what}", place.display()))
            .fix("export XDG_DATA_HOME=/a/directory/on/a/local/disk"),
    };
    let free = format!("{} MiB", found.free >> 20);
    let space = if found.free < ENOUGH {
        Check::warning("free space", free).fix("export XDG_DATA_HOME=/a/directory/with/more/space")
    } else {
        Check::ok("free space", free)
    };
    vec![kind, space]
}

/// Stacks two directories where the boxes would be, inside the namespace that boxes have.
fn overlay(proof: &SingleThread, host: &Host, place: &Path) -> Result<(), String> {
    let Ok(identity) = Identity::of(host) else {
        return Err("cannot be tried without an id map".to_owned());
    };
    let trial = Trial::new(place).map_err(|error| format!("{}: {error}", place.display()))?;
    let tried = userns::run(proof, &identity, |_| {
        let outcome = probe::overlay(&trial.lower(), &trial.upper(), &trial.work());
        trial.remove();
        outcome
    });
    tried.map_err(|error| reason(&error))
}

/// Directories for one overlay. What the kernel leaves in them belongs to the box's root, who alone can remove it.
struct Trial(PathBuf);

impl Trial {
    fn new(place: &Path) -> io::Result<Self> {
        let trial = Self(place.join(format!(".envbox-doctor-{}", std::process::id())));
        for dir in [&trial.0, &trial.lower(), &trial.upper(), &trial.work()] {
            fs::create_dir(dir)?;
        }
        fs::write(trial.lower().join("old"), "")?;
        Ok(trial)
    }

    fn lower(&self) -> PathBuf {
        self.0.join("lower")
    }

    fn upper(&self) -> PathBuf {
        self.0.join("upper")
    }

    fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// Everything that can have come to be, and nothing else: never a tree whose content is not known.
    fn remove(&self) {
        let used = self.work().join("work");
        // The kernel keeps a whiteout here to make others of by hard link.
        let kept = fs::read_dir(&used).into_iter().flatten().flatten().map(|entry| entry.path());
        let ours = [self.lower().join("old"), self.upper().join("old"), self.upper().join("new")];
        for file in kept.chain(ours) {
            let _ = fs::remove_file(file);
        }
        for dir in [&used, &self.work(), &self.upper(), &self.lower(), &self.0] {
            let _ = fs::remove_dir(dir);
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.remove();
    }
}

fn fuse(host: &Host) -> Check {
    const NAME: &str = "fuse-overlayfs";
    let Some(program) = host.find_program(NAME) else {
        return Check::warning(NAME, "not found; only needed where the kernel's overlay fails")
            .fix(packages::install_fuse_overlayfs(host));
    };
    match OpenOptions::new().read(true).write(true).open("/dev/fuse") {
        Ok(_) => Check::ok(NAME, program.display().to_string()),
        Err(error) => Check::warning(NAME, format!("/dev/fuse: {error}")).fix("sudo chmod 0666 /dev/fuse"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn states(magic: u64, free: u64) -> Vec<State> {
        judge(Path::new("/x"), FileSystem { magic, free }).iter().map(|check| check.state).collect()
    }

    #[test]
    fn a_network_is_no_place_for_a_store() {
        const EXT4: u64 = 0xef53;
        assert_eq!(states(EXT4, 10 << 30), [State::Ok, State::Ok]);
        assert_eq!(states(EXT4, 1 << 30), [State::Ok, State::Warning]);
        assert_eq!(states(0x6969, 10 << 30), [State::Missing, State::Ok]);
        let nfs = &judge(Path::new("/x"), FileSystem { magic: 0x6969, free: 0 })[0];
        assert!(nfs.detail.starts_with("/x is on NFS") && nfs.fix.as_ref().unwrap().contains("XDG_DATA_HOME"));
    }
}
