//! Paths on the host and paths in the box: two types, because mixing them up is this field's classic mistake.

use std::fmt;
use std::path::{Component, Path, PathBuf};

/// A path as the host has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPath(pub PathBuf);

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// A path as the box has it: absolute, and made of plain names only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoxPath(PathBuf);

/// A path that is relative, or has `.` or `..` in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not an absolute path without `.` and `..`", .0.display())]
pub struct NotABoxPath(pub PathBuf);

impl BoxPath {
    /// A path in the box.
    ///
    /// # Errors
    /// [`NotABoxPath`].
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, NotABoxPath> {
        let path = path.into();
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if path.is_absolute() && plain { Ok(Self(path)) } else { Err(NotABoxPath(path)) }
    }

    /// A path that is written in this program's source, and known to be one.
    pub(super) fn known(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        debug_assert!(Self::new(path.clone()).is_ok(), "{}", path.display());
        Self(path)
    }

    /// As a path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for BoxPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn box_paths_are_plain() {
        for good in ["/", "/home/al", "/a b/c", "/a/./b"] {
            assert!(BoxPath::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "../a", "/a/../b", "/..", "./a"] {
            assert!(BoxPath::new(bad).is_err(), "{bad}");
        }
    }
}
