//! What a step has left behind and does not belong into a layer: the same step gives the same layer, wherever and whenever.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::build::EPOCH;
use crate::plan::Provided;
use crate::sys::fs::{self, Kind};
use crate::sys::root::{self, Open};
use crate::sys::tree::{self, Visited};
use crate::sys::xattr;

/// What is done with a place.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// What is in the directory goes.
    Emptied,
    /// The files beneath the directory are made empty.
    LogsEmptied,
    /// The file is made empty.
    FileEmptied,
    /// The file goes.
    Gone,
}

/// The places, and why.
const RULES: [(&str, Rule); 14] = [
    ("tmp", Rule::Emptied),
    ("var/tmp", Rule::Emptied),
    ("run", Rule::Emptied),
    ("var/log", Rule::LogsEmptied),
    // A box gets one of its own when its init wants one (machine-id(5)).
    ("etc/machine-id", Rule::FileEmptied),
    ("var/lib/dbus/machine-id", Rule::Gone),
    // A cache with times and inodes in it, that ldconfig(8) makes anew.
    ("var/cache/ldconfig/aux-cache", Rule::Gone),
    // What apt-get(8) works out of its lists, which are not there.
    ("var/cache/apt/pkgcache.bin", Rule::Gone),
    ("var/cache/apt/srcpkgcache.bin", Rule::Gone),
    // What there was before the last change.
    ("var/lib/dpkg/status-old", Rule::Gone),
    ("var/lib/dpkg/diversions-old", Rule::Gone),
    ("var/lib/dpkg/statoverride-old", Rule::Gone),
    ("var/cache/debconf/templates.dat-old", Rule::Gone),
    ("var/cache/debconf/config.dat-old", Rule::Gone),
];

/// passwd(5) and its kin, as they were before the last change.
const BACKUPS: [&str; 6] = ["passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-"];

/// Attributes that the kernel's overlay and fuse-overlayfs keep for themselves: which inode something was copied from, and
/// how many names that had.
const INTERNAL: [&str; 7] = [
    "user.overlay.origin",
    "user.overlay.impure",
    "user.overlay.nlink",
    "user.overlay.uuid",
    "user.overlay.protattr",
    "user.fuseoverlayfs.origin",
    "user.fuseoverlayfs.nlink",
];

/// What makes a directory hide those of its name below. Either overlay knows its own word only.
const OPAQUE: [&str; 2] = ["user.overlay.opaque", "user.fuseoverlayfs.opaque"];

/// What a program had while it ran that is no part of what it has made.
#[derive(Debug)]
pub(super) struct Lent<'a> {
    /// Files of `/etc`. One that is now another than it was is the program's own.
    pub(super) provided: &'a [Provided],
    /// Paths in the root on which something was mounted.
    pub(super) mounted: &'a [String],
}

/// How fuse-overlayfs says the same besides: a file in the directory, which the kernel's overlay would show.
const OPAQUE_FILE: &str = ".wh..wh..opq";

/// A whiteout of its that hides nothing, beside the former.
const OPAQUE_WHITEOUT: &str = ".wh..opq";

/// Normalises the upper directory of a step, as root of the user namespace. Where no program has run, `lent` is `None`, and
/// all that is there was asked for.
///
/// # Errors
/// Those of reading and changing it.
pub(super) fn normalise(upper: &Path, lent: Option<&Lent<'_>>) -> io::Result<()> {
    let root = root::open_absolute(upper, Open::Directory)?;
    if let Some(lent) = lent {
        tidy(&root, lent)?;
    }
    tree::visit(root.as_fd(), &mut |visited| match is_mark(visited) {
        true => unmark(visited),
        false => attributes(visited).and_then(|()| time(visited)),
    })
}

/// Whether it is a file by which fuse-overlayfs says something of the directory that it is in.
fn is_mark(visited: &Visited<'_>) -> bool {
    let whiteout = visited.status.kind == Kind::Whiteout;
    visited.name == OPAQUE_FILE || (visited.name == OPAQUE_WHITEOUT && whiteout)
}

/// Says the same in the words of all overlays.
fn unmark(visited: &Visited<'_>) -> io::Result<()> {
    if visited.name == OPAQUE_FILE {
        OPAQUE.iter().try_for_each(|name| xattr::set(visited.at, OsStr::new(name), b"y"))?;
    }
    fs::remove_file(visited.at, visited.name)
}

