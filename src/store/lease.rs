//! Leases: what an operation needs stays in the store while the operation lives.
//!
//! A lease is a shared lock (flock(2)) on the thing itself, a layer's directory or an image's file. Collecting garbage takes
//! the exclusive lock of whatever it is about to remove, without waiting, and only then reads for the last time what is
//! needed. So whoever makes a new use of a thing (an image of a layer; a name or a box of an image) holds its lease until
//! that use is on disk, and nobody waits for anybody longer than that reading takes. A killed process has no leases.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use super::{Error, Store};
use crate::image::{Digest, Image};
use crate::sys::lock;

/// A layer that stays in the store.
#[derive(Debug)]
pub struct Lease {
    pub(super) layer: Digest,
    // Held for its lock.
    pub(super) _dir: File,
}

impl Lease {
    /// The layer.
    pub fn layer(&self) -> Digest {
        self.layer
    }
}

/// An image that stays in the store, and with it all its layers.
#[derive(Debug)]
pub struct ImageLease {
    pub(super) digest: Digest,
    pub(super) image: Image,
    pub(super) file: File,
}

impl ImageLease {
    /// The digest that names the image.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Notes that the image is used now: the time of its file's last change.
    pub(super) fn touch(&self) {
        // An image that is thought to have been idle for too long is collected too early, which costs a download at most.
        let _ = self.file.set_modified(SystemTime::now());
    }
}

impl Store {
    /// Keeps a layer in the store; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn lease(&self, layer: &Digest) -> Result<Option<Lease>, Error> {
        let path = self.layer_dir(layer);
        let held = hold(&path).map_err(|source| Error::Read { path, source })?;
        Ok(held.map(|dir| Lease { layer: *layer, _dir: dir }))
    }
}

/// Takes the shared lock of what is at a path; `None` if there is nothing. Waits while somebody has the exclusive one.
pub(super) fn hold(path: &Path) -> io::Result<Option<File>> {
    loop {
        let Some(file) = open(path)? else { return Ok(None) };
        lock::shared(&file)?;
        // It may have been removed, or replaced, while this process waited.
        if is_at(&file, path) {
            return Ok(Some(file));
        }
    }
}

/// Takes the exclusive lock of what is at a path; `None` if somebody else has a lock of it or there is nothing.
pub(super) fn seize(path: &Path) -> io::Result<Option<File>> {
    let Some(file) = open(path)? else { return Ok(None) };
    Ok((lock::try_exclusive(&file)? && is_at(&file, path)).then_some(file))
}

/// Takes the exclusive lock of a file, which is made if it is missing; `None` if it was removed meanwhile, and has to be
/// taken once more. `waiting` is called before this process waits for the first time.
pub(super) fn take(path: &Path, waiting: &mut Option<impl FnOnce()>) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    if !lock::try_exclusive(&file)? {
        waiting.take().into_iter().for_each(|waiting| waiting());
        lock::exclusive(&file)?;
    }
    // A lock on a file that has been cleared away keeps nobody out.
    Ok(is_at(&file, path).then_some(file))
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// Whether an open file is the one that a path names now.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let identity = |found: &fs::Metadata| (found.dev(), found.ino());
    fs::metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|held| identity(&held) == identity(&there)))
}
