//! The lock on a finished root: a second user namespace, inside the first.
//!
//! Mounts that a mount namespace has from one of a more privileged user namespace are locked (mount_namespaces(7)): they
//! cannot be taken away to show what is under them, nor made writable. So box-root can neither uncover the store under
//! the home, nor change the agent that all boxes share. The ids inside are the same; only the rights over what was built
//! outside are gone.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use crate::sys::namespace::{self, Kind};
use crate::sys::process::{self, Ended, Fork, SingleThread};
use crate::sys::root::{self, Open};
use crate::sys::{socket, stream};
use crate::userns::{self, IdMap, Namespaces};

/// Moves this process into a user namespace of its own with `map`, and into the namespaces that are to belong to it. The root it
/// sees is the same; descriptors of mounts from before are of another mount namespace now.
///
/// A cgroup namespace is made where there is a cgroup to be its root, `payload`. Without one the box sees the cgroups as the host
/// does: it is among them, and in a namespace of its own they would all be above the root, where runtimes that read their limits
/// don't look, or fail.
///
/// # Errors
/// unshare(2)'s; those of writing the map.
pub(super) fn seal(proof: &SingleThread, map: &IdMap, payload: Option<&OwnedFd>) -> io::Result<()> {
    let (made_read, made) = process::pipe()?;
    match process::fork(proof)? {
        Fork::Child => {
            drop(made);
            process::finish(|| {
                // Without the byte: the other side has failed.
                let written = matches!(stream::read(&made_read, &mut [0]), Ok(Some(1))) && write(map).is_ok();
                u8::from(!written)
            })
        }
        Fork::Parent(writer) => {
            drop(made_read);
            let kinds = Namespaces::NEWUSER | Namespaces::NEWNS | Namespaces::NEWIPC | Namespaces::NEWUTS;
            userns::unshare(proof, kinds)?;
            // The map of an undumpable process belongs to the machine's own root. Nobody is here yet to abuse it.
            process::set_dumpable(true)?;
            stream::write(&made, &[1])?;
            let ended = process::wait(writer)?;
            process::set_dumpable(false)?;
            if ended != Ended::Exited(0) {
                return Err(io::Error::other("the map could not be written"));
            }
            payload.map_or(Ok(()), |payload| root_cgroups_at(proof, payload))
        }
    }
}

/// Moves this process into a cgroup namespace with its root at `payload`. The process itself stays in a cgroup beside it:
/// such a namespace's root is the cgroup of whoever makes it (cgroup_namespaces(7)), so that is a child in there.
fn root_cgroups_at(proof: &SingleThread, payload: &OwnedFd) -> io::Result<()> {
    let (here, there) = socket::pair()?;
    match process::fork_into(proof, payload)? {
        Fork::Child => process::finish(|| {
            let made = || {
                userns::unshare(proof, Namespaces::NEWCGROUP)?;
                let own = root::open_absolute(Path::new("/proc/self/ns/cgroup"), Open::Read)?;
                socket::send(&there, b"c", &[own])
            };
            u8::from(made().is_err())
        }),
        Fork::Parent(child) => {
            drop(there);
            let received = socket::receive(&here, &mut [0]);
            process::wait(child)?;
            let made = received?.1.into_iter().next().ok_or_else(|| io::Error::other("no cgroup namespace"))?;
            namespace::join(proof, made, Kind::ControlGroup)
        }
    }
}

/// Writes the map of this process's parent, which has its privilege from the namespace that both came from.
fn write(map: &IdMap) -> io::Result<()> {
    let parent = process::parent();
    fs::write(format!("/proc/{parent}/uid_map"), IdMap::lines(&map.uid))?;
    fs::write(format!("/proc/{parent}/gid_map"), IdMap::lines(&map.gid))
}
