//! How a starting box comes to its cgroup, and what becomes of one whose box has died.
//!
//! It is made by the process that starts the box, in the host's namespaces; the keeper's parent is forked into it, and the
//! keeper gets it open.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use super::Error;
use crate::limits::{self, Group, Membership, Wanted};
use crate::sys::process::{self, SingleThread};
use crate::sys::socket;
use crate::userns::{self, Identity};

/// The end of the process that starts the box.
#[derive(Debug)]
pub(super) struct Maker<'a> {
    wanted: &'a Wanted,
    made: Group,
    socket: OwnedFd,
}

/// The end of the keeper's parent.
#[derive(Debug)]
pub(super) struct Member {
    socket: OwnedFd,
}

/// Makes the cgroup, and the two ends.
///
/// # Errors
/// [`limits::Error`].
pub(super) fn make(wanted: &Wanted) -> Result<(Maker<'_>, Member), Error> {
    let (mine, other) = socket::pair().map_err(|source| limits::Error::HandOver { source })?;
    let made = Group::make(wanted)?;
    Ok((Maker { wanted, made, socket: mine }, Member { socket: other }))
}

impl Maker<'_> {
    /// The cgroup that the keeper's parent is forked into.
    pub(super) fn keeper(&self) -> Result<OwnedFd, Error> {
        Ok(self.made.keeper()?)
    }

    /// Lets the keeper's parent go on, as a member of the cgroup.
    ///
    /// # Errors
    /// [`limits::Error`].
    pub(super) fn admit(self) -> Result<(), Error> {
        let Self { wanted, made, socket } = self;
        Ok(made.membership(&wanted.ground)?.send(&socket)?)
    }
}

impl Member {
    /// Waits to be admitted. Of what is open in this process, only `keep` stays open.
    ///
    /// # Errors
    /// [`limits::Error`].
    pub(super) fn await_admission(self, keep: &[BorrowedFd<'_>]) -> Result<Membership, Error> {
        let fail = |source| limits::Error::HandOver { source };
        // The other end is open in this process as well, and must not hide that whoever had it is gone.
        process::close_all_but(&[keep, &[self.socket.as_fd()]].concat()).map_err(fail)?;
        let membership = Membership::receive(&self.socket)?;
        membership.delegate().map_err(fail)?;
        Ok(membership)
    }
}

/// Kills and removes the cgroup of a box that is dead.
///
/// # Errors
/// [`limits::Error`]; that of a user namespace that cannot be had.
pub fn remove_group(proof: &SingleThread, identity: &Identity, dir: &Path) -> Result<(), Error> {
    match limits::remove(dir) {
        // An init's cgroups belong to the box's ids.
        Err(limits::Error::Cgroup { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            Ok(userns::run(proof, identity, |_| limits::remove(dir))?)
        }
        removed => Ok(removed?),
    }
}
