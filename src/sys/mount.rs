//! Mounts by descriptor: the mount API of Linux 5.2 and later (fsopen(2), open_tree(2), move_mount(2),
//! mount_setattr(2)).
//!
//! A mount is made or copied detached, given its flags, and attached last, so there is no moment at which it stands in
//! the tree with the wrong ones.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};

/// What a mount forbids (mount_setattr(2), `MOUNT_ATTR_*`).
pub type Attributes = MountAttrFlags;

/// A file system that is being configured (fsopen(2)).
#[derive(Debug)]
pub struct Context(OwnedFd);

impl Context {
    /// Starts to configure a file system of this type.
    ///
    /// # Errors
    /// `ENODEV` if the kernel has no such type; `EPERM` outside a mount namespace of one's own.
    pub fn open(kind: &str) -> io::Result<Self> {
        Ok(Self(rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?))
    }

    /// Sets a parameter that has a value.
    ///
    /// # Errors
    /// The kernel's, with what it logged.
    pub fn set(&self, key: &str, value: impl AsRef<Path>) -> io::Result<()> {
        self.explain(rustix::mount::fsconfig_set_string(&self.0, key, value.as_ref()))
    }

    /// Sets a parameter that has none.
    ///
    /// # Errors
    /// The kernel's, with what it logged.
    pub fn flag(&self, key: &str) -> io::Result<()> {
        self.explain(rustix::mount::fsconfig_set_flag(&self.0, key))
    }

    /// Makes the file system and a detached mount of it.
    ///
    /// # Errors
    /// The kernel's, with what it logged.
    pub fn mount(&self, attributes: Attributes) -> io::Result<OwnedFd> {
        self.explain(rustix::mount::fsconfig_create(&self.0))?;
        self.explain(rustix::mount::fsmount(&self.0, FsMountFlags::FSMOUNT_CLOEXEC, attributes))
    }

    /// Adds to an error what the kernel wrote to the context's log: its own reason, in words.
    fn explain<T>(&self, result: Result<T, rustix::io::Errno>) -> io::Result<T> {
        result.map_err(|errno| {
            let mut log = Vec::new();
            let mut line = [0; 1024];
            while let Ok(length @ 1..) = rustix::io::read(&self.0, &mut line) {
                // Each message begins with its level: "e ", "w " or "i ".
                log.push(String::from_utf8_lossy(line[..length].get(2..).unwrap_or_default()).trim().to_owned());
            }
            let source = io::Error::from(errno);
            if log.is_empty() { source } else { io::Error::new(source.kind(), KernelSays { source, log }) }
        })
    }
}

/// An error number and the words the kernel had for it.
#[derive(Debug)]
struct KernelSays {
    source: io::Error,
    log: Vec<String>,
}

impl fmt::Display for KernelSays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.log.join("; "))
    }
}

impl std::error::Error for KernelSays {}

/// Makes a file system as mount(2) does, with up to a page of options, and takes the mount off its directory again.
///
/// # Errors
/// mount(2)'s, open_tree(2)'s; `EINVAL` for options longer than a page.
pub fn mount_at(target: &Path, kind: &str, options: &std::ffi::OsStr, attributes: Attributes) -> io::Result<OwnedFd> {
    let options = std::ffi::CString::new(std::os::unix::ffi::OsStrExt::as_bytes(options))?;
    rustix::mount::mount(kind, target, kind, rustix::mount::MountFlags::empty(), &*options)?;
    let mount = copy_tree(target);
    rustix::mount::unmount(target, UnmountFlags::DETACH)?;
    let mount = mount?;
    set_attributes(&mount, attributes, None)?;
    Ok(mount)
}

