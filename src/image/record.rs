//! What the store knows of an image.

use serde::{Deserialize, Serialize};

use super::Digest;

/// An image: ordered layers, what the image itself wants of a process in it, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The layers, the lowest first.
    pub layers: Vec<Digest>,
    /// Where it came from.
    pub provenance: Provenance,
}

impl Image {
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
