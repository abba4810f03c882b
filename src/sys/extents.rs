//! One place on the disk for the same bytes of two files, where the file system can do that (btrfs, XFS, …).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

/// Bytes in one request: what the file systems take at once.
const MOST: u64 = 16 << 20;

/// `struct file_dedupe_range` of linux/fs.h, with one target.
#[repr(C)]
#[derive(Debug, Default)]
struct Range {
    from: u64,
    length: u64,
    targets: u16,
    reserved: [u16; 3],
    target: Target,
}

/// `struct file_dedupe_range_info` of linux/fs.h.
#[repr(C)]
#[derive(Debug, Default)]
struct Target {
    fd: i64,
    to: u64,
    done: u64,
    status: i32,
    reserved: u32,
}

/// `FIDEDUPERANGE`; its size is that of the structure without targets.
const REQUEST: rustix::ioctl::Opcode = rustix::ioctl::opcode::read_write::<[u64; 3]>(0x94, 54);

/// Lets a file have its bytes where another has them, if they are the same; whether they are. The kernel compares them
/// itself, and nothing else of either file changes (ioctl_fideduperange(2)).
///
/// # Errors
/// `EOPNOTSUPP`, `EINVAL`, `ENOTTY` or `EXDEV` where the file system cannot do it; ioctl_fideduperange(2)'s.
pub fn share(from: &File, to: &File, length: u64) -> io::Result<bool> {
    let mut at = 0;
    while at < length {
        let target = Target { fd: to.as_raw_fd().into(), to: at, ..Target::default() };
        let mut range = Range { from: at, length: (length - at).min(MOST), targets: 1, reserved: [0; 3], target };
        // SAFETY: the request is this structure with as many targets as it says; the kernel writes only within it.
        let result = unsafe { libc::ioctl(from.as_raw_fd(), REQUEST.into(), &raw mut range) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        match range.target {
            Target { status: 0, done: 1.., .. } => at += range.target.done,
            Target { status, .. } if status < 0 => return Err(io::Error::from_raw_os_error(-status)),
            // Not the same, or no progress.
            _ => return Ok(false),
        }
    }
    Ok(true)
}
