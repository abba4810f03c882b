//! Asking the kernel whether something would work: each function tries it and leaves nothing behind.

use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

/// A file system, as statfs(2) has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// Its kind: the magic number (statfs(2), `linux/magic.h`).
    pub magic: u64,
    /// Bytes that this user can still write.
    pub free: u64,
}

/// The file system that a path is on.
///
/// # Errors
/// statfs(2)'s.
pub fn file_system(path: &Path) -> io::Result<FileSystem> {
    let found = rustix::fs::statfs(path)?;
    // Magic numbers are 32 bits wide; where the type is signed, those with the highest bit set look negative.
    let magic = found.f_type.cast_unsigned() & 0xffff_ffff;
    let block = u64::try_from(found.f_frsize.max(1)).unwrap_or(1);
    Ok(FileSystem { magic, free: found.f_bavail.saturating_mul(block) })
}

/// Whether a program has capabilities of its own (capabilities(7), `security.capability`).
///
/// # Errors
/// getxattr(2)'s, a missing attribute excepted.
pub fn has_capabilities(program: &Path) -> io::Result<bool> {
    match rustix::fs::getxattr(program, "security.capability", &mut [0; 64]) {
        Ok(length) => Ok(length > 0),
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether this process may write to a path (access(2)).
pub fn writable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Makes a tmpfs, attached nowhere: what every later mount needs the right to.
///
/// # Errors
/// fsopen(2)'s, fsmount(2)'s; `EPERM` and `EACCES` without the right to mount.
pub fn tmpfs() -> io::Result<()> {
    let context = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
    Ok(())
}

/// Makes an overlay of a user namespace's kind, attached nowhere, and uses it: creates the file `new` in it and deletes
/// the file `old`, which `lower` must have. A file system that cannot carry an upper directory fails here, if not when
/// it is mounted.
///
/// # Errors
/// Whatever the kernel says; overlayfs.rst.
pub fn overlay(lower: &Path, upper: &Path, work: &Path) -> io::Result<()> {
    let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_flag(&context, "userxattr")?;
    // By short names without a colon or a comma, which mean something here.
    let open = |path| rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let dirs = [("lowerdir", open(lower)?), ("upperdir", open(upper)?), ("workdir", open(work)?)];
    for (key, dir) in &dirs {
        rustix::mount::fsconfig_set_string(&context, *key, format!("/proc/self/fd/{}", dir.as_raw_fd()))?;
    }
    rustix::mount::fsconfig_create(&context)?;
    let root = rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
    rustix::fs::openat(&root, "new", OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?;
    Ok(rustix::fs::unlinkat(&root, "old", AtFlags::empty())?)
}
