//! Extended attributes by descriptor (xattr(7)).

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::XattrFlags;

/// Sets an attribute, or replaces it (fsetxattr(2)).
///
/// # Errors
/// `EOPNOTSUPP` where the file system has none, `EPERM`, `ENOSPC`; fsetxattr(2)'s.
pub fn set(fd: impl AsFd, name: &OsStr, value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(fd, name, value, XattrFlags::empty())?)
}

/// Removes an attribute; that it was not there is no error (fremovexattr(2)).
///
/// # Errors
/// fremovexattr(2)'s.
pub fn remove(fd: impl AsFd, name: &OsStr) -> io::Result<()> {
    match rustix::fs::fremovexattr(fd, name) {
        Ok(()) | Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
