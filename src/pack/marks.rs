//! What a tree in the store says by marks and a layer by names (image-spec, layer.md, "Whiteouts").
//!
//! A file that a layer removes is a character device 0:0 in the store, or an empty file with an attribute, and `.wh.NAME`
//! in an archive; a directory that hides all below it has an attribute, and `.wh..wh..opq` in it (the kernel's
//! overlayfs.rst, "whiteouts and opaque directories").

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;

use super::Error;
use crate::sys::xattr;

/// What names of removed files begin with.
pub(super) const WHITEOUT: &[u8] = b".wh.";
/// The name that makes a directory hide what is below it.
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";

/// Extended attributes as they go into the archive, sorted, and what else they said.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    pub(super) kept: Vec<(Vec<u8>, Vec<u8>)>,
    /// A directory hides what is below it.
    pub(super) opaque: bool,
    /// A file stands for the removal of one below it.
    pub(super) whiteout: bool,
}

/// Reads the extended attributes of a file or directory. Those that mean something to overlay file systems and container
/// engines stay out, as does what belongs to the host; so what is kept is what unpacking takes.
pub(super) fn read(fd: impl AsFd, path: &[u8]) -> Result<Attributes, Error> {
    let failed = || Error::read("read the extended attributes of", path);
    let mut found = Attributes::default();
    let mut names: Vec<OsString> = xattr::list(&fd).map_err(failed())?;
    names.sort_unstable();
    for name in names {
        let bytes = name.as_bytes();
        match bytes {
            b"user.overlay.opaque" | b"user.fuseoverlayfs.opaque" => {
                found.opaque |= xattr::get(&fd, &name).map_err(failed())? == b"y";
            }
            b"user.overlay.whiteout" => found.whiteout = true,
            _ if !is_kept(&name) => {}
            // A PAX record's key ends at the first one.
            _ if bytes.contains(&b'=') => return Err(Error::Attribute { name: super::error::shown(path) }),
            _ => found.kept.push((bytes.to_vec(), xattr::get(&fd, &name).map_err(failed())?)),
        }
    }
    Ok(found)
}

fn is_kept(name: &OsStr) -> bool {
    const OTHERS: [&[u8]; 3] = [b"user.overlay.", b"user.fuseoverlayfs.", b"user.containers."];
    let name = name.as_bytes();
    name == b"security.capability" || name.starts_with(b"user.") && !OTHERS.iter().any(|other| name.starts_with(other))
}
