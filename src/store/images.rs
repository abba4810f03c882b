//! Images, by digest.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use super::lease::{self, ImageLease, Lease};
use super::{Error, NameLock, Store, write_synced};
use crate::image::{Digest, Image};
use crate::sys::{file, lock};

impl Store {
    pub(super) fn image_file(&self, image: &Digest) -> PathBuf {
        self.data.join("images/sha256").join(format!("{}.json", image.hex()))
    }

    /// The digests of the images, named or not, in order.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn images(&self) -> Result<Vec<Digest>, Error> {
        self.digests_in("images/sha256", ".json")
    }

    /// Puts an image into the store and lets `name` mean it. Its layers are in the store and leased, and need not be any
    /// longer when this returns: the image itself keeps them.
    ///
    /// # Errors
    /// [`Error::NotLeased`], [`Error::Write`].
    pub fn commit_image(&self, name: &NameLock, image: &Image, layers: &[Lease]) -> Result<ImageLease, Error> {
        all_leased(image, layers)?;
        let lease = self.put_image(image)?;
        self.tag(name, &lease)?;
        Ok(lease)
    }

    /// Puts an image into the store without a name, for a box to be made of it. Its layers are in the store, and leased.
    ///
    /// # Errors
    /// [`Error::NotLeased`], [`Error::Write`].
    pub fn commit_unnamed(&self, image: &Image, layers: &[Lease]) -> Result<ImageLease, Error> {
        all_leased(image, layers)?;
        self.put_image(image)
    }

    fn put_image(&self, image: &Image) -> Result<ImageLease, Error> {
        let digest = image.digest();
        let path = self.image_file(&digest);
        let fail = |source| Error::Write { path: path.clone(), source };
        loop {
            // One that is there may be leased by others, so it is not replaced; one that is damaged can be no worse.
            let damaged = match self.hold_image(&digest) {
                Ok(Some(lease)) => return Ok(lease),
                Ok(None) => false,
                Err(Error::Damaged { .. }) => true,
                Err(error) => return Err(error),
            };
            let staging = self.stage()?;
            let staged = staging.path().join("file");
            write_synced(&staged, &image.to_json())?;
            let file = File::open(&staged).map_err(fail)?;
            lock::shared(&file).map_err(fail)?;
            let renamed = if damaged { fs::rename(&staged, &path) } else { file::rename_new(&staged, &path) };
            match renamed {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                result => result.map_err(fail)?,
            }
            // The directory is empty now; a failure leaves it to the sweep.
            let _ = fs::remove_dir(staging.path());
            if lease::is_at(&file, &path) {
                return Ok(ImageLease { digest, image: image.clone(), file });
            }
        }
    }

    /// Keeps an image in the store; `None` unless it and all its layers are there.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Read`].
    pub fn lease_image(&self, digest: &Digest) -> Result<Option<ImageLease>, Error> {
        let Some(lease) = self.hold_image(digest)? else { return Ok(None) };
        Ok(self.has_layers(&lease.image)?.then_some(lease))
    }

    /// Keeps an image in the store, whether its layers are there or not.
    fn hold_image(&self, digest: &Digest) -> Result<Option<ImageLease>, Error> {
        let path = self.image_file(digest);
        let Some(mut file) = lease::hold(&path).map_err(|source| Error::Read { path: path.clone(), source })? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes).map_err(|source| Error::Read { path: path.clone(), source })?;
        Ok(Some(ImageLease { digest: *digest, image: parse(path, digest, &bytes)?, file }))
    }

    /// An image by digest, whether its layers are there or not, and for a look only: nothing keeps it.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Read`].
    pub fn image(&self, digest: &Digest) -> Result<Option<Image>, Error> {
        let path = self.image_file(digest);
        match fs::read(&path) {
            Ok(bytes) => parse(path, digest, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Read { path, source }),
        }
    }
}

fn all_leased(image: &Image, layers: &[Lease]) -> Result<(), Error> {
    let leased = |layer: &&Digest| layers.iter().any(|lease| lease.layer == **layer);
    image.layers.iter().find(|layer| !leased(layer)).map_or(Ok(()), |&missing| Err(Error::NotLeased(missing)))
}

/// An image's file must be what its name says, so that damage to it is not taken for an image of fewer layers.
fn parse(path: PathBuf, digest: &Digest, bytes: &[u8]) -> Result<Image, Error> {
    let damaged = |source| Error::Damaged { path, source };
    if Digest::of(bytes) != *digest {
        return Err(damaged("it is not what its name says".into()));
    }
    serde_json::from_slice(bytes).map_err(|error| damaged(error.into()))
}
