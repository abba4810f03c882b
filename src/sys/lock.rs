//! Whole-file locks that end with the process that holds them (flock(2)).

use std::io;
use std::os::fd::AsFd;

use rustix::fs::FlockOperation;

/// Takes the exclusive lock, waiting for it.
///
/// # Errors
/// flock(2)'s.
pub fn exclusive(file: impl AsFd) -> io::Result<()> {
    wait_for(file, FlockOperation::LockExclusive)
}

/// Takes a shared lock, waiting while somebody has the exclusive one.
///
/// # Errors
/// flock(2)'s.
pub fn shared(file: impl AsFd) -> io::Result<()> {
    wait_for(file, FlockOperation::LockShared)
}

fn wait_for(file: impl AsFd, lock: FlockOperation) -> io::Result<()> {
    loop {
        match rustix::fs::flock(&file, lock) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// Takes the exclusive lock if nobody has it; says whether it did.
///
/// # Errors
/// flock(2)'s.
pub fn try_exclusive(file: impl AsFd) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Lets go of the lock before the descriptor is closed.
///
/// # Errors
/// flock(2)'s.
pub fn unlock(file: impl AsFd) -> io::Result<()> {
    Ok(rustix::fs::flock(file, FlockOperation::Unlock)?)
}
