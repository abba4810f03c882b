//! Which disks a directory is on, for limits of what is read and written.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::host;

/// Block devices that these directories are on, each as `MAJOR:MINOR`: whole disks, since parts of them have no limits of
/// their own (Documentation/admin-guide/cgroup-v2.rst, `io.max`). What is on no disk of this machine's, as a network's or a
/// memory's file system, has none.
pub fn disks(dirs: &[&Path]) -> Vec<String> {
    let mut disks: Vec<String> = dirs.iter().filter_map(|dir| disk(dir)).collect();
    disks.sort_unstable();
    disks.dedup();
    disks
}

fn disk(dir: &Path) -> Option<String> {
    let device = fs::metadata(dir).ok()?.dev();
    let device = match numbers(device) {
        // A file system of several devices, as btrfs is one, has a number of its own; its mount names one of them.
        (0, _) => fs::metadata(host::device_of(dir)?).ok()?.rdev(),
        _ => device,
    };
    let (major, minor) = numbers(device);
    whole(&Path::new("/sys/dev/block").join(format!("{major}:{minor}")))
}

/// The number of the whole disk that a device is, or is a part of.
fn whole(device: &Path) -> Option<String> {
    let real: PathBuf = fs::canonicalize(device).ok()?;
    let disk = if real.join("partition").exists() { real.parent()? } else { &real };
    Some(fs::read_to_string(disk.join("dev")).ok()?.trim().to_owned())
}

/// The two parts of a device's number (makedev(3)).
fn numbers(device: u64) -> (u64, u64) {
    let major = ((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff);
    let minor = ((device >> 12) & 0xffff_ff00) | (device & 0xff);
    (major, minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_disk_is_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let part = dir.path().join("sda/sda1");
        fs::create_dir_all(&part).unwrap();
        fs::write(dir.path().join("sda/dev"), "8:0\n").unwrap();
        fs::write(part.join("dev"), "8:1\n").unwrap();
        assert_eq!(whole(&part).as_deref(), Some("8:1"), "a whole disk has no such file");
        fs::write(part.join("partition"), "1\n").unwrap();
        assert_eq!(whole(&part).as_deref(), Some("8:0"));
        assert_eq!(whole(&dir.path().join("none")), None);
    }

    #[test]
    fn numbers_of_devices() {
        assert_eq!((numbers(0x0801), numbers(0x10_3001)), ((8, 1), (48, 257)));
        assert_eq!(disks(&[Path::new("/proc")]), [""; 0]);
    }
}
