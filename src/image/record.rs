//! What the store knows of an image and of a layer.

use serde::{Deserialize, Serialize};

use super::Digest;
use super::oci::RunConfig;

/// An image: ordered layers, what the image itself wants of a process in it, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The layers, the lowest first.
    pub layers: Vec<Digest>,
    /// Where it came from.
    pub provenance: Provenance,
    /// How it wants a process to be run.
    #[serde(default, skip_serializing_if = "RunConfig::is_empty")]
    pub config: RunConfig,
    /// The documents it was published with, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
}

impl Image {
    /// An image that was not published in the OCI format.
    pub fn new(layers: Vec<Digest>, provenance: Provenance) -> Self {
        Self { layers, provenance, config: RunConfig::default(), published: None }
    }

    /// The digest that names the image: of its canonical JSON form.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_json())
    }

    /// The canonical form: compact, fields in the order of the type.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Where an image came from, and what vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The address or file it was made from.
    pub origin: String,
    /// What vouches for the content, in words.
    pub trust: String,
    /// What it is, for people: `Debian 13.2 (trixie)`.
    pub title: String,
}

/// The documents of an image that came in the OCI format, byte for byte, so that it can be handed on as what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The manifest's text.
    pub manifest: String,
    /// The manifest's media type.
    pub media_type: String,
    /// The config's text.
    pub config: String,
}

impl Published {
    /// The digest by which registries know the image.
    pub fn digest(&self) -> Digest {
        Digest::of(self.manifest.as_bytes())
    }
}

/// What the store keeps beside a layer's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The digest of the tar stream it was made from (an OCI layer's DiffID), if it was made from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<Digest>,
    /// The digest of the file it was made from: the same stream, compressed perhaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<Digest>,
    /// Bytes of the files in its tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// How it was made, for people.
    #[serde(default)]
    pub made: serde_json::Value,
}

impl LayerRecord {
    /// The name that the store has for the layer of an OCI image with this DiffID. Not the DiffID itself: the same tar
    /// stream unpacked as a root file system is another tree, in which `.wh.` files are files.
    pub fn oci_name(diff_id: &Digest) -> Digest {
        Digest::of(format!("oci layer {diff_id}").as_bytes())
    }

    /// The same for a layer whose tree is not of its own stream alone: it has hard links to files of the layers `below`, the
    /// lowest first, or directories with their owners and modes.
    pub fn oci_name_on(diff_id: &Digest, below: &[Digest]) -> Digest {
        let below: Vec<String> = below.iter().map(ToString::to_string).collect();
        Digest::of(format!("oci layer {diff_id} on {}", below.join(" ")).as_bytes())
    }
}
