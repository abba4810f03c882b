//! Files that a new tree has in common with trees that are there.
//!
//! A file is taken for the same if it has the same path, owner, mode, size, time and bytes, and if neither has extended
//! attributes. The same path, since two names of one inode would be two hard links in a box that has both: where the paths
//! are the same, one of them hides the other. And the same bytes, read and compared: a hash may be met on purpose, and
//! what is shared reaches other boxes.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::FileExt as _;

use serde::{Deserialize, Serialize};

use super::index::{Entry, Index, Kind};
use crate::sys::fs::{self, Beneath, Status};
use crate::sys::{extents, xattr};

/// Bytes of a file that is worth the trouble: below this the time costs more than the room.
const WORTH_IT: u64 = 16 << 10;
/// Bytes compared at once.
const READ: usize = 128 << 10;
/// The name under which a link is made that then takes the file's place.
const ASIDE: &str = ".envbox-shared";

/// What was found to be the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A tree whose files are looked for in others.
#[derive(Debug)]
pub struct Sharing {
    root: OwnedFd,
    /// Files that may yet be found: by directory, each with what it must be.
    wanted: BTreeMap<Vec<u8>, Vec<Wanted>>,
    /// Files of other trees that this one has already under some name.
    taken: HashSet<(u64, u64)>,
    shared: Shared,
}

#[derive(Debug)]
struct Wanted {
    name: OsString,
    owner: (u32, u32),
    mode: u32,
    modified: (i64, u32),
    size: u64,
}

impl Wanted {
    fn new(entry: &Entry<'_>, name: &[u8]) -> Self {
        let &Entry { uid, gid, mode, modified, size, .. } = entry;
        Self { name: OsString::from_vec(name.to_vec()), owner: (uid, gid), mode, modified, size }
    }

    fn is(&self, status: &Status) -> bool {
        let same = (self.owner, self.mode, self.modified, self.size)
            == ((status.uid, status.gid), status.mode, status.modified, status.size);
        same && status.kind == fs::Kind::File
    }
}

impl Sharing {
    /// Begins with a tree that nobody else knows yet, and its index.
    pub fn new(root: OwnedFd, index: &Index) -> Self {
        let mut wanted: BTreeMap<Vec<u8>, Vec<Wanted>> = BTreeMap::new();
        let worth_it = |entry: &Entry<'_>| entry.kind == Kind::File && entry.size >= WORTH_IT && entry.attributes == 0;
        for entry in index.iter().filter(worth_it) {
            let at = entry.path.iter().rposition(|&byte| byte == b'/');
            let (dir, name) = at.map_or((&b"."[..], entry.path), |at| (&entry.path[..at], &entry.path[at + 1..]));
            wanted.entry(dir.to_vec()).or_default().push(Wanted::new(&entry, name));
        }
        Self { root, wanted, taken: HashSet::new(), shared: Shared::default() }
    }

    /// Whether there is anything left to look for.
    pub fn is_done(&self) -> bool {
        self.wanted.is_empty()
    }

    /// What was found so far.
    pub fn shared(&self) -> Shared {
        self.shared
    }

    /// Looks in another tree, which may vanish meanwhile. What cannot be shared stays a file of its own.
    pub fn look_in(&mut self, other: BorrowedFd<'_>) {
        let mut wanted = std::mem::take(&mut self.wanted);
        for (dir, files) in &mut wanted {
            let path = OsStr::from_bytes(dir);
            let Ok(theirs) = fs::open_beneath(other, path, Beneath::RealDirectory) else { continue };
            let Ok(mine) = fs::open_beneath(&self.root, path, Beneath::RealDirectory) else { continue };
            let before = fs::status(&mine);
            let found = files.len();
            files.retain(|file| !self.share(file, mine.as_fd(), theirs.as_fd()).unwrap_or(false));
            if let (Ok(before), true) = (before, files.len() < found) {
                // Another time is a difference that verifying the tree would show; the files are shared even so.
                let _ = fs::set_modified(&mine, before.modified);
            }
        }
        wanted.retain(|_, files| !files.is_empty());
        self.wanted = wanted;
    }

    fn share(&mut self, wanted: &Wanted, mine: BorrowedFd<'_>, theirs: BorrowedFd<'_>) -> io::Result<bool> {
        let name = &*wanted.name;
        let (ours, other) = (fs::status_at(mine, name)?, fs::status_at(theirs, name)?);
        let alone = ours.links == 1 && !self.taken.contains(&other.identity);
        if !(alone && wanted.is(&ours) && wanted.is(&other)) {
            return Ok(false);
        }
        let (our_file, their_file) = (fs::open_file(mine, name)?, fs::open_file(theirs, name)?);
        if !xattr::list(&their_file)?.is_empty() || !xattr::list(&our_file)?.is_empty() {
            return Ok(false);
        }
        let done = match extents::share(&their_file, &our_file, wanted.size) {
            Ok(same) => same,
            Err(_) => {
                let same = equal(&our_file, &their_file, wanted.size)?;
                if same {
                    link(theirs, mine, name)?;
                    self.taken.insert(other.identity);
                }
                same
            }
        };
        if done {
            self.shared.files += 1;
            self.shared.bytes += wanted.size;
        }
        Ok(done)
    }
}

/// Puts another tree's file in the place of one's own.
fn link(theirs: BorrowedFd<'_>, mine: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    let aside = OsStr::new(ASIDE);
    fs::hard_link(theirs, name, mine, aside)?;
    fs::rename(mine, aside, mine, name).inspect_err(|_| {
        // A name that nothing knows would be a file too many.
        let _ = fs::remove_file(mine, aside);
    })
}

fn equal(a: &File, b: &File, size: u64) -> io::Result<bool> {
    let mut buffers = [vec![0; READ], vec![0; READ]];
    let mut at = 0;
    while at < size {
        let count = usize::try_from(size - at).map_or(READ, |left| left.min(READ));
        let [left, right] = buffers.each_mut().map(|buffer| &mut buffer[..count]);
        a.read_exact_at(left, at)?;
        b.read_exact_at(right, at)?;
        if left != right {
            return Ok(false);
        }
        at += u64::try_from(count).unwrap_or(0);
    }
    Ok(true)
}
