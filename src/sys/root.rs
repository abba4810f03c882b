//! Paths inside a root directory that is not to be trusted: no symbolic link and no `..` leaves it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};

use super::fs;

/// Opens a path as if `root` were `/` (openat2(2), `RESOLVE_IN_ROOT`), without following magic links.
///
/// # Errors
/// openat2(2)'s.
pub fn open(root: impl AsFd, path: &Path, flags: Open) -> io::Result<OwnedFd> {
    let (flags, mode) = match flags {
        Open::Path => (OFlags::PATH, Mode::empty()),
        Open::PathNoFollow => (OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()),
        Open::Directory => (OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()),
        // A FIFO in the place of the file must not make us wait (CVE-2024-9676).
        Open::Read => (OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty()),
        Open::Write => (OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty()),
        Open::Create(mode) => (
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::NOCTTY,
            Mode::from_raw_mode(mode),
        ),
    };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    loop {
        match rustix::fs::openat2(&root, path, flags | OFlags::CLOEXEC, mode, resolve) {
            // A rename elsewhere raced with the walk; the kernel asks to try again.
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// Opens a file beneath `root` for reading (openat2(2), `RESOLVE_BENEATH`): what leaves it is an error.
///
/// # Errors
/// openat2(2)'s; `EXDEV` for an absolute path, and for a `..` or a symbolic link that leads out.
pub fn open_beneath(root: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    loop {
        match rustix::fs::openat2(&root, path, flags, Mode::empty(), resolve) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// What [`open`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// A place to mount on or to look at (`O_PATH`).
    Path,
    /// The same, but the last component may be a symbolic link, and is then the thing itself.
    PathNoFollow,
    /// A directory to work in.
    Directory,
    /// A file to read.
    Read,
    /// A file to write to, as it is.
    Write,
    /// A file that must not be there yet, with these permission bits.
    Create(u32),
}

/// Opens a directory inside a root for working in, and makes whatever of its path is missing with these permission bits,
/// where a link leads there as well.
///
/// # Errors
/// openat2(2)'s and mkdirat(2)'s; `ENOTDIR` where something else is in the way.
pub fn make_dirs(root: impl AsFd, path: &Path, mode: u32) -> io::Result<OwnedFd> {
    make_dirs_as(root.as_fd(), path, mode, None)
}

/// [`make_dirs`], where what is made belongs to somebody: user and group.
///
/// # Errors
/// Those of [`make_dirs`], and fchown(2)'s.
pub fn make_dirs_for(root: impl AsFd, path: &Path, mode: u32, owner: (u32, u32)) -> io::Result<OwnedFd> {
    make_dirs_as(root.as_fd(), path, mode, Some(owner))
}

fn make_dirs_as(root: BorrowedFd<'_>, path: &Path, mode: u32, owner: Option<(u32, u32)>) -> io::Result<OwnedFd> {
    match open(root, path, Open::Directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        result => return result,
    }
    // A relative path begins at the root too, which is there.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let parent = make_dirs_as(root, parent, mode, owner)?;
    match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(mode)) {
        Ok(()) => {
            let made = open(root, path, Open::Directory)?;
            owner.map_or(Ok(()), |(uid, gid)| fs::set_owner(&made, uid, gid)).map(|()| made)
        }
        Err(rustix::io::Errno::EXIST) => match rustix::fs::readlinkat(&parent, name, Vec::new()) {
            // A link to what is not there yet, such as `/var/tmp` to a place under `/run`.
            Ok(target) => {
                let target = Path::new(OsStr::from_bytes(target.as_bytes()));
                let there = path.parent().unwrap_or(Path::new("/")).join(target);
                make_dirs_as(root, &there, mode, owner)
            }
            Err(_) => open(root, path, Open::Directory),
        },
        Err(errno) => Err(errno.into()),
    }
}

/// Makes a symbolic link in an open directory, in the place of whatever file or link has that name.
///
/// # Errors
/// symlinkat(2)'s; a directory in the way is `IsADirectory` or `DirectoryNotEmpty`, and stays.
pub fn replace_with_symlink(dir: impl AsFd, name: &OsStr, target: &Path) -> io::Result<()> {
    match rustix::fs::readlinkat(&dir, name, Vec::new()) {
        Ok(old) if old.as_bytes() == target.as_os_str().as_encoded_bytes() => return Ok(()),
        _ => {}
    }
    match rustix::fs::unlinkat(&dir, name, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    Ok(rustix::fs::symlinkat(target, dir, name)?)
}

/// Removes a symbolic link from an open directory, if that is what has this name.
///
/// # Errors
/// readlinkat(2)'s and unlinkat(2)'s.
pub fn remove_symlink(dir: impl AsFd, name: &OsStr) -> io::Result<()> {
    match rustix::fs::readlinkat(&dir, name, Vec::new()) {
        Ok(_) => Ok(rustix::fs::unlinkat(&dir, name, AtFlags::empty())?),
        // Something else has it.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Puts a file with these bytes and permission bits into an open directory, in one step: readers see the old content or
/// the new.
///
/// # Errors
/// Those of open(2), write(2) and rename(2).
pub fn replace_file(dir: impl AsFd, name: &OsStr, bytes: &[u8], mode: u32) -> io::Result<()> {
    replace(dir.as_fd(), name, bytes, mode, None)
}

/// [`replace_file`], for an owner.
///
/// # Errors
/// Those of [`replace_file`], and fchown(2)'s.
pub fn replace_file_owned(dir: impl AsFd, name: &OsStr, bytes: &[u8], owner: Owner) -> io::Result<()> {
    replace(dir.as_fd(), name, bytes, owner.mode, Some(owner))
}

fn replace(dir: BorrowedFd<'_>, name: &OsStr, bytes: &[u8], mode: u32, owner: Option<Owner>) -> io::Result<()> {
    use std::io::Write as _;
    // Several sessions may be about the same file; each has a name of its own for what it stages.
    let mut staged = OsStr::new(".envbox.").to_owned();
    staged.push(name);
    staged.push(format!(".{}", std::process::id()));
    match rustix::fs::unlinkat(dir, &staged, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut file = std::fs::File::from(open(dir, Path::new(&staged), Open::Create(mode))?);
    if let Some(Owner { uid, gid, .. }) = owner {
        fs::set_owner(&file, uid, gid)?;
    }
    // Whatever the umask has taken away.
    fs::set_mode(&file, mode)?;
    file.write_all(bytes)?;
    Ok(rustix::fs::renameat(dir, &staged, dir, name)?)
}

/// Opens a path of the process's own root.
///
/// # Errors
/// open(2)'s.
pub fn open_absolute(path: &Path, flags: Open) -> io::Result<OwnedFd> {
    let flags = match flags {
        Open::Path => OFlags::PATH,
        Open::PathNoFollow => OFlags::PATH | OFlags::NOFOLLOW,
        Open::Directory => OFlags::RDONLY | OFlags::DIRECTORY,
        Open::Read => OFlags::RDONLY | OFlags::NOCTTY,
        Open::Write => OFlags::WRONLY | OFlags::NOCTTY,
        Open::Create(_) => return Err(io::ErrorKind::InvalidInput.into()),
    };
    Ok(rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens a path of the process's own root to look at or to mount, if no symbolic link is on the way or at its end
/// (openat2(2), `RESOLVE_NO_SYMLINKS`).
///
/// # Errors
/// openat2(2)'s; `ELOOP` for a link.
pub fn open_without_links(path: &Path) -> io::Result<OwnedFd> {
    loop {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// Who owns a file, and what may be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// The largest file that is read from inside a root: no account file or resolver configuration comes near it.
const LARGEST: u64 = 16 << 20;

/// Reads a regular file inside a root, whole.
///
/// # Errors
/// openat2(2)'s; `InvalidData` for anything but a regular file of a sane size (CVE-2024-9676).
pub fn read(root: impl AsFd, path: &Path) -> io::Result<Vec<u8>> {
    Ok(read_with_owner(root, path)?.0)
}

/// Reads a regular file inside a root, and its owner.
///
/// # Errors
/// Those of [`read`].
pub fn read_with_owner(root: impl AsFd, path: &Path) -> io::Result<(Vec<u8>, Owner)> {
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::File::from(open(root, path, Open::Read)?);
    let found = file.metadata()?;
    if !found.is_file() || found.len() > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok((bytes, Owner { uid: found.uid(), gid: found.gid(), mode: found.mode() & 0o7777 }))
}
