//! What a layer takes over from the layers below it: files that it has only another name for, and the owners, modes and
//! times of directories that it does not speak of.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use super::merged::{Found, Merged};
use super::name::split;
use super::report::Link;
use super::{Error, Report, attributes, whiteout};
use crate::sys::fs::{self, Beneath, Kind, Status};
use crate::sys::xattr;

/// Completes the tree of a layer that was unpacked as [`super::Whiteouts::Oci`] by what is below it, as far as an overlay
/// of the two would not do what the layer says by itself:
/// - hard links of the report get their file, which is copied up from the topmost layer that has it;
/// - directories that the layer does not speak of become as they are below;
/// - whiteouts of nothing go, which the kernel lists where no directories are merged;
/// - below an opaque root everything gets a whiteout of its own, since the kernel takes no root for opaque.
///
/// Says whether anything was done: the layer is another then on top of other layers, and its index is to be made anew
/// ([`super::index::Index::scan`]). `lowers` are the topmost first, and complete.
///
/// Runs as root of the user namespace, outside of any [`super::Root::confine`], and resolves every path beneath those
/// descriptors.
///
/// # Errors
/// [`Error::Write`]; `NotFound` where no layer has what is linked to.
pub fn adopt(root: BorrowedFd<'_>, lowers: &[OwnedFd], report: &Report) -> Result<bool, Error> {
    let below = Merged::new(lowers.iter().map(AsFd::as_fd))?;
    let mut changed = false;
    let failed = |what, path: &[u8]| {
        let path = path.to_vec();
        move |source| Error::write(what, &path, source)
    };
    for path in &report.implied {
        changed |= adopt_dir(root, &below, path).map_err(failed("adopt the directory", path))?;
    }
    for path in &report.whiteouts {
        changed |= drop_needless(root, &below, path).map_err(failed("look below the whiteout of", path))?;
    }
    if report.opaque {
        changed |= hide_all(root, &below).map_err(failed("hide what is below", b"/"))?;
    }
    for link in &report.links {
        let below = if report.opaque { &Merged::nothing() } else { &below };
        link.adopt(root, below).map_err(failed("make, from the layers below, the hard link", &link.path))?;
        changed = true;
    }
    Ok(changed)
}

fn adopt_dir(root: BorrowedFd<'_>, below: &Merged, path: &[u8]) -> io::Result<bool> {
    match absent(fs::open_beneath(root, OsStr::from_bytes(path), Beneath::RealDirectory))? {
        Some(dir) => imitate(dir, below, path),
        None => Ok(false),
    }
}

