//! Where envbox keeps its things: the XDG base directories.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::User;

/// The directories of this user's envbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// Layers, images and boxes: `$XDG_DATA_HOME/envbox`.
    pub data: PathBuf,
    /// Downloads: `$XDG_CACHE_HOME/envbox`.
    pub cache: PathBuf,
    /// The user's own recipes and settings: `$XDG_CONFIG_HOME/envbox`.
    pub config: PathBuf,
}

impl Dirs {
    pub(super) fn new<'a>(user: &User, var: &dyn Fn(&str) -> Option<&'a OsStr>) -> Self {
        // The specification calls a relative path invalid, to be ignored.
        let base = |name: &str| var(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let under_home = |name: &str, rest: &str| base(name).unwrap_or_else(|| user.home.join(rest)).join("envbox");
        Self {
            data: under_home("XDG_DATA_HOME", ".local/share"),
            cache: under_home("XDG_CACHE_HOME", ".cache"),
            config: under_home("XDG_CONFIG_HOME", ".config"),
        }
    }
}
