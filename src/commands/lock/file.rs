//! The lock's file, in the project's own directory.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::commands::live;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::Digest;
use crate::recipe::lock::{FILE, Lock};
use crate::store::Stamps;
use crate::sys::root::{self, Open};

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    #[error("{} is not UTF-8", .0.display())]
    NotText(PathBuf),
}

/// The lock of a project. No link leads out of the project to it.
///
/// # Errors
/// It cannot be read, or what is wrong in it and where.
pub(super) fn read(project: &Path) -> Result<Option<Lock>> {
    text(project)?.map(|text| parse(project, &text)).transpose()
}

/// A lock, and what it was read from.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    /// The digest of the text, and of which envbox had read it: another might find fault with it.
    of: Option<Digest>,
    lock: Option<Lock>,
}

/// The same, for whoever reads it each time that a command is run in the project: the YAML of some hundred packages takes
/// longer than all the rest, and what has been read before is kept in a form that does not.
///
/// # Errors
/// As [`read`].
pub(super) fn read_again(context: &Context<'_>, project: &Path) -> Result<Option<Lock>> {
    let Some(text) = text(project)? else { return Ok(None) };
    let of = Digest::of(format!("{}\n{text}", live::build()?).as_bytes());
    let stamps = Stamps::lock(&context.host.dirs.cache, project);
    let known: Known = stamps.read();
    if known.of == Some(of) {
        return Ok(known.lock);
    }
    let lock = parse(project, &text)?;
    // Without it, the lock is read once more than it need be.
    let _ = stamps.write(&Known { of: Some(of), lock: Some(lock.clone()) });
    Ok(Some(lock))
}

fn text(project: &Path) -> Result<Option<String>> {
    let path = project.join(FILE);
    let bytes = root::open_absolute(project, Open::Path).and_then(|dir| root::read(&dir, Path::new(FILE)));
    let bytes = match bytes {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|source| Error::new(Failure::Read(path.clone(), source)))?,
    };
    String::from_utf8(bytes).map(Some).map_err(|_| Error::new(Failure::NotText(path)))
}

fn parse(project: &Path, text: &str) -> Result<Lock> {
    let path = project.join(FILE).display().to_string();
    Lock::parse(&path, text).map_err(|fault| Error::new(fault).hint("envbox lock"))
}

/// Puts the lock beside the recipe, whole or not at all.
///
/// # Errors
/// It cannot be written.
pub(super) fn write(project: &Path, lock: &Lock) -> Result<()> {
    let dir = root::open_absolute(project, Open::Directory);
    let written = dir.and_then(|dir| root::replace_file(&dir, OsStr::new(FILE), lock.to_string().as_bytes(), 0o644));
    written.map_err(|source| Error::new(Failure::Write(project.join(FILE), source)))
}
