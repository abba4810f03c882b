//! The project's files: nothing outside of its directory is read, whatever links say.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use crate::error::{Error, Result};
use crate::import::LARGEST;
use crate::sys;
use crate::ui::Ui;

/// Names at the most that are looked at.
const MOST: usize = 10_000;

/// A project's directory.
pub(super) struct Files<'a> {
    root: OwnedFd,
    /// The names of what is in it, sorted.
    pub(super) names: Vec<String>,
    ui: &'a Ui,
}

impl<'a> Files<'a> {
    pub(super) fn open(dir: &Path, ui: &'a Ui) -> Result<Self> {
        let failed = |error: io::Error| Error::new(format!("cannot read {}: {error}", dir.display()));
        let root = sys::fs::open_dir(dir).map_err(failed)?;
        let entries = fs::read_dir(dir).map_err(failed)?.take(MOST);
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        Ok(Self { root, names, ui })
    }

    /// Reads a file by its path relative to the directory.
    ///
    /// # Errors
    /// It is not beneath the directory, not a file, too large, or no UTF-8.
    pub(super) fn read(&self, path: &Path) -> io::Result<String> {
        let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(io::Error::other("it is not in this directory"));
        }
        let bytes = sys::root::read(&self.root, path)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST {
            return Err(io::Error::other(format!("it has more than {LARGEST} bytes")));
        }
        String::from_utf8(bytes).map_err(|_| io::Error::other("it is no UTF-8 text"))
    }

    /// The same for what may be there; what is and cannot be read is said.
    pub(super) fn try_read(&self, path: &str) -> Option<String> {
        match self.read(Path::new(path)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.ui.warning(&format!("cannot read {path}: {error}"));
                None
            }
        }
    }

    /// Whether there is a file of this path.
    pub(super) fn has(&self, path: &str) -> bool {
        let opened = sys::root::open(&self.root, Path::new(path), sys::root::Open::Path);
        opened.and_then(sys::fs::status).is_ok_and(|status| status.kind == sys::fs::Kind::File)
    }
}

/// The last part of a path, in lower case.
pub(super) fn last(path: &Path) -> String {
    path.file_name().unwrap_or(OsStr::new("")).to_string_lossy().to_lowercase()
}
