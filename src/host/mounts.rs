//! Where else a directory can be seen: by way of other mounts of its file system (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::Error;

/// The table of mounts.
const MOUNTINFO: &str = "/proc/self/mountinfo";

/// A mount, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// The file system: major and minor number.
    device: Vec<u8>,
    /// Which directory of it is mounted.
    pub(super) root: PathBuf,
    /// Where.
    pub(super) at: PathBuf,
    /// The kind of file system: `ext4`, `cgroup2`, …
    pub(super) kind: Vec<u8>,
}

/// The mounts of this process's namespace, in the order in which they lie over each other.
///
/// # Errors
/// [`Error::Read`].
pub(super) fn table() -> Result<Vec<Mount>, Error> {
    let table = fs::read(MOUNTINFO).map_err(|source| Error::Read { path: MOUNTINFO.into(), source })?;
    Ok(table.split(|&byte| byte == b'\n').filter_map(parse).collect())
}

/// All places where these directories, or a part of them, can be seen; their own, with no link in it, among them. What is
/// not there is seen nowhere.
///
/// # Errors
/// [`Error::Read`].
pub fn places(dirs: &[&Path]) -> Result<Vec<PathBuf>, Error> {
    let mounts = table()?;
    let mut places: Vec<PathBuf> =
        dirs.iter().filter_map(|dir| fs::canonicalize(dir).ok()).flat_map(|dir| seen(&mounts, dir)).collect();
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

fn seen(mounts: &[Mount], dir: PathBuf) -> Vec<PathBuf> {
    // The last of two at one place lies over the first.
    let own =
        mounts.iter().filter(|mount| dir.starts_with(&mount.at)).max_by_key(|mount| mount.at.components().count());
    let Some((own, below)) = own.and_then(|own| Some((own, dir.strip_prefix(&own.at).ok()?))) else { return vec![dir] };
    let inner = own.root.join(below);
    let others = mounts.iter().filter(|mount| mount.device == own.device).filter_map(|mount| {
        match (inner.strip_prefix(&mount.root), mount.root.starts_with(&inner)) {
            (Ok(below), _) if below.as_os_str().is_empty() => Some(mount.at.clone()),
            (Ok(below), _) => Some(mount.at.join(below)),
            (Err(_), true) => Some(mount.at.clone()),
            (Err(_), false) => None,
        }
    });
    others.chain([dir.clone()]).collect()
}

/// The device that a file system is mounted from, as its mount names it.
pub fn device_of(dir: &Path) -> Option<PathBuf> {
    let (table, dir) = (fs::read(MOUNTINFO).ok()?, fs::canonicalize(dir).ok()?);
    named(&table, &dir)
}

fn named(table: &[u8], dir: &Path) -> Option<PathBuf> {
    let lines = table.split(|&byte| byte == b'\n').filter_map(|line| Some((parse(line)?, line)));
    let own =
        lines.filter(|(mount, _)| dir.starts_with(&mount.at)).max_by_key(|(mount, _)| mount.at.components().count());
    // Between the fields of the mount and those of the file system there may be any number of optional ones.
    let mut fields = own?.1.split(|&byte| byte == b' ').skip_while(|field| *field != b"-").skip(2);
    fields.next().map(path).filter(|device| device.starts_with("/dev"))
}

fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ').skip(2);
    let mut next = || fields.next();
    let (device, root, at) = (next()?.to_vec(), path(next()?), path(next()?));
    // Any number of optional fields, which a dash ends.
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?.to_vec();
    Some(Mount { device, root, at, kind })
}

/// A path with its blanks and backslashes as three octal digits.
fn path(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| byte == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "1 0 8:1 / / rw - ext4 x rw\n2 1 8:2 / /home rw - ext4 x rw\n\
        3 1 8:2 /al/data /mnt/a\\040b rw - ext4 x rw\n4 1 8:2 /al/data/envbox/boxes /srv rw - ext4 x rw\n\
        5 1 8:2 /al/other /opt rw - ext4 x rw\n";

    #[test]
    fn a_directory_is_seen_by_way_of_other_mounts() {
        let mounts: Vec<Mount> = TABLE.as_bytes().split(|&byte| byte == b'\n').filter_map(parse).collect();
        assert_eq!(mounts.len(), 5);
        assert_eq!(parse(b"6 1 0:38 / /cg rw shared:9 - cgroup2 x rw").unwrap().kind, b"cgroup2");
        let mut found = seen(&mounts, "/home/al/data/envbox".into());
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, ["/home/al/data/envbox", "/mnt/a b/envbox", "/srv"].map(PathBuf::from));
    }

    #[test]
    fn a_device_is_that_of_the_nearest_mount() {
        let table = b"1 0 0:30 / / rw - btrfs /dev/sda2 rw\n2 1 0:31 /x /home rw shared:2 master:1 - btrfs /dev/my\\040disk rw\n\
            3 1 0:32 / /tmp rw - tmpfs tmpfs rw\n";
        let of = |dir: &str| named(table, Path::new(dir)).map(|device| device.display().to_string());
        assert_eq!((of("/srv").as_deref(), of("/home/al").as_deref()), (Some("/dev/sda2"), Some("/dev/my disk")));
        assert_eq!(of("/tmp"), None);
    }

    #[test]
    fn octal_digits_are_bytes() {
        assert_eq!(path(b"/a\\040b\\134\\999"), PathBuf::from("/a b\\\\999"));
    }
}
