//! Namespaces: leaving them with unshare(2), joining them with setns(2).

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};

pub use rustix::thread::LinkNameSpaceType as Kind;
use rustix::thread::UnshareFlags;

use super::process::SingleThread;

/// The kinds of namespace, as bits (namespaces(7)).
pub type Namespaces = UnshareFlags;

/// Moves this process into new namespaces of the given kinds (unshare(2)). A new pid namespace begins with the next child.
///
/// # Errors
/// `EPERM`, `ENOSPC`, `EINVAL`: unshare(2), user_namespaces(7).
pub fn unshare(_: &SingleThread, kinds: Namespaces) -> io::Result<()> {
    // SAFETY: with one thread (the proof), no other thread can hold assumptions about shared attributes; CLONE_FILES,
    // the flag the function is unsafe for, is not part of what the callers name.
    Ok(unsafe { rustix::thread::unshare_unsafe(kinds) }?)
}

/// Joins the one namespace a descriptor of `/proc/PID/ns/*` names (setns(2)).
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN` in the namespace's owner; `EINVAL` for a user namespace one is in already.
pub fn join(_: &SingleThread, namespace: impl AsFd, kind: Kind) -> io::Result<()> {
    Ok(rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(kind))?)
}

/// What tells a namespace from all others there are now (ioctl_ns(2), namespaces(7)).
///
/// # Errors
/// fstat(2)'s.
pub fn inode(namespace: impl AsFd) -> io::Result<u64> {
    Ok(rustix::fs::fstat(namespace)?.st_ino)
}

/// The pid namespace that one was made in (ioctl_ns(2), `NS_GET_PARENT`).
///
/// # Errors
/// `EPERM` for one that this process's own is not above.
pub fn parent(namespace: impl AsFd) -> io::Result<OwnedFd> {
    // SAFETY: the request takes no argument, and makes a descriptor.
    let parent = unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), libc::NS_GET_PARENT) };
    if parent < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nothing else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(parent) })
}
