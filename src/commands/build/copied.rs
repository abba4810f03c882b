//! Files of a project that become part of an image.
//!
//! What is copied is known by its content: names, links, contents, and of the permission bits the one that says whether a
//! file is a program, since the others are the umask's of whoever has checked the project out. So files are 0755 or 0644
//! and directories 0755, unless the recipe says otherwise of the files; all of it is root's.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::image::{Digest, Hasher};
use crate::sys::fs::{self, Kind, Status};
use crate::sys::tree::{self, Visited};

/// What is wrong with something that is to be copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot read `{0}`, which is to be copied")]
    Read(String, #[source] io::Error),
    #[error("`{0}` leads out of the project, and cannot be copied")]
    Outside(String),
    #[error("`{0}` is neither a file, a directory nor a link, and cannot be copied")]
    Special(String),
    #[error("cannot write `{0}` in the image")]
    Write(String, #[source] io::Error),
    #[error("`{0}` has changed while it was copied")]
    Changed(String),
}

/// Something that is copied, as it is come to.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Directory,
    File { file: File, executable: bool, status: Status },
    Link { target: &'a OsStr },
}

/// What files were when they were read, by their paths.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known(BTreeMap<String, (Stamp, Digest)>);

/// Device, inode, size, and the times of the last modification and the last change, in nanoseconds.
type Stamp = (u64, u64, u64, i128, i128);

/// Nanoseconds that a file must have been left alone before it was read for it to count as known: a change within the
/// clock's tick would leave the same time.
const SETTLED: i128 = 2_000_000_000;

/// Goes through a file or directory of the project, whose path is relative to its root, the names of a directory in order.
/// `each` sees the path beneath it, which is empty for itself.
pub(super) fn visit(
    root: &OwnedFd,
    from: &str,
    each: &mut dyn FnMut(&Path, Item<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let read = |source: io::Error| match source.raw_os_error() {
        Some(EXDEV) => Failure::Outside(from.to_owned()),
        _ => Failure::Read(from.to_owned(), source),
    };
    let top = fs::open_within(root, OsStr::new(from)).map_err(read)?;
    let status = fs::status(&top).map_err(read)?;
    match status.kind {
        Kind::File => {
            return each(Path::new(""), Item::File { file: top.into(), executable: status.mode & 0o100 != 0, status });
        }
        Kind::Directory => {}
        _ => return Err(Failure::Special(from.to_owned())),
    }
    let mut failure = None;
    let visited = tree::visit(top.as_fd(), &mut |visited| {
        one(Path::new(from), visited, each).map_err(|error| {
            failure = Some(error);
            io::ErrorKind::Other.into()
        })
    });
    match failure {
        Some(failure) => Err(failure),
        None => visited.map_err(read),
    }
}

/// "Invalid cross-device link" (errno(3)): what openat2(2) says of a way out.
const EXDEV: i32 = 18;

fn one(
    from: &Path,
    visited: &Visited<'_>,
    each: &mut dyn FnMut(&Path, Item<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let path = Path::new(OsStr::from_bytes(visited.path));
    let shown = || from.join(path).display().to_string();
    let read = |source| Failure::Read(shown(), source);
    match visited.status.kind {
        Kind::Directory => each(path, Item::Directory),
        Kind::File => {
            let file = fs::open_file(visited.at, visited.name).map_err(read)?;
            let status = fs::status(&file).map_err(read)?;
            each(path, Item::File { file, executable: status.mode & 0o100 != 0, status })
        }
        Kind::Symlink => {
            let target = fs::read_link(visited.at, visited.name).map_err(read)?;
            if leads_out(&from.join(path), Path::new(&target)) {
                return Err(Failure::Outside(shown()));
            }
            each(path, Item::Link { target: &target })
        }
        Kind::Fifo | Kind::Whiteout | Kind::Other => Err(Failure::Special(shown())),
    }
}

/// Whether a link, by its words, leads out of the project. `link` is its path in it.
fn leads_out(link: &Path, target: &Path) -> bool {
    let mut depth = 0usize;
    let parent = link.parent().unwrap_or(Path::new(""));
    for part in parent.components().chain(target.components()) {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return true,
            },
            Component::RootDir | Component::Prefix(_) => return true,
        }
    }
    false
}

/// Takes the digest of what is copied, one item after the other.
pub(super) struct Content(Hasher);

impl Content {
    /// The digest of a single file, which is no program.
    pub(super) fn of_file(file: &Digest) -> Digest {
        let mut content = Self::new();
        content.take("f", Path::new(""), file.hex().as_bytes());
        content.finish()
    }

    pub(super) fn new() -> Self {
        Self(Hasher::new())
    }

    /// Takes an item in; of a file, `file` is the digest of its content.
    pub(super) fn add(&mut self, path: &Path, item: &Item<'_>, file: Option<&Digest>) {
        let (letter, what) = match item {
            Item::Directory => ("d", Vec::new()),
            Item::File { executable, .. } => {
                let digest = file.map(Digest::hex).unwrap_or_default();
                (if *executable { "x" } else { "f" }, digest.into_bytes())
            }
            Item::Link { target } => ("l", target.as_bytes().to_vec()),
        };
        self.take(letter, path, &what);
    }

    /// No name has a null byte in it, so that no two trees are the same text.
    fn take(&mut self, letter: &str, path: &Path, what: &[u8]) {
        for part in [letter.as_bytes(), path.as_os_str().as_bytes(), what] {
            self.0.update(part);
            self.0.update(b"\0");
        }
    }

    pub(super) fn finish(self) -> Digest {
        self.0.finish()
    }
}

/// The digest of a file or directory of the project. Files that are known are not read; `now` has those that will be.
pub(super) fn digest(root: &OwnedFd, from: &str, known: &Known, now: &mut Known) -> Result<Digest, Failure> {
    let mut content = Content::new();
    let started = nanoseconds(SystemTime::now());
    visit(root, from, &mut |path, mut item| {
        let file = match &mut item {
            Item::File { file, status, .. } => {
                let name = Path::new(from).join(path).display().to_string();
                let stamp = stamp(status);
                let digest = match known.0.get(&name) {
                    Some((then, digest)) if *then == stamp => *digest,
                    _ => hash(file, &mut |_| Ok(())).map_err(|source| Failure::Read(name.clone(), source))?,
                };
                if stamp.3.max(stamp.4) + SETTLED < started {
                    now.0.insert(name, (stamp, digest));
                }
                Some(digest)
            }
            _ => None,
        };
        content.add(path, &item, file.as_ref());
        Ok(())
    })?;
    Ok(content.finish())
}

fn stamp(status: &Status) -> Stamp {
    let nanoseconds = |(seconds, rest): (i64, u32)| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    (status.identity.0, status.identity.1, status.size, nanoseconds(status.modified), nanoseconds(status.changed))
}

fn nanoseconds(time: SystemTime) -> i128 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
}

/// Bytes read at once.
const READ: usize = 256 << 10;

/// The digest of a file's content, which `each` sees piece by piece.
pub(super) fn hash(file: &mut File, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; READ];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(length) => {
                hasher.update(&buffer[..length]);
                each(&buffer[..length])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_in_the_project_or_lead_out() {
        let out = |link: &str, target: &str| leads_out(Path::new(link), Path::new(target));
        for (link, target) in [("a", "b"), ("d/a", "../b"), ("d/e/a", "../../x/../b"), ("./d/a", "../b")] {
            assert!(!out(link, target), "{link} -> {target}");
        }
        for (link, target) in [("a", "../b"), ("d/a", "../../b"), ("a", "/etc/passwd"), ("d/a", "x/../../../y")] {
            assert!(out(link, target), "{link} -> {target}");
        }
    }
}
