//! Files and directories by descriptor.
//!
//! Nothing here follows a symbolic link in the last component of a name. Paths of more than one component are for
//! [`open_beneath`] alone, which resolves them as if its directory were `/`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, SeekFrom, Stat, Timespec, Timestamps, Uid};

/// How often an `EAGAIN` of openat2(2) is answered by another try: it means that something was renamed or mounted
/// somewhere on the machine while a `..` was resolved.
const RENAME_RACES: u32 = 1000;

/// What a name refers to, as far as anybody here asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The device and inode numbers, which identify a file for as long as it is there.
    pub identity: (u64, u64),
    /// What it is.
    pub kind: Kind,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Whether it is a symbolic link.
    pub is_symlink: bool,
    /// The permission bits, setuid, setgid and sticky bits.
    pub mode: u32,
    /// How many names it has.
    pub links: u64,
    /// The owner.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// Last modification: seconds and nanoseconds.
    pub modified: (i64, u32),
    /// Last change of the content, of the owner or of anything else but the time of the last access; nobody can set it.
    pub changed: (i64, u32),
    /// The apparent size in bytes.
    pub size: u64,
    /// The allocated size in bytes.
    pub allocated: u64,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A character device 0:0, which is an overlay's whiteout.
    Whiteout,
    /// Another device, or a socket.
    Other,
}

impl Status {
    #[allow(clippy::useless_conversion, reason = "the kernel's link count is 32 bits wide on some architectures")]
    fn new(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            FileType::Fifo => Kind::Fifo,
            FileType::CharacterDevice if stat.st_rdev == 0 => Kind::Whiteout,
            _ => Kind::Other,
        };
        Self {
            identity: (stat.st_dev, stat.st_ino),
            kind,
            is_dir: kind == Kind::Directory,
            is_symlink: kind == Kind::Symlink,
            mode: stat.st_mode & 0o7777,
            links: stat.st_nlink.into(),
            uid: stat.st_uid,
            gid: stat.st_gid,
            modified: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
            changed: (stat.st_ctime, u32::try_from(stat.st_ctime_nsec).unwrap_or(0)),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            // st_blocks counts units of 512 bytes whatever the file system's block is (stat(3type)).
            allocated: u64::try_from(stat.st_blocks).unwrap_or(0) * 512,
        }
    }
}

/// Opens a directory by path, to work beneath it (open(2)).
///
/// # Errors
/// open(2)'s; `ENOTDIR` for anything that is not a directory.
pub fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// What [`open_beneath`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beneath {
    /// A directory to work in, through symbolic links.
    Directory,
    /// A directory whose own name is not a symbolic link.
    RealDirectory,
}

/// Opens a directory beneath another with openat2(2): `..`, absolute names and symbolic links stay beneath it
/// (`RESOLVE_IN_ROOT`), and links of `/proc` are refused.
///
/// # Errors
/// openat2(2)'s; `ENOTDIR` for what is not a directory; `ELOOP` for a symbolic link where none is wanted.
pub fn open_beneath(root: impl AsFd, path: &OsStr, what: Beneath) -> io::Result<OwnedFd> {
    let nofollow = if what == Beneath::RealDirectory { OFlags::NOFOLLOW } else { OFlags::empty() };
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | nofollow;
    openat2(root.as_fd(), path, flags, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
}

/// Opens what is beneath a directory for reading, and refuses every name and every link that leads out of it (openat2(2),
/// `RESOLVE_BENEATH`). A FIFO is not waited for.
///
/// # Errors
/// `EXDEV` for what is not beneath it; openat2(2)'s.
pub fn open_within(dir: impl AsFd, path: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    openat2(dir.as_fd(), path, flags, ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS)
}

/// Opens the directory of this name, in the same file system and not through a symbolic link.
///
/// # Errors
/// `EXDEV` for a mount point, `ENOTDIR` or `ELOOP` for what is not a directory; openat2(2)'s.
pub fn open_child(parent: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    openat2(parent.as_fd(), name, flags, ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS)
}

fn openat2(dir: BorrowedFd<'_>, path: &OsStr, flags: OFlags, resolve: ResolveFlags) -> io::Result<OwnedFd> {
    for _ in 0..RENAME_RACES {
        match rustix::fs::openat2(dir, path, flags, Mode::empty(), resolve) {
            Err(rustix::io::Errno::AGAIN) => {}
            result => return Ok(result?),
        }
    }
    Err(rustix::io::Errno::AGAIN.into())
}

/// Makes a new regular file, open for writing (`O_CREAT | O_EXCL`, open(2)).
///
/// # Errors
/// `EEXIST` for any name that is there, dangling symbolic links included; open(2)'s.
pub fn create_file(parent: impl AsFd, name: &OsStr, mode: u32) -> io::Result<File> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(mode))?))
}

