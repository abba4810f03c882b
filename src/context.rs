//! What every command that has to do with boxes works with.

use crate::error::Result;
use crate::host::Host;
use crate::store::Store;
use crate::ui::Ui;

/// The host, the user to talk to, and the store.
#[derive(Debug)]
pub struct Context<'a> {
    /// Facts.
    pub host: &'a Host,
    /// Output.
    pub ui: &'a Ui,
    /// Layers, images and boxes.
    pub store: Store,
}

impl<'a> Context<'a> {
    /// Opens the store of the host's user.
    ///
    /// # Errors
    /// The store's.
    pub fn open(host: &'a Host, ui: &'a Ui) -> Result<Self> {
        let store = Store::open(host.dirs.data.clone(), host.dirs.runtime.clone())?;
        Ok(Self { host, ui, store })
    }

    /// Directories of the host's that no box may see.
    pub fn hidden(&self) -> Vec<std::path::PathBuf> {
        let dirs = &self.host.dirs;
        vec![dirs.data.clone(), dirs.cache.clone(), dirs.runtime.clone()]
    }
}
