//! Images and the names they are known by.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Error, Store};
use crate::image::{Digest, Image};
use crate::sys::lock;

impl Store {
    fn image_file(&self, image: &Digest) -> PathBuf {
        self.data.join("images/sha256").join(format!("{}.json", image.hex()))
    }

    /// A name may have any characters; a file name may not. The digest of the name is free of both problems, and the
    /// name itself is kept in the file.
    fn ref_file(&self, name: &str) -> PathBuf {
        self.data.join("refs").join(Digest::of(name.as_bytes()).hex())
    }

    /// Takes the lock of a name, so that of two who want the image that has not been made yet, one makes it and the other
    /// finds it. `waiting` is called before this process waits.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn lock_name(&self, name: &str, waiting: impl FnOnce()) -> Result<fs::File, Error> {
        let path = self.ref_file(name).with_extension("lock");
        let fail = |source| Error::Write { path: path.clone(), source };
        let file = fs::File::options().create(true).truncate(false).write(true).open(&path).map_err(fail)?;
        if !lock::try_exclusive(&file).map_err(fail)? {
            waiting();
            lock::exclusive(&file).map_err(fail)?;
        }
        Ok(file)
    }

    /// Puts an image into the store and lets `name` mean it. Its layers must be there already.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn commit_image(&self, name: &str, image: &Image) -> Result<Digest, Error> {
        let digest = image.digest();
        self.put(&self.image_file(&digest), &image.to_json())?;
        self.put(&self.ref_file(name), format!("{digest} {name}\n").as_bytes())?;
        Ok(digest)
    }

    /// An image by digest, if the store has it and all its layers.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Read`].
    pub fn image(&self, digest: &Digest) -> Result<Option<Image>, Error> {
        let path = self.image_file(digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Read { path, source }),
        };
        let image: Image =
            serde_json::from_slice(&bytes).map_err(|error| Error::Damaged { path, source: error.into() })?;
        Ok(image.layers.iter().all(|layer| self.has_layer(layer)).then_some(image))
    }

    /// What a name means, if anything that is still there.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Read`].
    pub fn resolve(&self, name: &str) -> Result<Option<(Digest, Image)>, Error> {
        let path = self.ref_file(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Read { path, source }),
        };
        let word = text.split(' ').next().unwrap_or_default();
        let digest: Digest = word.parse().map_err(|error| Error::Damaged { path, source: Box::new(error) })?;
        Ok(self.image(&digest)?.map(|image| (digest, image)))
    }
}