/// Opens a file to write at its end (`O_APPEND`, open(2)), not through a symbolic link and without waiting for anybody; makes
/// it if it is not there.
///
/// # Errors
/// `ELOOP` for a symbolic link; `ENXIO` for a FIFO that nobody reads; open(2)'s.
pub fn append_file(parent: impl AsFd, name: &OsStr, mode: u32) -> io::Result<File> {
    let flags =
        OFlags::CREATE | OFlags::APPEND | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(mode))?))
}

/// Opens a regular file for reading, not through a symbolic link and without waiting for anybody.
///
/// # Errors
/// `ELOOP` for a symbolic link; open(2)'s.
pub fn open_file(parent: impl AsFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(parent, name, flags, Mode::empty())?))
}

/// The next stretch of an open file, from this offset on, that is not a hole (lseek(2), `SEEK_DATA`); `None` where there
/// is no more. A file system that knows no holes has one stretch.
///
/// # Errors
/// lseek(2)'s.
pub fn next_data(file: &File, from: u64) -> io::Result<Option<std::ops::Range<u64>>> {
    let start = match rustix::fs::seek(file, SeekFrom::Data(from)) {
        Err(rustix::io::Errno::NXIO) => return Ok(None),
        start => start?,
    };
    Ok(Some(start..rustix::fs::seek(file, SeekFrom::Hole(start))?))
}

/// The target of a symbolic link (readlinkat(2)).
///
/// # Errors
/// `EINVAL` for what is none; readlink(2)'s.
pub fn read_link(parent: impl AsFd, name: &OsStr) -> io::Result<OsString> {
    Ok(OsString::from_vec(rustix::fs::readlinkat(parent, name, Vec::new())?.into_bytes()))
}

/// Makes a directory (mkdirat(2)).
///
/// # Errors
/// `EEXIST`; mkdir(2)'s.
pub fn make_dir(parent: impl AsFd, name: &OsStr, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(mode))?)
}

/// Makes a symbolic link (symlinkat(2)).
///
/// # Errors
/// `EEXIST`; symlink(2)'s.
pub fn make_symlink(target: &OsStr, parent: impl AsFd, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::symlinkat(target, parent, name)?)
}

/// Makes a named pipe (mknodat(2)).
///
/// # Errors
/// `EEXIST`; mknod(2)'s.
pub fn make_fifo(parent: impl AsFd, name: &OsStr, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::mknodat(parent, name, FileType::Fifo, Mode::from_raw_mode(mode), 0)?)
}

/// Makes what an overlay takes for a whiteout: a character device 0:0 (mknodat(2)). Needs no privilege since Linux 5.8.
///
/// # Errors
/// `EEXIST`; mknod(2)'s.
pub fn make_whiteout(parent: impl AsFd, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::mknodat(parent, name, FileType::CharacterDevice, Mode::empty(), 0)?)
}

