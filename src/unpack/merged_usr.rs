//! The merged `/usr`: `/bin`, `/lib` and their kin are links into it (Debian's "UsrMerge").

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;

use super::{Error, Root};
use crate::sys::fs;

/// On every architecture.
const ALWAYS: [&str; 3] = ["bin", "lib", "sbin"];
/// Where a package has something in them: the dynamic loader of some architectures, and libraries of foreign ones.
const WHERE_USED: [&[u8]; 4] = [b"lib32", b"lib64", b"libo32", b"libx32"];

/// The links of a root.
pub(super) struct MergedUsr<'a>(&'a Root);

impl<'a> MergedUsr<'a> {
    /// Makes the links that every architecture has.
    pub(super) fn new(root: &'a Root) -> Result<Self, Error> {
        let merged = Self(root);
        make_dir(root, OsStr::new("usr"))?;
        for name in ALWAYS {
            merged.link(OsStr::new(name))?;
        }
        Ok(merged)
    }

    /// Makes the link that a member's path goes through, where that is one of the rarer ones.
    pub(super) fn prepare(&self, path: &[u8], is_dir: bool) -> Result<(), Error> {
        let mut components = path.splitn(2, |&byte| byte == b'/');
        let (top, beneath) = (components.next().unwrap_or_default(), components.next().is_some());
        // The link itself, which a package may have, is no directory.
        if WHERE_USED.contains(&top) && (beneath || is_dir) { self.link(OsStr::from_bytes(top)) } else { Ok(()) }
    }

    /// The path with the link it goes through taken out.
    pub(super) fn canonical(path: &[u8]) -> Vec<u8> {
        let top = path.split(|&byte| byte == b'/').next().unwrap_or_default();
        let is_link = ALWAYS.iter().any(|name| name.as_bytes() == top) || WHERE_USED.contains(&top);
        if is_link && top.len() < path.len() { [b"usr/", path].concat() } else { path.to_vec() }
    }

    /// What it leads to comes first: a link to nothing cannot be written through.
    fn link(&self, name: &OsStr) -> Result<(), Error> {
        let target = [b"usr/", name.as_bytes()].concat();
        make_dir(self.0, OsStr::from_bytes(&target))?;
        made(fs::make_symlink(OsStr::from_bytes(&target), self.0.dir(), name), name)
    }
}

fn make_dir(root: &Root, path: &OsStr) -> Result<(), Error> {
    made(fs::make_dir(root.dir(), path, 0o755), path)
}

/// That another thread made it is as well.
fn made(result: io::Result<()>, name: &OsStr) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::write("make", name.as_bytes(), error)),
        _ => Ok(()),
    }
}
