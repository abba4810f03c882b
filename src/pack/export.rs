//! An image, ready to be handed on: its documents and the files of its layers.

use std::fs::File;

use serde_json::Value;

use super::Error;
use crate::image::oci::{Config, Descriptor, Document, History, Manifest, ParseError, Platform, RootFs, media};
use crate::image::{Digest, Image, Published};

/// A layer, as a file.
#[derive(Debug)]
pub struct Layer {
    /// The blob's media type, digest and size.
    pub descriptor: Descriptor,
    /// The digest of the tar stream in it.
    pub diff_id: Digest,
    /// The blob, open at its beginning.
    pub file: File,
}

/// An image, ready to be handed on: to a registry, into a layout, into an archive.
#[derive(Debug)]
pub struct Export {
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// The manifest's media type.
    pub media_type: String,
    /// The config's bytes.
    pub config: Vec<u8>,
    /// The manifest's own view of the config.
    pub config_descriptor: Descriptor,
    /// The layers, the lowest first. One that an image has twice is there twice.
    pub layers: Vec<Layer>,
}

impl Export {
    /// An image of these layers. Where they are the blobs it was published with, its documents are the published ones, byte
    /// for byte; where only their compression differs, its config is. An image that was never published gets documents that
    /// say what envbox knows of it, and that it is for `platform`.
    ///
    /// # Errors
    /// [`Error::Document`].
    pub fn new(image: &Image, layers: Vec<Layer>, platform: &Platform) -> Result<Self, Error> {
        let Some(published) = &image.published else {
            let config = fresh_config(image, &layers, platform);
            let descriptor = describe(media::CONFIG, &config);
            return Ok(Self::with_config(config, descriptor, layers));
        };
        let manifest = manifest(published)?;
        let blobs = |descriptors: &[Descriptor]| descriptors.iter().map(|one| one.digest).collect::<Vec<_>>();
        if blobs(&manifest.layers) == layers.iter().map(|layer| layer.descriptor.digest).collect::<Vec<_>>() {
            return Ok(Self {
                manifest: published.manifest.clone().into_bytes(),
                media_type: published.media_type.clone(),
                config: published.config.clone().into_bytes(),
                config_descriptor: manifest.config,
                layers,
            });
        }
        let config = with_diff_ids(&published.config, &layers)?;
        let descriptor = describe(media::CONFIG, &config);
        Ok(Self::with_config(config, descriptor, layers))
    }

    /// The same in OCI's media types, which is what a layout may have: Docker's documents say the same by other names.
    #[must_use]
    pub fn into_oci(self) -> Self {
        if self.media_type == media::MANIFEST {
            return self;
        }
        let config = Descriptor { media_type: media::CONFIG.to_owned(), ..self.config_descriptor };
        let layers = self.layers.into_iter().map(|mut layer| {
            let name = &mut layer.descriptor.media_type;
            match &**name {
                media::DOCKER_LAYER => media::LAYER.clone_into(name),
                media::DOCKER_LAYER_GZIP => media::LAYER_GZIP.clone_into(name),
                _ => {}
            }
            layer
        });
        Self::with_config(self.config, config, layers.collect())
    }

    fn with_config(config: Vec<u8>, config_descriptor: Descriptor, layers: Vec<Layer>) -> Self {
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media::MANIFEST.to_owned()),
            config: config_descriptor.clone(),
            layers: layers.iter().map(|layer| layer.descriptor.clone()).collect(),
        };
        let manifest = serde_json::to_vec(&manifest).unwrap_or_default();
        Self { manifest, media_type: media::MANIFEST.to_owned(), config, config_descriptor, layers }
    }
}

/// The manifest that an image was published with.
///
/// # Errors
/// [`Error::Document`]: it was one when it came.
fn manifest(published: &Published) -> Result<Manifest, Error> {
    let damaged = |source| Error::Document { what: "manifest", source };
    match Document::parse(published.manifest.as_bytes(), Some(&published.media_type)).map_err(damaged)? {
        Document::Manifest(manifest) => Ok(manifest),
        Document::Index(_) => Err(damaged(ParseError::Ambiguous)),
    }
}

/// The layers that an image was published with: what the manifest says of the blob, and the DiffID that the config says.
///
/// # Errors
/// [`Error::Document`].
pub fn published_layers(published: &Published) -> Result<Vec<(Descriptor, Digest)>, Error> {
    let damaged = |source| Error::Document { what: "config", source };
    let config = Config::parse(published.config.as_bytes()).map_err(damaged)?;
    let layers = manifest(published)?.layers;
    if layers.len() != config.rootfs.diff_ids.len() {
        return Err(damaged(ParseError::Json("it has another number of layers than the manifest".to_owned())));
    }
    Ok(layers.into_iter().zip(config.rootfs.diff_ids).collect())
}

fn describe(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor::new(media_type, Digest::of(bytes), u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

/// When an image was made that nobody has published: never twice another time, so that it is the same each time, and never
/// none, without which some programs fail.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// What is run of an image that does not say.
const SHELL: &str = "/bin/sh";

fn fresh_config(image: &Image, layers: &[Layer], platform: &Platform) -> Vec<u8> {
    let made = format!("envbox: {}", image.provenance.title);
    let created = Some(EPOCH.to_owned());
    let history =
        |_: &Layer| History { created: created.clone(), created_by: Some(made.clone()), ..History::default() };
    let mut wishes = image.config.clone();
    if wishes.entrypoint.is_empty() && wishes.cmd.is_empty() {
        wishes.cmd = vec![SHELL.to_owned()];
    }
    let config = Config {
        created: created.clone(),
        platform: platform.clone(),
        config: wishes,
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids: diff_ids(layers) },
        history: layers.iter().map(history).collect(),
    };
    serde_json::to_vec(&config).unwrap_or_default()
}

/// A published config whose layers are these: the text itself where it says so already, else with nothing changed that
/// envbox does not know of.
fn with_diff_ids(text: &str, layers: &[Layer]) -> Result<Vec<u8>, Error> {
    let damaged = |source| Error::Document { what: "config", source };
    if Config::parse(text.as_bytes()).map_err(damaged)?.rootfs.diff_ids == diff_ids(layers) {
        return Ok(text.as_bytes().to_vec());
    }
    let json = |error: serde_json::Error| damaged(ParseError::Json(error.to_string()));
    let mut config: Value = serde_json::from_str(text).map_err(json)?;
    config["rootfs"]["diff_ids"] = serde_json::to_value(diff_ids(layers)).map_err(json)?;
    serde_json::to_vec(&config).map_err(json)
}

fn diff_ids(layers: &[Layer]) -> Vec<Digest> {
    layers.iter().map(|layer| layer.diff_id).collect()
}
