//! The directories that files are put into, kept open from one member to the next.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::rc::Rc;

use super::name::split;
use super::{Error, Root};
use crate::sys::fs::{self, Beneath};

/// How many are kept open.
const KEPT: usize = 16;
/// The mode of a directory that no member of the archive speaks of.
const IMPLICIT_MODE: u32 = 0o755;

/// An open directory.
#[derive(Debug)]
pub(super) struct Dir {
    fd: OwnedFd,
    /// New files get its group, not their maker's.
    pub(super) setgid: bool,
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Directories by their path in the archive, the last used ones first. Symbolic links on the way are followed beneath the
/// root, so a name may stand for a directory elsewhere in it: `lib/x` for `usr/lib/x`.
pub(super) struct Dirs<'a> {
    root: &'a Root,
    open: Vec<(Vec<u8>, Rc<Dir>)>,
    /// Those made because something was to be put into them.
    pub(super) implied: Vec<Vec<u8>>,
}

impl<'a> Dirs<'a> {
    pub(super) fn new(root: &'a Root) -> Self {
        Self { root, open: Vec::with_capacity(KEPT), implied: Vec::new() }
    }

    /// Forgets all of them: something that was there has been replaced, and paths may lead elsewhere now.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    /// Whether the path leads to a directory beneath the root.
    pub(super) fn resolves(&self, path: &[u8]) -> bool {
        fs::open_beneath(self.root.dir(), OsStr::from_bytes(path), Beneath::Directory).is_ok()
    }

    /// The directory, if it is there.
    pub(super) fn existing(&mut self, path: &[u8]) -> io::Result<Rc<Dir>> {
        if let Some(at) = self.open.iter().position(|(open, _)| open == path) {
            self.open[..=at].rotate_right(1);
            return Ok(Rc::clone(&self.open[0].1));
        }
        let beneath = if path.is_empty() { b"." } else { path };
        let fd = fs::open_beneath(self.root.dir(), OsStr::from_bytes(beneath), Beneath::Directory)?;
        let setgid = fs::status(&fd)?.mode & 0o2000 != 0;
        let dir = Rc::new(Dir { fd, setgid });
        self.open.truncate(KEPT - 1);
        self.open.insert(0, (path.to_vec(), Rc::clone(&dir)));
        Ok(dir)
    }

    /// The directory; made, with those above it, where there is none.
    pub(super) fn parent(&mut self, path: &[u8]) -> Result<Rc<Dir>, Error> {
        let failed = |path: &[u8], source| Error::write("make a file beneath", path, source);
        match self.existing(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result.map_err(|source| failed(path, source)),
        }
        // Up to a directory that is there, then down again.
        let mut there = path;
        let mut dir = loop {
            there = split(there).0;
            match self.existing(there) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !there.is_empty() => {}
                result => break result.map_err(|source| failed(there, source))?,
            }
        };
        while there.len() < path.len() {
            let from = if there.is_empty() { 0 } else { there.len() + 1 };
            let length = path[from..].iter().position(|&byte| byte == b'/').unwrap_or(path.len() - from);
            let name = OsStr::from_bytes(&path[from..from + length]);
            there = &path[..from + length];
            match fs::make_dir(&*dir, name, IMPLICIT_MODE) {
                Ok(()) => self.implied.push(there.to_vec()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(there, error)),
            }
            dir = self.existing(there).map_err(|source| failed(there, source))?;
        }
        Ok(dir)
    }
}
