//! The lock's file, in the project's own directory.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::recipe::lock::{FILE, Lock};
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
    let path = project.join(FILE);
    let bytes = root::open_absolute(project, Open::Path).and_then(|dir| root::read(&dir, Path::new(FILE)));
    let bytes = match bytes {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|source| Error::new(Failure::Read(path.clone(), source)))?,
    };
    let text = String::from_utf8(bytes).map_err(|_| Error::new(Failure::NotText(path.clone())))?;
    Lock::parse(&path.display().to_string(), &text).map(Some).map_err(|fault| Error::new(fault).hint("envbox lock"))
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
