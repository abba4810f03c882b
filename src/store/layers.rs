//! Layers: immutable trees, named by the digest of what they were made from.
//!
//! ```text
//! layers/sha256/<hex>/fs/          the tree
//! layers/sha256/<hex>/index        what is in it, for finding damage and what other layers have as well
//! layers/sha256/<hex>/layer.json   how it came about (`LayerRecord`)
//! ```

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use super::{Error, Lease, Staging, Store, write_synced};
use crate::image::{Digest, LayerRecord};
use crate::sys::{file, lock};

impl Store {
    pub(super) fn layer_dir(&self, layer: &Digest) -> PathBuf {
        self.data.join("layers/sha256").join(layer.hex())
    }

    /// The tree of a layer.
    pub fn layer_fs(&self, layer: &Digest) -> PathBuf {
        self.layer_dir(layer).join("fs")
    }

    /// The index of a layer. Layers that an older version has made lack it.
    pub fn layer_index(&self, layer: &Digest) -> PathBuf {
        self.layer_dir(layer).join("index")
    }

    /// Whether the store has a layer, now: who needs it takes a lease.
    pub fn has_layer(&self, layer: &Digest) -> bool {
        self.layer_fs(layer).is_dir()
    }

    /// The layers of the store, in the order of their digests.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn layers(&self) -> Result<Vec<Digest>, Error> {
        self.digests_in("layers/sha256", "")
    }

    /// How a layer came about.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Damaged`].
    pub fn layer_record(&self, layer: &Digest) -> Result<LayerRecord, Error> {
        let path = self.layer_dir(layer).join("layer.json");
        match fs::read(&path) {
            Err(source) => Err(Error::Read { path, source }),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Error::Damaged { path, source: error.into() }),
        }
    }

    /// Puts a finished tree, [`Staging::layer`], into the store, with a record of how it came about. If another process
    /// was faster, its layer stays and the staged one is left to the sweep. Either way the layer stays in the store for as
    /// long as what is returned is held: until an image needs it ([`Store::commit_image`]).
    ///
    /// # Errors
    /// [`Error::Write`]; the store is as it was.
    pub fn commit_layer(&self, staging: &Staging, layer: &Digest, record: &LayerRecord) -> Result<Lease, Error> {
        let fail = |source| Error::Write { path: self.layer_dir(layer), source };
        let staged = staging.path().join("layer");
        let record = serde_json::to_vec_pretty(record).map_err(|error| fail(error.into()))?;
        write_synced(&staged.join("layer.json"), &record)?;
        // A name that is there after a power cut must have the whole tree behind it.
        let dir = File::open(&staged).map_err(fail)?;
        file::sync_file_system(&dir).map_err(fail)?;
        // Before it has its name: nobody can come in between.
        lock::shared(&dir).map_err(fail)?;
        loop {
            match fs::rename(&staged, self.layer_dir(layer)) {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {}
                result => {
                    result.map_err(fail)?;
                    // The directory is empty now; a failure leaves it to the sweep.
                    let _ = fs::remove_dir(staging.path());
                    return Ok(Lease { layer: *layer, _dir: dir });
                }
            }
            // Not there any more if garbage is being collected; then this one's turn has come.
            if let Some(lease) = self.lease(layer)? {
                return Ok(lease);
            }
        }
    }

    /// The digests that the entries of a directory are named by; `suffix` is what follows them.
    pub(super) fn digests_in(&self, dir: &str, suffix: &str) -> Result<Vec<Digest>, Error> {
        let path = self.data.join(dir);
        let fail = |source| Error::Read { path: path.clone(), source };
        let mut found = Vec::new();
        for entry in fs::read_dir(&path).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            let hex = name.to_str().and_then(|name| name.strip_suffix(suffix));
            found.extend(hex.and_then(|hex| Digest::from_hex(hex).ok()));
        }
        found.sort_unstable();
        Ok(found)
    }
}
