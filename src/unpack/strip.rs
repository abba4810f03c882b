//! A directory at an archive's top that holds the whole tree: `root.x86_64/` of Arch, `kali-arm64/` of Kali.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;

use super::member::Meta;
use super::writer::{ROOT_MODE, set_dir};
use super::{Error, Root};
use crate::sys::fs;

/// What a root file system has at its top, at least one of them.
const ROOT_LIKE: [&str; 3] = ["usr", "bin", "etc"];

/// Lifts the one directory at the top of the unpacked tree to be the root, where it looks like a root and the top does not;
/// plain files beside it go. Says its name.
pub(super) fn lift(root: &Root) -> Result<Option<String>, Error> {
    let top = fs::list(root.dir()).map_err(|source| Error::write("read", b"/", source))?;
    let mut dirs = top.iter().filter(|(_, is_dir)| *is_dir).map(|(name, _)| name);
    let (Some(only), None) = (dirs.next(), dirs.next()) else {
        return Ok(None);
    };
    let failed = |source| Error::write("lift the directory", only.as_bytes(), source);
    if looks_like_root(root.dir()).map_err(failed)? {
        return Ok(None);
    }
    let inner = fs::open_child(root.dir(), only).map_err(failed)?;
    if !looks_like_root(std::os::fd::AsFd::as_fd(&inner)).map_err(failed)? {
        return Ok(None);
    }
    let status = fs::status(&inner).map_err(failed)?;
    for (name, _) in top.iter().filter(|(_, is_dir)| !is_dir) {
        fs::remove_file(root.dir(), name).map_err(failed)?;
    }
    let within = fs::list(&inner).map_err(failed)?;
    // The directory must not be in the way of one of the same name within it.
    let aside = free_name(&within);
    fs::rename(root.dir(), only, root.dir(), &aside).map_err(failed)?;
    for (name, _) in &within {
        fs::rename(&inner, name, root.dir(), name).map_err(failed)?;
    }
    fs::remove_dir(root.dir(), &aside).map_err(failed)?;
    let fs::Status { uid, gid, modified, .. } = status;
    let mode = status.mode | ROOT_MODE;
    set_dir(root.dir(), b"", &Meta { mode, uid, gid, modified, xattrs: Vec::new() })?;
    Ok(Some(only.to_string_lossy().into_owned()))
}

fn looks_like_root(dir: BorrowedFd<'_>) -> io::Result<bool> {
    for name in ROOT_LIKE {
        match fs::status_at(dir, OsStr::new(name)) {
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn free_name(taken: &[(OsString, bool)]) -> OsString {
    let mut name = OsString::from(".envbox");
    while taken.iter().any(|(other, _)| *other == name) {
        name.push("_");
    }
    name
}
