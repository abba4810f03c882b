//! Which shell a box has.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::sys::root::{self, Open};

/// The first of these shells that exists in the root.
pub(super) fn first(root: impl AsFd, wanted: &[PathBuf]) -> Option<&Path> {
    wanted.iter().map(PathBuf::as_path).find(|shell| root::open(&root, shell, Open::Path).is_ok())
}
