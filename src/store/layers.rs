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

use super::lease;
use super::{Error, Lease, Staging, Store, write_synced};
use crate::image::{Digest, Image, LayerRecord};
use crate::sys::{file, lock};

/// A layer that was taken out of its place. Dropped, it is left to the sweep.
#[derive(Debug)]
pub struct Aside {
    layer: Digest,
    staging: Staging,
}

impl Aside {
    /// The layer.
    pub fn layer(&self) -> Digest {
        self.layer
    }
}

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
    ///
    /// # Errors
    /// [`Error::Read`]: one that cannot be looked at is not one that is missing.
    pub fn has_layer(&self, layer: &Digest) -> Result<bool, Error> {
        let path = self.layer_fs(layer);
        match fs::metadata(&path) {
            Ok(found) => Ok(found.is_dir()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// Whether the store has all layers of an image, now.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn has_layers(&self, image: &Image) -> Result<bool, Error> {
        image.layers.iter().try_fold(true, |all, layer| Ok(all && self.has_layer(layer)?))
    }

    /// The layers of the store, in the order of their digests.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn layers(&self) -> Result<Vec<Digest>, Error> {
        self.digests_in("layers/sha256", "")
    }

    /// So many layers, those made last first.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn newest_layers(&self, most: usize) -> Result<Vec<Digest>, Error> {
        let mut layers = self.layers()?;
        let made = |layer: &Digest| fs::metadata(self.layer_dir(layer)).and_then(|found| found.modified()).ok();
        layers.sort_by_cached_key(|layer| std::cmp::Reverse(made(layer)));
        layers.truncate(most);
        Ok(layers)
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

    /// Takes a layer out of its place, so that another can be put there; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Make`], [`Error::Write`].
    pub fn set_aside(&self, layer: &Digest) -> Result<Option<Aside>, Error> {
        let path = self.layer_dir(layer);
        if !path.exists() {
            return Ok(None);
        }
        let locked = lease::seize(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let _locked = locked.ok_or(Error::InUse(*layer))?;
        Ok(Some(Aside { layer: *layer, staging: self.discard(&path)? }))
    }

    /// Puts a layer back, unless there is another by now; whether it did.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn put_back(&self, aside: Aside) -> Result<bool, Error> {
        let Aside { layer, staging } = aside;
        match file::rename_new(&staging.path().join("rubbish"), &self.layer_dir(&layer)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            result => result.map(|()| true).map_err(|source| Error::Write { path: self.layer_dir(&layer), source }),
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
