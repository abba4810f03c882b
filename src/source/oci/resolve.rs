//! From a reference to the documents of one image.

use super::document::Raw;
use super::endpoint::Endpoint;
use super::{Fault, Repository};
use crate::image::oci::{Config, Descriptor, Document, Index, Manifest, Platform, media};
use crate::image::{Published, Reference};
use crate::source::{Error, Progress, Trust};
use crate::store::blobs::Blobs;

/// How many indexes may lead to an image, one after another.
const DEEPEST: usize = 3;
/// The largest layer that is believed in, in bytes.
const LARGEST_LAYER: u64 = 64 << 30;

/// An image at a registry, all of whose documents are known.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The repository, at the digest that the reference led to: of an index, if it led to one.
    pub reference: Reference,
    /// The manifest.
    pub manifest: Manifest,
    /// The config.
    pub config: Config,
    /// Both, byte for byte.
    pub published: Published,
    /// Why they are believed.
    pub trust: Trust,
    // Who answered; who is asked first for the layers.
    pub(super) place: usize,
}

impl Repository {
    /// Finds the image that the reference names for this platform: the registry's mirrors are asked first, and whatever has
    /// a digest is taken from the cache if it is there.
    ///
    /// # Errors
    /// [`Error::Registry`], [`Error::Digest`], [`Error::Cache`].
    pub fn resolve(&self, platform: &Platform, blobs: &Blobs, progress: &dyn Progress) -> Result<Resolved, Error> {
        blobs.sweep()?;
        self.session.run(async {
            for (place, endpoint) in self.endpoints.iter().enumerate() {
                match self.resolve_at(place, platform, blobs, progress).await {
                    Err(error) if endpoint.is_mirror && !matches!(error, Error::Cache { .. }) => {
                        progress.note(&format!("mirror {} is passed over: {}", endpoint.host, error.in_one_line()));
                    }
                    result => return result,
                }
            }
            let what = "there is no place to ask";
            Err(self.error("fetch", Fault::Protocol { registry: self.reference.registry().to_owned(), what }))
        })
    }

    async fn resolve_at(
        &self,
        place: usize,
        platform: &Platform,
        blobs: &Blobs,
        progress: &dyn Progress,
    ) -> Result<Resolved, Error> {
        let endpoint = &self.endpoints[place];
        let failed = |fault| self.error("fetch", fault);
        let mut raw = self.top(endpoint, blobs, progress).await?;
        let reference = self.reference.at(raw.digest);
        let mut depth = 0;
        let manifest = loop {
            match raw.parse().map_err(failed)? {
                Document::Manifest(manifest) => break manifest,
                Document::Index(_) if depth == DEEPEST => return Err(failed(Fault::Deep(DEEPEST))),
                Document::Index(index) => {
                    let entry = choose(&index, platform).map_err(failed)?;
                    raw = self.document(endpoint, blobs, "manifests", entry).await?;
                    depth += 1;
                }
            }
        };
        check_sizes(&manifest).map_err(failed)?;
        let config_raw = self.document(endpoint, blobs, "blobs", &manifest.config).await?;
        let config = read_config(&config_raw, &manifest, platform).map_err(failed)?;
        let media_type = manifest.media_type.clone().or_else(|| bare(raw.media_type.as_deref()));
        let published = Published {
            manifest: raw.text,
            media_type: media_type.unwrap_or_else(|| media::MANIFEST.to_owned()),
            config: config_raw.text,
        };
        Ok(Resolved { reference, manifest, config, published, trust: self.trust(endpoint), place })
    }

    fn trust(&self, endpoint: &Endpoint) -> Trust {
        match (self.reference.digest(), endpoint.is_verified()) {
            (Some(_), _) => Trust::PinnedDigest,
            (None, true) if endpoint.is_mirror => Trust::TlsOnly,
            (None, true) => Trust::ChecksumOverTls,
            (None, false) => Trust::None,
        }
    }
}

/// The entry that runs here best; of equals, the first. An entry that does not say what it is for is the last choice.
fn choose<'a>(index: &'a Index, platform: &Platform) -> Result<&'a Descriptor, Fault> {
    let known = |entry: &&Descriptor| media::is_manifest(&entry.media_type) || media::is_index(&entry.media_type);
    let fitness = |entry: &Descriptor| match &entry.platform {
        Some(there) => platform.fitness(there).map(|fitness| fitness + 1),
        None => Some(0),
    };
    let fitting = index.manifests.iter().filter(known).filter_map(|entry| Some((fitness(entry)?, entry)));
    // `max_by_key` takes the last of equals.
    let best = fitting.rev().max_by_key(|(fitness, _)| *fitness);
    best.map(|(_, entry)| entry).ok_or_else(|| {
        let named = index.manifests.iter().filter_map(|entry| entry.platform.as_ref());
        let mut offered: Vec<String> = named.filter(|there| there.os != "unknown").map(Platform::to_string).collect();
        offered.dedup();
        let offered = offered.join(", ").chars().take(300).flat_map(char::escape_debug).collect();
        Fault::Platform { wanted: platform.clone(), offered }
    })
}

fn check_sizes(manifest: &Manifest) -> Result<(), Fault> {
    let large = manifest.layers.iter().find(|layer| layer.size > LARGEST_LAYER);
    large.map_or(Ok(()), |layer| {
        let what = format!("layer {}", layer.digest);
        Err(Fault::TooLarge { what, size: layer.size, largest: LARGEST_LAYER })
    })
}

fn read_config(raw: &Raw, manifest: &Manifest, platform: &Platform) -> Result<Config, Fault> {
    let what = || format!("config {}", raw.digest);
    let config = Config::parse(raw.text.as_bytes()).map_err(|source| Fault::Document { what: what(), source })?;
    let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
    if layers != diff_ids {
        return Err(Fault::Layers { layers, diff_ids });
    }
    // Old tools leave both empty. A variant is a matter of choice among entries of an index, and no more.
    let there = &config.platform;
    let same = |ours: &str, theirs: &str| theirs.is_empty() || ours == theirs;
    if same(&platform.os, &there.os) && same(&platform.architecture, &there.architecture) {
        return Ok(config);
    }
    let offered = there.to_string().chars().take(100).flat_map(char::escape_debug).collect();
    Err(Fault::Platform { wanted: platform.clone(), offered })
}

/// A media type without its parameters, if it is that of a manifest.
fn bare(text: Option<&str>) -> Option<String> {
    text.and_then(|text| text.split(';').next())
        .map(str::trim)
        .filter(|text| media::is_manifest(text))
        .map(str::to_owned)
}
