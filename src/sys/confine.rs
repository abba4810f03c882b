//! Locking a process into a directory: pivot_root(2) or chroot(2), and Landlock.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, PathBeneath, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus,
};
use rustix::mount::{MountPropagationFlags, UnmountFlags};
use rustix::process::{Resource, Rlimit};

/// Makes the directory the root and the working directory of this process, which has a mount namespace of its own and is
/// root of the user namespace that owns it. The old root is unmounted where pivot_root(2) works; where it does not (the
/// old root is a ramfs), the process is only chrooted.
///
/// # Errors
/// Those of mount(2), pivot_root(2), chroot(2).
pub fn enter(dir: BorrowedFd<'_>) -> io::Result<()> {
    // Not one mount of what follows may reach the namespace it was copied from.
    rustix::mount::mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    rustix::process::fchdir(dir)?;
    let here = std::env::current_dir()?;
    rustix::mount::mount_bind(".", &here)?;
    // The working directory is beneath the new mount, not on it: once more by name.
    rustix::process::chdir(&here)?;
    match rustix::process::pivot_root(".", ".") {
        // The old root lies on top of the new one, and goes (pivot_root(2), "pivot_root(".", ".")").
        Ok(()) => rustix::mount::unmount(".", UnmountFlags::DETACH)?,
        Err(rustix::io::Errno::INVAL) => rustix::process::chroot(".")?,
        Err(errno) => return Err(errno.into()),
    }
    Ok(rustix::process::chdir("/")?)
}

/// Limits this thread, and those it starts, to files beneath the directory (landlock(7)); says whether the kernel does so.
/// Gives up the right to gain privileges by execve(2).
///
/// # Errors
/// The kernel has Landlock and refuses the rules.
pub fn restrict(dir: BorrowedFd<'_>) -> io::Result<bool> {
    // Before ABI 2 (Linux 5.19), a restricted process cannot link or rename from one directory to another at all.
    let linking = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::Refer);
    let Ok(ruleset) = linking else {
        return Ok(false);
    };
    let all = AccessFs::from_all(ABI::V5);
    let status = ruleset
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(Ruleset::create)
        .and_then(|created| created.add_rule(PathBeneath::new(dir.as_fd(), all)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(io::Error::other)?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Limits the memory that this process may allocate, in bytes (setrlimit(2), `RLIMIT_DATA`): more is a failed allocation.
///
/// # Errors
/// setrlimit(2)'s.
pub fn limit_memory(bytes: u64) -> io::Result<()> {
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    Ok(rustix::process::setrlimit(Resource::Data, limit)?)
}

/// Clears the file mode creation mask, so that modes come out as they are given (umask(2)).
pub fn clear_umask() {
    rustix::process::umask(rustix::fs::Mode::empty());
}