fn tidy(root: &OwnedFd, lent: &Lent<'_>) -> io::Result<()> {
    for (path, rule) in RULES {
        apply(root, Path::new(path), rule)?;
    }
    for name in BACKUPS {
        apply(root, &Path::new("etc").join(name), Rule::Gone)?;
    }
    for Provided { name, content } in lent.provided {
        // In the upper directory alone: a link is not what was provided.
        let place = Path::new("etc").join(name);
        if root::read(root, &place).is_ok_and(|found| found == *content) {
            apply(root, &place, Rule::Gone)?;
        }
    }
    lent.mounted.iter().try_for_each(|path| remove_if_empty(root, Path::new(path)))
}

fn apply(root: &OwnedFd, path: &Path, rule: Rule) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let Some(parent) = directory(root, parent)? else { return Ok(()) };
    let status = match fs::status_at(&parent, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        status => status?,
    };
    match (rule, status.kind) {
        (Rule::Emptied, Kind::Directory) => {
            let dir = fs::open_child(&parent, name)?;
            for (name, _) in fs::list(&dir)? {
                // What the step has deleted of the layers below stays deleted.
                if fs::status_at(&dir, &name)?.kind != Kind::Whiteout {
                    tree::remove(dir.as_fd(), &name)?;
                }
            }
            Ok(())
        }
        (Rule::LogsEmptied, Kind::Directory) => {
            let dir = fs::open_child(&parent, name)?;
            tree::visit(dir.as_fd(), &mut |visited| match visited.status.kind {
                Kind::File if visited.status.size > 0 => fs::truncate(visited.at, visited.name),
                _ => Ok(()),
            })
        }
        (Rule::FileEmptied, Kind::File) if status.size > 0 => fs::truncate(&parent, name),
        (Rule::Gone, Kind::File) => fs::remove_file(&parent, name),
        _ => Ok(()),
    }
}

/// A directory beneath the root, if there is one.
fn directory(root: &OwnedFd, path: &Path) -> io::Result<Option<OwnedFd>> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match root::open(root, path, Open::Directory) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        // A link to itself, which is no directory either; it has no kind of its own.
        Err(error) if error.raw_os_error() == Some(ELOOP) => Ok(None),
        dir => dir.map(Some),
    }
}

/// "Too many levels of symbolic links" (errno(3)).
const ELOOP: i32 = 40;

fn remove_if_empty(root: &OwnedFd, path: &Path) -> io::Result<()> {
    let path = path.strip_prefix("/").unwrap_or(path);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let Some(parent) = directory(root, parent)? else { return Ok(()) };
    match fs::status_at(&parent, name) {
        Ok(status) if status.is_dir => match fs::remove_dir(&parent, name) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Makes the attributes those that any overlay understands, on any machine.
fn attributes(visited: &Visited<'_>) -> io::Result<()> {
    let fd: OwnedFd = match visited.status.kind {
        Kind::Directory => visited.at.try_clone_to_owned()?,
        Kind::File => fs::open_file(visited.at, visited.name)?.into(),
        // Others have none that are the user's (xattr(7)).
        _ => return Ok(()),
    };
    let names: BTreeSet<_> = xattr::list(&fd)?.into_iter().collect();
    for name in INTERNAL.map(OsStr::new).iter().filter(|name| names.contains(**name)) {
        xattr::remove(&fd, name)?;
    }
    let opaque = OPAQUE.map(OsStr::new).iter().any(|name| {
        // The kernel's `x` says that there are whiteouts of another kind in the directory, and hides nothing.
        names.contains(*name) && xattr::get(&fd, name).is_ok_and(|value| value == b"y")
    });
    if opaque {
        OPAQUE.iter().try_for_each(|name| xattr::set(&fd, OsStr::new(name), b"y"))?;
    }
    Ok(())
}

/// Nothing is newer than [`EPOCH`].
fn time(visited: &Visited<'_>) -> io::Result<()> {
    let epoch = (i64::from(EPOCH), 0);
    let new = visited.status.modified > epoch || visited.status.kind == Kind::Whiteout;
    // Of a directory, all that is in it has been taken away by now.
    if new { fs::set_modified_at(visited.at, OsStr::from_bytes(visited.name.as_bytes()), epoch) } else { Ok(()) }
}
