//! Writing what is copied into the root that is being made, from inside of it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::copied::{self, Content, Failure, Item};
use crate::image::Digest;
use crate::sys::fs;
use crate::sys::root::{self, Open};

/// What is copied.
#[derive(Debug)]
pub(super) enum Source<'a> {
    /// A file or directory of the project: its root, and the path in that.
    Project(&'a OwnedFd, &'a str),
    /// A file from elsewhere, and what it is called.
    File(File, &'a str),
}

/// How it is copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// Where to; with a slash at its end, a directory to put a file into.
    pub(super) to: &'a str,
    /// The files' mode, if it is not their own.
    pub(super) mode: Option<u32>,
    /// What the content must be: its digest was taken before, when the layer was named by it.
    pub(super) content: &'a Digest,
}

const DIRECTORY: u32 = 0o755;

/// Copies into this process's own root, every path of which is resolved so that it does not leave it.
///
/// # Errors
/// [`Failure`].
pub(super) fn copy(source: Source<'_>, target: Target<'_>) -> Result<(), Failure> {
    let to = Path::new(target.to);
    let root = root::open_absolute(Path::new("/"), Open::Directory).map_err(|error| failed(to, error))?;
    let mut content = Content::new();
    let mut put = |name: &str, path: &Path, mut item: Item<'_>| -> Result<(), Failure> {
        let whole = path.as_os_str().is_empty();
        let place = match (&item, whole) {
            (_, false) => to.join(path),
            (Item::File { .. }, true) if target.to.ends_with('/') => {
                to.join(Path::new(name).file_name().unwrap_or_default())
            }
            _ => to.to_owned(),
        };
        let digest = write(&root, &place, &mut item, target.mode).map_err(|error| failed(&place, error))?;
        content.add(path, &item, digest.as_ref());
        Ok(())
    };
    let name = match source {
        Source::Project(project, from) => {
            copied::visit(project, from, &mut |path, item| put(from, path, item))?;
            from
        }
        Source::File(file, name) => {
            let status = fs::status(&file).map_err(|source| Failure::Read(name.to_owned(), source))?;
            put(name, Path::new(""), Item::File { file, executable: false, status })?;
            name
        }
    };
    if content.finish() == *target.content { Ok(()) } else { Err(Failure::Changed(name.to_owned())) }
}

fn failed(place: &Path, source: io::Error) -> Failure {
    Failure::Write(place.display().to_string(), source)
}

/// Writes one item; of a file, returns the digest of what was written.
fn write(root: &OwnedFd, place: &Path, item: &mut Item<'_>, mode: Option<u32>) -> io::Result<Option<Digest>> {
    let parent_and_name = || -> io::Result<(OwnedFd, &OsStr)> {
        let (parent, name) = place.parent().zip(place.file_name()).ok_or(io::ErrorKind::InvalidInput)?;
        Ok((root::make_dirs(root, parent, DIRECTORY)?, name))
    };
    match item {
        Item::Directory => root::make_dirs(root, place, DIRECTORY).map(|_| None),
        Item::Link { target } => {
            let (parent, name) = parent_and_name()?;
            root::replace_with_symlink(&parent, name, Path::new(target)).map(|()| None)
        }
        Item::File { file, executable, .. } => {
            let (parent, name) = parent_and_name()?;
            match fs::remove_file(&parent, name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut copy = fs::create_file(&parent, name, 0o600)?;
            let digest = copied::hash(file, &mut |bytes| copy.write_all(bytes))?;
            fs::set_mode(&copy, mode.unwrap_or(if *executable { 0o755 } else { 0o644 }))?;
            Ok(Some(digest))
        }
    }
}

/// Where something is copied to, if that is a place in a root.
pub(super) fn place(to: &str) -> Option<PathBuf> {
    crate::plan::BoxPath::new(to).ok().map(|path| path.as_path().to_owned())
}
