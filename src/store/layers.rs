//! Layers: immutable trees, named by the digest of what they were made from.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

use super::{Error, Staging, Store, write_synced};
use crate::image::Digest;
use crate::sys::file;

impl Store {
    fn layer_dir(&self, layer: &Digest) -> PathBuf {
        self.data.join("layers/sha256").join(layer.hex())
    }

    /// The tree of a layer.
    pub fn layer_fs(&self, layer: &Digest) -> PathBuf {
        self.layer_dir(layer).join("fs")
    }

    /// Whether the store has a layer.
    pub fn has_layer(&self, layer: &Digest) -> bool {
        self.layer_fs(layer).is_dir()
    }

    /// Puts a finished tree, [`Staging::layer`], into the store, with a record of how it came about. If
    /// another process was faster, its layer stays and the staged one is left to the sweep.
    ///
    /// # Errors
    /// [`Error::Write`]; the store is as it was.
    pub fn commit_layer(&self, staging: &Staging, layer: &Digest, record: &impl Serialize) -> Result<(), Error> {
        let fail = |source| Error::Write { path: self.layer_dir(layer), source };
        let staged = staging.path().join("layer");
        let record = serde_json::to_vec_pretty(record).map_err(|error| fail(error.into()))?;
        write_synced(&staged.join("layer.json"), &record)?;
        // A name that is there after a power cut must have the whole tree behind it.
        let dir = fs::File::open(&staged).map_err(fail)?;
        file::sync_file_system(&dir).map_err(fail)?;
        match fs::rename(&staged, self.layer_dir(layer)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
                Ok(())
            }
            result => result.map_err(fail),
        }
    }
}
