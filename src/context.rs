//! What every command that has to do with boxes works with.

use std::fs;
use std::path::PathBuf;

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
        let store = Store::open(host.dirs.data.clone())?;
        Ok(Self { host, ui, store })
    }

    /// Directories of the host's that no box may see, by their names and, where links lead to them under another name into
    /// the home that boxes see, by that name.
    pub fn hidden(&self) -> Vec<PathBuf> {
        let (dirs, home) = (&self.host.dirs, &self.host.user.home);
        let real_home = fs::canonicalize(home).unwrap_or_else(|_| home.clone());
        let named = [&dirs.data, &dirs.cache];
        let in_home = named.iter().filter_map(|dir| {
            let real = fs::canonicalize(dir).ok()?;
            Some(home.join(real.strip_prefix(&real_home).ok()?))
        });
        let mut hidden: Vec<PathBuf> = named.into_iter().cloned().chain(in_home).collect();
        hidden.sort_unstable();
        hidden.dedup();
        hidden
    }
}
