//! The target, with the process locked into it.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use super::Error;
use crate::sys::{confine, fs, xattr};

/// The directory that an archive is unpacked into; this process can reach nothing else.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    landlocked: bool,
}

impl Root {
    /// Locks this process into the directory: it becomes the root directory, everything else is unmounted, and Landlock is
    /// asked to refuse whatever is not beneath it. The process is root of a user namespace and has a mount namespace of its
    /// own ([`crate::userns::run`]), and is good for nothing but unpacking from here on. Its umask is cleared.
    ///
    /// # Errors
    /// [`Error::Confine`].
    pub fn confine(target: &Path) -> Result<Self, Error> {
        let error = |what| move |source| Error::Confine { what, path: target.to_owned(), source };
        let dir = fs::open_dir(target).map_err(error("open"))?;
        confine::enter(dir.as_fd()).map_err(error("make a root directory of"))?;
        // Once more, as a descriptor in the new mount.
        let dir = fs::open_dir(Path::new("/")).map_err(error("open"))?;
        let landlocked = confine::restrict(dir.as_fd()).map_err(error("restrict the process to"))?;
        confine::clear_umask();
        // A default ACL that the target has from its parent would be handed on to everything in it (acl(5)).
        for acl in ["system.posix_acl_default", "system.posix_acl_access"] {
            xattr::remove(&dir, OsStr::new(acl)).map_err(error("remove the ACL of"))?;
        }
        Ok(Self { dir, landlocked })
    }

    /// A directory at the top of this one, as a target of its own: a fuzzer unpacks thousands of archives, and can be locked
    /// in only once.
    ///
    /// # Errors
    /// [`Error::Confine`].
    pub fn within(&self, name: &OsStr) -> Result<Self, Error> {
        let dir = fs::open_child(&self.dir, name);
        let dir = dir.map_err(|source| Error::Confine { what: "open", path: name.into(), source })?;
        Ok(Self { dir, landlocked: self.landlocked })
    }

    /// Whether Landlock is in force.
    pub fn landlocked(&self) -> bool {
        self.landlocked
    }

    pub(super) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}
