//! What can go wrong with cgroups.

use std::io;
use std::path::PathBuf;

/// A box's cgroup could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation on the cgroup file system failed.
    #[error("cannot {what} {}", path.display())]
    Cgroup {
        /// What was tried: "make", "open", …
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// What a dead box has left cannot be cleared away.
    #[error("the cgroup {} is still in use", path.display())]
    Busy {
        /// The cgroup.
        path: PathBuf,
    },
    /// systemd's manager made none.
    #[error("cannot have a cgroup of systemd's")]
    Systemd(#[from] super::systemd::Error),
    /// The two sides of a starting box could not talk.
    #[error("cannot hand over the box's cgroup")]
    HandOver {
        /// Why.
        source: io::Error,
    },
}
