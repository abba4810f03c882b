//! How a starting box comes to its cgroup, and what becomes of one whose box has died.
//!
//! It is made by the process that starts the box, in the host's namespaces; the keeper's parent is forked into it, and the
//! keeper gets it open.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::Error;
use crate::limits::systemd::{self, Manager};
use crate::limits::{self, Ground, Group, Membership, Wanted};
use crate::store::Runtime;
use crate::sys::process::{self, Fork, Pid, SingleThread};
use crate::sys::{socket, stream};
use crate::userns::{self, Identity};

/// The end of the process that starts the box.
#[derive(Debug)]
pub(super) struct Maker<'a> {
    who: (&'a SingleThread, &'a Identity),
    runtime: &'a Runtime,
    wanted: &'a Wanted,
    /// None as long as systemd is to make it, which wants a process to be there first.
    made: Option<Result<(Group, Ground), Error>>,
    socket: OwnedFd,
}

/// The end of the keeper's parent.
#[derive(Debug)]
pub(super) struct Member {
    socket: OwnedFd,
}

/// Makes the cgroup, where that is for this user to do, and the two ends.
///
/// # Errors
/// [`limits::Error`]; those of [`remove_group`].
pub(super) fn make<'a>(
    who: (&'a SingleThread, &'a Identity),
    runtime: &'a Runtime,
    wanted: &'a Wanted,
) -> Result<(Maker<'a>, Member), Error> {
    let (mine, other) = socket::pair().map_err(|source| limits::Error::HandOver { source })?;
    let made = if wanted.ground.manager.is_none() {
        Some(Ok((fresh(who, runtime, wanted)?, wanted.ground.clone())))
    } else {
        None
    };
    Ok((Maker { who, runtime, wanted, made, socket: mine }, Member { socket: other }))
}

/// Makes a cgroup, in the place of whatever is left of the box before.
fn fresh((proof, identity): (&SingleThread, &Identity), runtime: &Runtime, wanted: &Wanted) -> Result<Group, Error> {
    runtime.note_group(&wanted.dir())?;
    remove_group(proof, identity, &wanted.dir())?;
    Ok(Group::make(wanted)?)
}

impl Maker<'_> {
    /// The cgroup that the keeper's parent is forked into, if it is there already.
    pub(super) fn keeper(&self) -> Result<Option<OwnedFd>, Error> {
        let made = self.made.as_ref().and_then(|made| made.as_ref().ok());
        Ok(made.map(|(group, _)| group.keeper()).transpose()?)
    }

    /// Has systemd make the cgroup, where it is to, with the keeper's parent in it: that must still be a process of this user.
    pub(super) fn meet(&mut self, member: Pid) {
        if self.made.is_none() {
            self.made = Some(self.in_scope(member));
        }
    }

    /// Lets the keeper's parent go on, as a member of the cgroup, and returns that one's directory.
    ///
    /// # Errors
    /// [`limits::Error`].
    pub(super) fn admit(self) -> Result<PathBuf, Error> {
        let none = limits::Error::HandOver { source: io::ErrorKind::NotFound.into() };
        let (group, ground) = self.made.unwrap_or(Err(none.into()))?;
        group.membership(&ground)?.send(&self.socket)?;
        Ok(group.dir().to_owned())
    }

    /// Has systemd make a scope for the process, and makes the cgroup in there.
    fn in_scope(&self, member: Pid) -> Result<(Group, Ground), Error> {
        let none = || limits::Error::HandOver { source: io::ErrorKind::NotFound.into() };
        let Self { who, wanted, .. } = self;
        let manager = wanted.ground.manager.as_ref().ok_or_else(none)?;
        let (unit, description) = (format!("{}.scope", wanted.name), format!("envbox {}", wanted.name));
        let dir = systemd::start_scope(who.0, manager, &unit, &description, member).map_err(limits::Error::from)?;
        let ground = wanted.ground.clone().of_unit(&dir);
        let group = fresh(*who, self.runtime, &Wanted { ground: ground.clone(), ..(*wanted).clone() })?;
        group.take_keeper(member)?;
        Ok((group, ground))
    }
}

/// Forks into the box's cgroup. Where this user may not move a process there, since the two have no cgroup above them that is
/// the user's, systemd's manager does.
///
/// # Errors
/// clone3(2)'s, fork(2)'s; systemd's.
pub(super) fn fork(proof: &SingleThread, payload: &OwnedFd, manager: &dyn Fn() -> Option<Manager>) -> io::Result<Fork> {
    let refused = match process::fork_into(proof, payload) {
        Err(error) if is_refusal(&error) => error,
        forked => return forked,
    };
    let place = limits::place(payload)?;
    match process::fork_into(proof, &place) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        forked => return forked,
    }
    let dir = fs::read_link(format!("/proc/self/fd/{}", place.as_raw_fd()))?;
    let Some(((unit, below), manager)) = systemd::unit_of(&dir).zip(manager()) else { return Err(refused) };
    let (gate, opened) = process::pipe()?;
    match process::fork(proof)? {
        Fork::Child => {
            drop(opened);
            // The end of the stream instead of the byte: the other side has failed, or is gone.
            if stream::read(&gate, &mut [0])? == Some(1) {
                Ok(Fork::Child)
            } else {
                process::exit_now(process::EXIT_PANIC)
            }
        }
        Fork::Parent(child) => {
            let moved = systemd::attach(proof, &manager, &unit, &below, child).map_err(io::Error::other);
            let told = moved.and_then(|()| stream::write(&opened, &[1]));
            drop(opened);
            if let Err(error) = told {
                process::wait(child)?;
                return Err(error);
            }
            Ok(Fork::Parent(child))
        }
    }
}

/// Whether a cgroup took no process for a reason that another one, or another mover, might not have.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy | io::ErrorKind::Unsupported)
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
        // An init's cgroups belong to the box's ids, and the one that all are in to this user.
        Err(limits::Error::Cgroup { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            userns::run(proof, identity, |_| limits::clear(dir))?;
            Ok(limits::remove(dir)?)
        }
        removed => Ok(removed?),
    }
}
