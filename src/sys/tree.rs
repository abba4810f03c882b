//! Whole trees, by descriptors: removing one, measuring one.
//!
//! One directory is open at a time, whatever the depth: the way back up is `..`, and the identity of what that opens is
//! checked, so that a directory moved meanwhile cannot lead the walk elsewhere.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};

use super::fs;

/// Deletes a name and everything beneath it. Symbolic links are deleted, never followed. Run as an ordinary user it
/// needs no permission bits on directories of the user's own.
///
/// # Errors
/// `EXDEV` or `EBUSY` at a mount point beneath, which is left alone, with what is above it; `ESTALE` if a directory was
/// moved meanwhile; unlinkat(2)'s, openat2(2)'s.
pub fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    if !fs::status_at(parent, name)?.is_dir {
        return fs::remove_file(parent, name);
    }
    let mut walk = Walk::enter(parent, name)?;
    loop {
        while let Some(dir) = walk.next_subdirectory(|at, name| fs::remove_file(at, name))? {
            walk.descend(dir)?;
        }
        let Some(done) = walk.ascend()? else {
            return fs::remove_dir(parent, name);
        };
        fs::remove_dir(&walk.here, &done)?;
    }
}

/// What a tree takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Sum of the sizes of files, links and directories, in bytes.
    pub apparent: u64,
    /// Sum of what is allocated to them, in bytes.
    pub allocated: u64,
    /// How many there are, a file of several names counted once.
    pub inodes: u64,
}

/// Measures a name and everything beneath it in the same file system; a file with several names counts once.
///
/// # Errors
/// `EXDEV` at a mount point beneath; stat(2)'s, openat2(2)'s.
pub fn usage(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<Usage> {
    let mut usage = Usage::default();
    let mut seen = HashSet::new();
    let mut add = |status: fs::Status| {
        if status.is_dir || status.links < 2 || seen.insert(status.identity) {
            usage.apparent += status.size;
            usage.allocated += status.allocated;
            usage.inodes += 1;
        }
    };
    let top = fs::status_at(parent, name)?;
    add(top);
    if top.is_dir {
        let mut walk = Walk::enter(parent, name)?;
        loop {
            while let Some(dir) = walk.next_subdirectory(|at, name| fs::status_at(at, name).map(&mut add))? {
                add(fs::status_at(&walk.here, &dir)?);
                walk.descend(dir)?;
            }
            if walk.ascend()?.is_none() {
                break;
            }
        }
    }
    Ok(usage)
}

/// What [`visit`] has come to.
#[derive(Debug, Clone, Copy)]
pub struct Visited<'a> {
    /// The path beneath the root of the tree, without a leading `/`; empty for the root itself.
    pub path: &'a [u8],
    /// The directory that it is in; of a directory, itself.
    pub at: BorrowedFd<'a>,
    /// The last component; of a directory `.`, as seen from itself.
    pub name: &'a OsStr,
    /// What it is.
    pub status: fs::Status,
}

/// Goes through a directory and everything beneath it in the same file system: first itself, then what is in it and no
/// directory, by name, then its subdirectories, by name.
///
/// # Errors
/// The visitor's; `EXDEV` at a mount point beneath; stat(2)'s, openat2(2)'s.
pub fn visit(root: BorrowedFd<'_>, each: &mut dyn FnMut(&Visited<'_>) -> io::Result<()>) -> io::Result<()> {
    let mut walk = Walk::enter(root, OsStr::new("."))?;
    let mut path = Vec::new();
    let enter = |at: BorrowedFd<'_>, path: &[u8], each: &mut dyn FnMut(&Visited<'_>) -> io::Result<()>| {
        each(&Visited { path, at, name: OsStr::new("."), status: fs::status(at)? })
    };
    enter(walk.here.as_fd(), &path, each)?;
    loop {
        while let Some(dir) = walk.next_subdirectory(|at, name| {
            let length = push(&mut path, name);
            let visited = each(&Visited { path: &path, at, name, status: fs::status_at(at, name)? });
            path.truncate(length);
            visited
        })? {
            push(&mut path, &dir);
            walk.descend(dir)?;
            enter(walk.here.as_fd(), &path, each)?;
        }
        if walk.ascend()?.is_none() {
            return Ok(());
        }
        path.truncate(path.iter().rposition(|&byte| byte == b'/').unwrap_or(0));
    }
}

/// Adds a component to a path; says how long that was before.
fn push(path: &mut Vec<u8>, name: &OsStr) -> usize {
    let length = path.len();
    if length > 0 {
        path.push(b'/');
    }
    path.extend_from_slice(name.as_bytes());
    length
}

/// A position in a tree.
struct Walk {
    /// The directory one is in.
    here: OwnedFd,
    /// What is left to do in it; nothing has been read yet where it is `None`.
    pending: Option<Vec<OsString>>,
    /// The directories above, up to the one where the walk began.
    above: Vec<Above>,
    /// The name of the directory one is in.
    name: OsString,
}

struct Above {
    identity: (u64, u64),
    pending: Vec<OsString>,
    name: OsString,
}

impl Walk {
    fn enter(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<Self> {
        Ok(Self { here: open(parent, name)?, pending: None, above: Vec::new(), name: name.to_owned() })
    }

    /// The next subdirectory of this directory, by name. On the first call the directory is read, and `each` sees every
    /// name that is not a directory's, in order.
    fn next_subdirectory(
        &mut self,
        mut each: impl FnMut(BorrowedFd<'_>, &OsStr) -> io::Result<()>,
    ) -> io::Result<Option<OsString>> {
        if self.pending.is_none() {
            let mut names = fs::list(&self.here)?;
            // The last one is taken first.
            names.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
            let (dirs, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|(_, is_dir)| *is_dir);
            for (name, _) in others.iter().rev() {
                each(self.here.as_fd(), name)?;
            }
            self.pending = Some(dirs.into_iter().map(|(name, _)| name).collect());
        }
        Ok(self.pending.as_mut().and_then(Vec::pop))
    }

    fn descend(&mut self, name: OsString) -> io::Result<()> {
        let child = open(self.here.as_fd(), &name)?;
        let identity = fs::status(&self.here)?.identity;
        let pending = self.pending.take().unwrap_or_default();
        self.above.push(Above { identity, pending, name: std::mem::replace(&mut self.name, name) });
        self.here = child;
        Ok(())
    }

    /// Goes up, and says the name of the directory one came from; `None` at the top.
    fn ascend(&mut self) -> io::Result<Option<OsString>> {
        let Some(above) = self.above.pop() else {
            return Ok(None);
        };
        let up = open(self.here.as_fd(), OsStr::new(".."))?;
        if fs::status(&up)?.identity != above.identity {
            return Err(rustix::io::Errno::STALE.into());
        }
        self.here = up;
        self.pending = Some(above.pending);
        Ok(Some(std::mem::replace(&mut self.name, above.name)))
    }
}

/// Opens a subdirectory; one of the user's own that lacks the permission bits for it is given them.
fn open(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    match fs::open_child(parent, name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
            let handle = rustix::fs::openat2(parent, name, flags, Mode::empty(), resolve)?;
            // fchmod(2) refuses such a handle; its entry in /proc names the very inode (open(2), O_PATH).
            let path = format!("/proc/self/fd/{}", handle.as_raw_fd());
            rustix::fs::chmodat(rustix::fs::CWD, &path, Mode::RWXU, AtFlags::empty())?;
            fs::open_child(parent, name)
        }
        result => result,
    }
}
