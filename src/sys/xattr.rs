//! Extended attributes by descriptor (xattr(7)).

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;

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

/// The names of the attributes that there are (flistxattr(2)); none where the file system has no attributes.
///
/// # Errors
/// `ERANGE` if one was added meanwhile; flistxattr(2)'s.
pub fn list(fd: impl AsFd) -> io::Result<Vec<OsString>> {
    let length = match rustix::fs::flistxattr_query(&fd) {
        Ok(0) | Err(rustix::io::Errno::OPNOTSUPP) => return Ok(Vec::new()),
        length => length?,
    };
    let mut names = vec![0; length];
    let length = rustix::fs::flistxattr(&fd, names.as_mut_slice())?;
    let each = names[..length].split(|&byte| byte == 0).filter(|name| !name.is_empty());
    Ok(each.map(|name| OsStr::from_bytes(name).to_owned()).collect())
}

/// The value of an attribute (fgetxattr(2)).
///
/// # Errors
/// `ENODATA` where there is none; fgetxattr(2)'s.
pub fn get(fd: impl AsFd, name: &OsStr) -> io::Result<Vec<u8>> {
    // The kernel's own limit (limits.h, XATTR_SIZE_MAX).
    let mut value = vec![0; 65536];
    let length = rustix::fs::fgetxattr(fd, name, value.as_mut_slice())?;
    value.truncate(length);
    Ok(value)
}