/// Removes a whiteout if there is nothing that it hides.
fn drop_needless(root: BorrowedFd<'_>, below: &Merged, path: &[u8]) -> io::Result<bool> {
    if !matches!(below.find(path)?, Found::Nothing) {
        return Ok(false);
    }
    let Some(parent) = absent(Parent::open(root, path))? else { return Ok(false) };
    match absent(fs::status_at(&parent.dir, parent.name))? {
        Some(Status { kind: Kind::Whiteout, .. }) => {
            fs::remove_file(&parent.dir, parent.name)?;
            parent.restore()?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Hides what the layers below have at their top.
fn hide_all(root: BorrowedFd<'_>, below: &Merged) -> io::Result<bool> {
    let names = below.top()?;
    for name in &names {
        let parent = Parent::open(root, name.as_bytes())?;
        whiteout::hide(&parent.dir, parent.name)?;
        parent.restore()?;
    }
    Ok(!names.is_empty())
}

impl Link {
    /// Makes it.
    fn adopt(&self, root: BorrowedFd<'_>, below: &Merged) -> io::Result<()> {
        let parent = Parent::open(root, &self.path)?;
        match absent(fs::status_at(&parent.dir, parent.name))? {
            Some(Status { kind: Kind::Whiteout, .. }) => fs::remove_file(&parent.dir, parent.name)?,
            // A later member of the layer has the name.
            Some(_) => return Ok(()),
            None => {}
        }
        // As link(2) does in an overlay: the file is copied up under its own name, and then linked to.
        let target = make_parents(root, below, &self.target)?;
        match absent(fs::status_at(&target.dir, target.name))? {
            Some(Status { kind: Kind::Whiteout, .. }) => return Err(io::ErrorKind::NotFound.into()),
            Some(_) => {}
            None => match below.find(&self.target)? {
                Found::File { at, status } => copy_up(at.as_fd(), &target, &status)?,
                Found::Directory(_) | Found::Nothing => return Err(io::ErrorKind::NotFound.into()),
            },
        }
        fs::hard_link(&target.dir, target.name, &parent.dir, parent.name)?;
        target.restore()?;
        parent.restore()
    }
}

/// A directory that something is put into, which is not to show.
struct Parent<'p> {
    dir: OwnedFd,
    modified: (i64, u32),
    name: &'p OsStr,
}

impl<'p> Parent<'p> {
    fn open(root: BorrowedFd<'_>, path: &'p [u8]) -> io::Result<Self> {
        let (dir, name) = split(path);
        let dir = if dir.is_empty() { b"." } else { dir };
        let dir = fs::open_beneath(root, OsStr::from_bytes(dir), Beneath::Directory)?;
        let modified = fs::status(&dir)?.modified;
        Ok(Self { dir, modified, name: OsStr::from_bytes(name) })
    }

    fn restore(&self) -> io::Result<()> {
        fs::set_modified(&self.dir, self.modified)
    }
}

/// The directory of a path, made like those below where the layer has none.
fn make_parents<'p>(root: BorrowedFd<'_>, below: &Merged, path: &'p [u8]) -> io::Result<Parent<'p>> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    for end in slashes {
        let dir = &path[..end];
        let parent = Parent::open(root, dir)?;
        match fs::make_dir(&parent.dir, parent.name, 0o755) {
            Ok(()) => {
                imitate(fs::open_child(&parent.dir, parent.name)?, below, dir)?;
                parent.restore()?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Parent::open(root, path)
}

/// Gives a directory what the layers below have for it, if they have it.
fn imitate(dir: impl AsFd, below: &Merged, path: &[u8]) -> io::Result<bool> {
    let Found::Directory(there) = below.find(path)? else { return Ok(false) };
    fs::set_owner(&dir, there.status.uid, there.status.gid)?;
    copy_attributes(&there.dir, &dir)?;
    fs::set_mode(&dir, there.status.mode)?;
    fs::set_modified(&dir, there.status.modified)?;
    Ok(true)
}

/// Copies what is no directory from a layer below, in every respect.
fn copy_up(at: BorrowedFd<'_>, to: &Parent<'_>, status: &Status) -> io::Result<()> {
    let (name, uid, gid) = (to.name, status.uid, status.gid);
    match status.kind {
        Kind::File => {
            let from = fs::open_file(at, name)?;
            let file = fs::create_file(&to.dir, name, status.mode & 0o777)?;
            copy_content(&from, &file, status.size)?;
            fs::set_owner(&file, uid, gid)?;
            copy_attributes(&from, &file)?;
            fs::set_mode(&file, status.mode)?;
            return fs::set_modified(&file, status.modified);
        }
        Kind::Symlink => fs::make_symlink(&fs::read_link(at, name)?, &to.dir, name)?,
        Kind::Fifo => fs::make_fifo(&to.dir, name, status.mode & 0o777)?,
        Kind::Directory | Kind::Whiteout | Kind::Other => return Err(io::ErrorKind::InvalidInput.into()),
    }
    fs::set_owner_at(&to.dir, name, uid, gid)?;
    fs::set_modified_at(&to.dir, name, status.modified)
}

/// What is not a hole.
fn copy_content(from: &File, mut to: &File, size: u64) -> io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    to.set_len(size)?;
    let (mut source, mut at) = (from, 0);
    while let Some(data) = fs::next_data(from, at)? {
        source.seek(SeekFrom::Start(data.start))?;
        to.seek(SeekFrom::Start(data.start))?;
        io::copy(&mut source.take(data.end - data.start), &mut to)?;
        at = data.end;
    }
    Ok(())
}

/// Copies the attributes that belong to a tree; those by which an overlay goes are each layer's own.
fn copy_attributes(from: impl AsFd, to: impl AsFd) -> io::Result<()> {
    for name in xattr::list(&from)? {
        if attributes::belongs(name.as_bytes()) {
            xattr::set(&to, &name, &xattr::get(&from, &name)?)?;
        }
    }
    Ok(())
}

fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        result => result.map(Some),
    }
}
