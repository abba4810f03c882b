//! The process that packs, locked into the tree.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use super::Error;
use crate::sys::{confine as sys, fs};

/// Locks this process into the tree of a layer, which becomes its root directory, and returns that: a layer came from
/// elsewhere, and so did the stream that a decoder here reads. The process is root of a user namespace, has a mount
/// namespace of its own, and is good for nothing but packing from here on; what it writes to is open already.
///
/// # Errors
/// [`Error::Confine`].
pub fn confine(tree: &Path) -> Result<OwnedFd, Error> {
    let error = |what| move |source| Error::Confine { what, path: tree.to_owned(), source };
    let dir = fs::open_dir(tree).map_err(error("open"))?;
    sys::enter(dir.as_fd()).map_err(error("make a root directory of"))?;
    // Once more, as a descriptor in the new mount.
    let dir = fs::open_dir(Path::new("/")).map_err(error("open"))?;
    sys::restrict(dir.as_fd()).map_err(error("restrict the process to"))?;
    Ok(dir)
}
