//! The recipe of a project, read from its files.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::fd::BorrowedFd;
use std::path::Path;

use crate::error::{Error, Result};
use crate::recipe::Fault;
use crate::recipe::project::{LARGEST, Project};
use crate::sys::{fs, root};

/// What is wrong with a recipe, or the recipe.
type Read = std::result::Result<Project, Vec<Fault>>;

/// Reads a project's recipe and what it includes. The directory that it is in is the project's root, which none of the files
/// may be outside of, by way of a symbolic link either.
///
/// # Errors
/// The directory cannot be opened. What is wrong with the recipe is the value.
pub(super) fn load(path: &Path) -> Result<Read> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| Error::new(format!("{} is no file", path.display())))?;
    let opened = fs::open_dir(dir);
    let opened = opened.map_err(|error| Error::new(format!("cannot open {}: {error}", dir.display())))?;
    let read = |path: &Path| text(opened.as_fd(), path).map_err(|error| why(&error));
    let shown = path.parent().unwrap_or(Path::new(""));
    Ok(Project::load(shown, Path::new(name), &read))
}

fn text(project: BorrowedFd<'_>, path: &Path) -> io::Result<String> {
    let file = File::from(root::open_beneath(project, path)?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(LARGEST).unwrap_or(u64::MAX);
    if file.take(most + 1).read_to_end(&mut bytes)? > LARGEST {
        return Err(io::Error::other(format!("it has more than {} KiB", LARGEST >> 10)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
        io::Error::other(format!("line {line} is no UTF-8"))
    })
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::CrossesDevices => "it is outside of the project".to_owned(),
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    }
}
