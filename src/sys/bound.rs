//! What a process may use: limits of resources (setrlimit(2)), and which processors (sched_setaffinity(2)).

use std::io;

pub use rustix::process::Resource;
use rustix::process::{Rlimit, getrlimit, prlimit, setrlimit};
use rustix::thread::CpuSet;

use super::process::Pid;

/// Limits a resource of this process, for good. Where it may have less already, it stays at that: only the machine's root may
/// raise it. The result is what it has now.
///
/// # Errors
/// setrlimit(2)'s.
pub fn limit(resource: Resource, most: u64) -> io::Result<u64> {
    let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    Ok(most)
}

/// Limits a resource of another process (prlimit(2)).
///
/// # Errors
/// `EPERM` where that would be more than it has now, and for a process in no user namespace of the caller's; `ESRCH`.
pub fn limit_other(pid: Pid, resource: Resource, most: u64) -> io::Result<()> {
    let pid = rustix::process::Pid::from_raw(pid.as_raw());
    prlimit(pid, resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    Ok(())
}

/// The processors that this process may use.
///
/// # Errors
/// sched_getaffinity(2)'s: `EINVAL` on a machine with more than 1024.
pub fn processors() -> io::Result<Vec<u32>> {
    let set = rustix::thread::sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|&number| set.is_set(number))
        .filter_map(|number| u32::try_from(number).ok())
        .collect())
}

/// Lets a thread, and what it starts from then on, use these processors only; this one without an id.
///
/// # Errors
/// `EINVAL` where it may use none of them; `EPERM`, `ESRCH`.
pub fn set_processors(thread: Option<Pid>, numbers: &[u32]) -> io::Result<()> {
    let thread = thread.and_then(|thread| rustix::process::Pid::from_raw(thread.as_raw()));
    let mut set = CpuSet::new();
    let known = numbers.iter().filter_map(|&number| usize::try_from(number).ok());
    known.filter(|&number| number < CpuSet::MAX_CPU).for_each(|number| set.set(number));
    Ok(rustix::thread::sched_setaffinity(thread, &set)?)
}