/// Makes a FUSE file system whose requests are read from `device`, an open `/dev/fuse` of this user namespace (fuse(4)), for
/// everybody, and a detached mount of it. `name`: what stands in the first column of the table of mounts.
///
/// # Errors
/// The kernel's, with what it logged; `EINVAL` for a device that was opened in another user namespace.
pub fn fuse(device: impl AsFd, name: &str, attributes: Attributes) -> io::Result<OwnedFd> {
    let fuse = Context::open("fuse")?;
    fuse.set("source", name)?;
    fuse.set("fd", device.as_fd().as_raw_fd().to_string())?;
    fuse.set("rootmode", "40755")?;
    fuse.set("user_id", "0")?;
    fuse.set("group_id", "0")?;
    fuse.flag("default_permissions")?;
    // Everybody, not only who mounts it.
    fuse.flag("allow_other")?;
    fuse.mount(attributes)
}

/// A detached copy of the mount tree at a path, with all that is mounted below it (open_tree(2)). Recursive always: a
/// copy without its locked children is refused in a user namespace (mount_namespaces(7)).
///
/// # Errors
/// open_tree(2)'s.
pub fn copy_tree(path: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    Ok(rustix::mount::open_tree(rustix::fs::CWD, path, flags)?)
}

/// [`copy_tree`] of what is open already.
///
/// # Errors
/// open_tree(2)'s.
pub fn copy_open_tree(file: impl AsFd) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    Ok(rustix::mount::open_tree(file, "", flags)?)
}

/// Attaches a detached mount on top of an open file or directory (move_mount(2)).
///
/// # Errors
/// move_mount(2)'s; `ENOTDIR` or `EINVAL` if one of the two is a directory and the other is not.
pub fn attach(mount: impl AsFd, target: impl AsFd) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(rustix::mount::move_mount(mount, "", target, "", flags)?)
}

/// Takes the topmost mount off a path, also while it is in use (umount2(2), `MNT_DETACH`). One that nothing is mounted on is no
/// failure.
///
/// # Errors
/// umount2(2)'s, `EINVAL` excepted.
pub fn detach(path: &Path) -> io::Result<()> {
    match rustix::mount::unmount(path, UnmountFlags::DETACH) {
        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// How mount events travel between a mount and its copies (mount_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// Not at all.
    Private,
    /// Only from the original to this one.
    Slave,
}

/// Sets flags and propagation on a mount and all below it (mount_setattr(2)).
///
/// # Errors
/// `EPERM` for a flag that is locked; `ENOSYS` before Linux 5.12.
pub fn set_attributes(mount: impl AsFd, set: Attributes, propagation: Option<Propagation>) -> io::Result<()> {
    #[repr(C)]
    struct MountAttr {
        attr_set: u64,
        attr_clr: u64,
        propagation: u64,
        userns_fd: u64,
    }
    let attr = MountAttr {
        attr_set: u64::from(set.bits()),
        attr_clr: 0,
        propagation: match propagation {
            None => 0,
            Some(Propagation::Private) => libc::MS_PRIVATE,
            Some(Propagation::Slave) => libc::MS_SLAVE,
        },
        userns_fd: 0,
    };
    // SAFETY: the descriptor is open for the length of the borrow, the path is a NUL-terminated empty string, and the
    // structure has the layout and the size that mount_setattr(2) gives it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Cuts the whole mount namespace off from the one it was copied from, but lets later mounts of the host's in
/// (`MS_SLAVE | MS_REC`).
///
/// # Errors
/// mount(2)'s.
pub fn follow_host() -> io::Result<()> {
    Ok(rustix::mount::mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?)
}

/// Makes an open directory, which must be a mount, the root of this mount namespace and of this process, and lets go of
/// the old root and all that hangs on it (pivot_root(2), the form with `"."` twice, which needs no directory to put the
/// old root on).
///
/// # Errors
/// pivot_root(2)'s and umount2(2)'s.
pub fn pivot_root(new_root: impl AsFd) -> io::Result<()> {
    rustix::process::fchdir(new_root)?;
    rustix::process::pivot_root(".", ".")?;
    // The old root is now mounted over the new one. As a slave it cannot pass its unmounting on to the host.
    rustix::mount::unmount(".", UnmountFlags::DETACH)?;
    Ok(rustix::process::chdir("/")?)
}
