//! What `docker save` writes: files, and one of them, `manifest.json`, that says what the others are.
//!
//! Layers are `ID/layer.tar`, where several ids may be links to one file; or `DIFFID.tar`; or blobs of an OCI layout that is in
//! the same archive. There is no manifest in the sense of a registry: one is made up, of the digests that the files have.

use std::io::Read as _;

use serde::Deserialize;

use super::place::read;
use super::{Bundle, Documents, Error, Which};
use crate::image::oci::{Descriptor, Manifest, Platform, media};
use crate::image::{Published, Reference};

const MANIFEST: &str = "manifest.json";

/// A bundle with a `manifest.json`.
#[derive(Debug)]
pub struct DockerArchive<'a> {
    bundle: &'a Bundle,
    images: Vec<Entry>,
}

/// An image in `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl Entry {
    fn names(&self) -> &[String] {
        self.repo_tags.as_deref().unwrap_or_default()
    }

    fn is(&self, which: &Which) -> bool {
        let same = |name: &String, tag: &String| match (name.parse::<Reference>(), tag.parse::<Reference>()) {
            (Ok(name), Ok(tag)) => name == tag,
            _ => name == tag,
        };
        match which {
            Which::Only => true,
            Which::Named(name) => self.names().iter().any(|tag| same(name, tag)),
            // The images of a docker-archive have no digest of their own.
            Which::Digest(_) => false,
        }
    }
}

impl<'a> DockerArchive<'a> {
    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(bundle: &'a Bundle) -> Result<Self, Error> {
        let (file, _, size) = bundle.open(MANIFEST)?;
        let what = bundle.name_of(MANIFEST);
        let text = read(file, size, &what)?;
        let images =
            serde_json::from_str(&text).map_err(|error| Error::Unusable { at: what, what: error.to_string() })?;
        Ok(Self { bundle, images })
    }

    /// The names of the images in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.images.iter().flat_map(Entry::names).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The documents of one image, which must be for `platform`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn image(&self, which: &Which, platform: &Platform) -> Result<Documents, Error> {
        let at = || self.bundle.archive().to_owned();
        let mut found = self.images.iter().filter(|entry| entry.is(which));
        let entry = match (found.next(), found.next()) {
            (Some(entry), None) => entry,
            (Some(_), Some(_)) => return Err(Error::Which { at: at(), names: self.names() }),
            (None, _) => return Err(Error::NoImage { at: at(), which: which.clone(), names: self.names() }),
        };
        let (file, digest, size) = self.bundle.open(&entry.config)?;
        let config = read(file, size, &self.bundle.name_of(&entry.config))?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media::MANIFEST.to_owned()),
            config: Descriptor::new(media::CONFIG, digest, size),
            layers: entry.layers.iter().map(|name| self.layer(name)).collect::<Result<_, _>>()?,
        };
        let text =
            serde_json::to_string(&manifest).map_err(|error| Error::Unusable { at: at(), what: error.to_string() })?;
        let published = Published { manifest: text, media_type: media::MANIFEST.to_owned(), config };
        let names = entry.names().to_vec();
        Ok(Documents { names, ..Documents::new(&at(), manifest, published, platform)? })
    }

    /// Whoever wrote the archive may have compressed the layers.
    fn layer(&self, name: &str) -> Result<Descriptor, Error> {
        let (file, digest, size) = self.bundle.open(name)?;
        let mut start = Vec::new();
        file.take(4)
            .read_to_end(&mut start)
            .map_err(|source| Error::Read { what: self.bundle.name_of(name), source })?;
        let kind = match start[..] {
            [0x1f, 0x8b, ..] => media::LAYER_GZIP,
            [0x28, 0xb5, 0x2f, 0xfd] => media::LAYER_ZSTD,
            _ => media::LAYER,
        };
        Ok(Descriptor::new(kind, digest, size))
    }
}
