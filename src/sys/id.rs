//! User and group ids of the calling thread, by raw system call.
//!
//! glibc's setuid and its kin signal every thread of the process and can deadlock in a child forked from a threaded one;
//! a process that has just forked has one thread, so the raw calls are both enough and safe.

use std::io;

use rustix::thread::{Gid, Uid};

/// The real user id.
pub fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

/// The effective user id.
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The real group id.
pub fn gid() -> u32 {
    rustix::process::getgid().as_raw()
}

/// The supplementary group ids.
///
/// # Errors
/// getgroups(2)'s.
pub fn groups() -> io::Result<Vec<u32>> {
    Ok(rustix::process::getgroups()?.into_iter().map(Gid::as_raw).collect())
}

/// Sets the supplementary groups (setgroups(2)).
///
/// # Errors
/// `EPERM` where the user namespace denies it (user_namespaces(7)); `EINVAL` for an id without a mapping.
pub fn set_groups(groups: &[u32]) -> io::Result<()> {
    let groups: Vec<Gid> = groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
    Ok(rustix::thread::set_thread_groups(&groups)?)
}

/// Becomes a user: real, effective and saved group, then user (setresgid(2), setresuid(2)). The kernel drops all
/// capabilities when the uid leaves 0, and clears the dumpable flag and the parent-death signal.
///
/// # Errors
/// `EPERM`, or `EINVAL` for an id without a mapping.
pub fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    Ok(rustix::thread::set_thread_res_uid(uid, uid, uid)?)
}
