//! Reads and writes on descriptors that are shared with others, where waiting is somebody else's business.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Standard input.
// SAFETY: the number is valid for the whole life of the process: the standard library opens /dev/null on it at start-up
// if it was closed, and nothing in envbox closes it.
pub const STDIN: BorrowedFd<'static> = unsafe { BorrowedFd::borrow_raw(0) };

/// Standard output.
// SAFETY: as for STDIN.
pub const STDOUT: BorrowedFd<'static> = unsafe { BorrowedFd::borrow_raw(1) };

/// Standard error.
// SAFETY: as for STDIN.
pub const STDERR: BorrowedFd<'static> = unsafe { BorrowedFd::borrow_raw(2) };

/// Reads what there is; `None` if a non-blocking descriptor has nothing now.
///
/// # Errors
/// read(2)'s.
pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    would_block(rustix::io::read(fd, buffer))
}

/// Writes what fits; `None` if a non-blocking descriptor takes nothing now.
///
/// # Errors
/// write(2)'s.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> io::Result<Option<usize>> {
    would_block(rustix::io::write(fd, bytes))
}

/// What statfs(2) has for the file system of pipes (linux/magic.h).
const PIPEFS_MAGIC: i64 = 0x5049_5045;

/// Whether it is a pipe without a name (pipe(7)): one that is no file of any file system that a user sees.
pub fn is_pipe(fd: impl AsFd) -> bool {
    rustix::fs::fstatfs(fd).is_ok_and(|found| found.f_type == PIPEFS_MAGIC)
}

fn would_block(result: rustix::io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