/// Gives a file a second name (linkat(2)); of a symbolic link, the link itself.
///
/// # Errors
/// `EEXIST`, `EPERM` for a directory; link(2)'s.
pub fn hard_link(from: impl AsFd, name: &OsStr, to: impl AsFd, new: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::linkat(from, name, to, new, AtFlags::empty())?)
}

/// Renames within a file system (renameat(2)).
///
/// # Errors
/// rename(2)'s.
pub fn rename(from: impl AsFd, name: &OsStr, to: impl AsFd, new: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::renameat(from, name, to, new)?)
}

/// Makes a regular file empty (`O_TRUNC`, open(2)).
///
/// # Errors
/// `ELOOP` for a symbolic link; open(2)'s.
pub fn truncate(parent: impl AsFd, name: &OsStr) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty()).map(drop)?)
}

/// Removes a name that is not a directory's (unlinkat(2)).
///
/// # Errors
/// `EISDIR`; unlink(2)'s.
pub fn remove_file(parent: impl AsFd, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(parent, name, AtFlags::empty())?)
}

/// Removes an empty directory (unlinkat(2), `AT_REMOVEDIR`).
///
/// # Errors
/// `ENOTEMPTY`, `ENOTDIR`, `EBUSY` for a mount point; rmdir(2)'s.
pub fn remove_dir(parent: impl AsFd, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?)
}

/// What a name refers to (fstatat(2), `AT_SYMLINK_NOFOLLOW`).
///
/// # Errors
/// stat(2)'s.
pub fn status_at(parent: impl AsFd, name: &OsStr) -> io::Result<Status> {
    Ok(Status::new(&rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// What a descriptor refers to (fstat(2)).
///
/// # Errors
/// fstat(2)'s.
pub fn status(fd: impl AsFd) -> io::Result<Status> {
    Ok(Status::new(&rustix::fs::fstat(fd)?))
}

/// Sets owner and group (fchown(2)). Clears setuid and setgid bits and file capabilities, so it comes before those.
///
/// # Errors
/// `EINVAL` for an id that the user namespace does not map; fchown(2)'s.
pub fn set_owner(fd: impl AsFd, uid: u32, gid: u32) -> io::Result<()> {
    Ok(rustix::fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?)
}

/// [`set_owner`] of a name, which may be a symbolic link's own.
///
/// # Errors
/// Those of [`set_owner`].
pub fn set_owner_at(parent: impl AsFd, name: &OsStr, uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    Ok(rustix::fs::chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Sets the permission bits (fchmod(2)).
///
/// # Errors
/// fchmod(2)'s.
pub fn set_mode(fd: impl AsFd, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(fd, Mode::from_raw_mode(mode))?)
}

/// Sets the time of last modification, in seconds and nanoseconds, and of last access alike (futimens(3)).
///
/// # Errors
/// utimensat(2)'s.
pub fn set_modified(fd: impl AsFd, time: (i64, u32)) -> io::Result<()> {
    Ok(rustix::fs::futimens(fd, &timestamps(time))?)
}

/// [`set_modified`] of a name, which may be a symbolic link's own.
///
/// # Errors
/// utimensat(2)'s.
pub fn set_modified_at(parent: impl AsFd, name: &OsStr, time: (i64, u32)) -> io::Result<()> {
    Ok(rustix::fs::utimensat(parent, name, &timestamps(time), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn timestamps((seconds, nanoseconds): (i64, u32)) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    Timestamps { last_access: time, last_modification: time }
}

/// The names in a directory, without `.` and `..`, and whether each is known to be a directory's (getdents(2)); where the
/// file system does not say, it is asked.
///
/// # Errors
/// getdents(2)'s, stat(2)'s.
pub fn list(dir: impl AsFd) -> io::Result<Vec<(OsString, bool)>> {
    let dir = dir.as_fd();
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let is_dir = match entry.file_type() {
            FileType::Unknown => status_at(dir, name)?.is_dir,
            kind => kind.is_dir(),
        };
        names.push((name.to_owned(), is_dir));
    }
    Ok(names)
}
