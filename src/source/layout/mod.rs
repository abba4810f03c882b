//! Images on this machine: OCI layouts (image-spec, image-layout.md), and bundles, whose files have been put into the
//! download cache ([`Bundle`]).
//!
//! Whoever made them is not trusted. Every document is read up to a cap, has the size and the digest that was announced, and
//! says one thing only; the layers' digests are checked by whoever unpacks them.

mod bundle;
mod docker;
mod error;
mod place;

use serde::Deserialize;

use crate::image::oci::{Config, Descriptor, Document, Index, Manifest, Platform};
use crate::image::{Digest, Published};

pub use bundle::Bundle;
pub use docker::DockerArchive;
pub use error::Error;
pub use place::Place;

/// Indexes of indexes: so many, one inside the other.
const DEPTH: usize = 4;
/// What the kernel stacks at the most (fs/overlayfs, `OVL_MAX_STACK`).
const LAYERS: usize = 500;

/// Which image of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The only one there is.
    Only,
    /// The one of this name.
    Named(String),
    /// The one whose manifest, or index, has this digest.
    Digest(Digest),
}

/// An image's documents, which agree with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The manifest.
    pub manifest: Manifest,
    /// The config; it has as many DiffIDs as the manifest has layers.
    pub config: Config,
    /// Both, byte for byte.
    pub published: Published,
    /// The names that the image has where it was found.
    pub names: Vec<String>,
}

impl Documents {
    /// Checks a manifest and a config against each other.
    ///
    /// # Errors
    /// [`Error`].
    fn new(at: &str, manifest: Manifest, published: Published, platform: &Platform) -> Result<Self, Error> {
        let config = Config::parse(published.config.as_bytes())
            .map_err(|error| Error::document(format!("the image's config in {at}"), error))?;
        let unusable = |what| Error::Unusable { at: at.to_owned(), what };
        if platform.fitness(&config.platform).is_none() {
            return Err(Error::Platform { image: config.platform.to_string(), here: platform.to_string() });
        }
        let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            return Err(unusable(format!("its manifest has {layers} layers, and its config {diff_ids}")));
        }
        match layers {
            0 => Err(unusable("it has no layers".to_owned())),
            1..=LAYERS => Ok(Self { manifest, config, published, names: Vec::new() }),
            _ => Err(unusable(format!("it has {layers} layers, and no overlay takes more than {LAYERS}"))),
        }
    }
}

/// A layout: an index, and the blobs it leads to.
#[derive(Debug)]
pub struct Layout<'a> {
    place: &'a Place,
    index: Index,
}

impl<'a> Layout<'a> {
    /// Reads the version and the index.
    ///
    /// # Errors
    /// [`Error`]: there is no layout, or one of another version.
    pub fn open(place: &'a Place) -> Result<Self, Error> {
        let malformed =
            |file, what: &dyn std::fmt::Display| Error::Unusable { at: place.name_of(file), what: what.to_string() };
        let version: Version =
            serde_json::from_str(&place.text("oci-layout")?).map_err(|error| malformed("oci-layout", &error))?;
        if !version.image_layout_version.starts_with("1.") {
            return Err(malformed(
                "oci-layout",
                &format_args!("version {:?} is not known", version.image_layout_version),
            ));
        }
        match Document::parse(place.text("index.json")?.as_bytes(), None) {
            Ok(Document::Index(index)) => Ok(Self { place, index }),
            Ok(Document::Manifest(_)) => Err(malformed("index.json", &"it is a manifest")),
            Err(error) => Err(Error::document(place.name_of("index.json"), error)),
        }
    }

    /// The names of the images in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.index.manifests.iter().filter_map(whole_name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The documents of one image, made for `platform`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn image(&self, which: &Which, platform: &Platform) -> Result<Documents, Error> {
        let candidates: Vec<Descriptor> =
            self.index.manifests.iter().filter(|entry| which.is(entry)).cloned().collect();
        let chosen = self.choose(&candidates, which, platform)?;
        let others = |entry: &&Descriptor| entry.digest != chosen.digest && rank(entry, platform).is_some();
        if *which == Which::Only && candidates.iter().any(|entry| others(&entry)) {
            return Err(Error::Which { at: self.place.to_string(), names: self.names() });
        }
        let same = self.index.manifests.iter().filter(|entry| entry.digest == chosen.digest);
        let names = same.filter_map(whole_name).collect();
        let mut descriptor = chosen;
        for _ in 0..DEPTH {
            let text = self.place.document(&descriptor)?;
            let parsed = Document::parse(text.as_bytes(), Some(&descriptor.media_type));
            match parsed.map_err(|error| Error::document(self.place.blob_name(&descriptor.digest), error))? {
                Document::Index(index) => descriptor = self.choose(&index.manifests, which, platform)?,
                Document::Manifest(manifest) => {
                    let config = self.place.document(&manifest.config)?;
                    let published = Published { manifest: text, media_type: descriptor.media_type, config };
                    return Ok(Documents {
                        names,
                        ..Documents::new(&self.place.to_string(), manifest, published, platform)?
                    });
                }
            }
        }
        let what = format!("more than {DEPTH} indexes lead to it, one inside the other");
        Err(Error::Unusable { at: self.place.to_string(), what })
    }

    /// Of what fits the platform, what fits it best, and of several such the first (image-spec, image-index.md).
    fn choose(&self, entries: &[Descriptor], which: &Which, platform: &Platform) -> Result<Descriptor, Error> {
        let at = || self.place.to_string();
        if entries.is_empty() {
            return Err(Error::NoImage { at: at(), which: which.clone(), names: self.names() });
        }
        let best = entries.iter().rev().max_by_key(|entry| rank(entry, platform));
        best.filter(|entry| rank(entry, platform).is_some()).cloned().ok_or_else(|| {
            let platforms = entries.iter().filter_map(|entry| Some(entry.platform.as_ref()?.to_string()));
            Error::NoPlatform { at: at(), here: platform.to_string(), platforms: platforms.collect() }
        })
    }
}

/// How well an entry of an index suits a platform; `None` where it does not. One that does not say may.
fn rank(entry: &Descriptor, platform: &Platform) -> Option<u8> {
    entry.platform.as_ref().map_or(Some(0), |other| platform.fitness(other))
}

/// Where containerd, and docker with it, look for a whole name.
const WHOLE_NAME: &str = "io.containerd.image.name";

/// What an index calls an entry, in OCI's way and in containerd's.
fn names(entry: &Descriptor) -> impl Iterator<Item = &str> {
    let whole = entry.annotations.get(WHOLE_NAME).map(String::as_str);
    whole.into_iter().chain(entry.ref_name())
}

/// The one of them that says the most: OCI's own is often a tag alone.
fn whole_name(entry: &Descriptor) -> Option<String> {
    names(entry).next().map(str::to_owned)
}

impl Which {
    /// What stands after the place: `:NAME`, `@DIGEST`.
    pub fn suffix(&self) -> String {
        match self {
            Self::Only => String::new(),
            Self::Named(name) => format!(":{name}"),
            Self::Digest(digest) => format!("@{digest}"),
        }
    }

    fn is(&self, entry: &Descriptor) -> bool {
        match self {
            Self::Only => true,
            Self::Named(name) => names(entry).any(|known| known == name),
            Self::Digest(digest) => entry.digest == *digest,
        }
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Only => f.write_str("no image"),
            Self::Named(name) => write!(f, "no image named `{name}`"),
            Self::Digest(digest) => write!(f, "no image {digest}"),
        }
    }
}

/// The file `oci-layout`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    image_layout_version: String,
}
