//! The files that an exported image consists of: of a layout (image-spec, image-layout.md), and of what `docker load` reads.

use std::collections::HashSet;
use std::fs::File;

use serde::Serialize;

use super::Export;
use crate::image::oci::{Descriptor, Index, media};
use crate::image::{Digest, Reference};

/// One file, by its path in the layout or archive.
#[derive(Debug)]
pub struct Part<'a> {
    /// The path.
    pub path: String,
    /// What is in it.
    pub content: Content<'a>,
}

/// What is in a file.
#[derive(Debug)]
pub enum Content<'a> {
    /// A document.
    Bytes(Vec<u8>),
    /// A blob, and its size in bytes.
    File(&'a File, u64),
}

/// Where containerd, and docker with it, look for a whole name; the layout's own annotation is for a tag.
const FULL_NAME: &str = "io.containerd.image.name";

/// An entry of docker's `manifest.json` (docker save).
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl Export {
    /// The files of a layout with this image, in an order in which a reader of an archive can make use of them. A layout has
    /// OCI's media types ([`Export::into_oci`]).
    pub fn layout(&self, name: Option<&Reference>) -> Vec<Part<'_>> {
        let bytes = |path: &str, content: Vec<u8>| Part { path: path.to_owned(), content: Content::Bytes(content) };
        let mut manifest = Descriptor::new(&self.media_type, Digest::of(&self.manifest), length(&self.manifest));
        let tag = name.and_then(Reference::tag).unwrap_or("latest");
        manifest.annotations.insert(Descriptor::REF_NAME.to_owned(), tag.to_owned());
        if let Some(name) = name {
            manifest.annotations.insert(FULL_NAME.to_owned(), name.to_string());
        }
        let index = Index { schema_version: 2, media_type: Some(media::INDEX.to_owned()), manifests: vec![manifest] };
        let mut parts = vec![
            bytes("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            bytes("index.json", serde_json::to_vec(&index).unwrap_or_default()),
            bytes(&blob(&Digest::of(&self.manifest)), self.manifest.clone()),
            bytes(&blob(&self.config_descriptor.digest), self.config.clone()),
        ];
        parts.extend(self.layer_files(|layer| blob(&layer.descriptor.digest)));
        parts
    }

    /// The files of what `docker load` and `podman load` read.
    pub fn docker_archive(&self, name: Option<&Reference>) -> Vec<Part<'_>> {
        let path = |layer: &super::Layer| format!("{}.tar", layer.diff_id.hex());
        let config = format!("{}.json", self.config_descriptor.digest.hex());
        let entry = DockerEntry {
            config: config.clone(),
            // A name with a digest is none that a new image can have.
            repo_tags: name.filter(|name| name.digest().is_none()).map(ToString::to_string).into_iter().collect(),
            layers: self.layers.iter().map(path).collect(),
        };
        let documents = [
            ("manifest.json".to_owned(), serde_json::to_vec(&[entry]).unwrap_or_default()),
            (config, self.config.clone()),
        ];
        let documents = documents.map(|(path, bytes)| Part { path, content: Content::Bytes(bytes) });
        documents.into_iter().chain(self.layer_files(path)).collect()
    }

    /// The layers' files, each once.
    fn layer_files(&self, path: impl Fn(&super::Layer) -> String) -> impl Iterator<Item = Part<'_>> {
        let mut seen = HashSet::new();
        let once = self.layers.iter().map(move |layer| (path(layer), layer));
        once.filter(move |(path, _)| seen.insert(path.clone()))
            .map(|(path, layer)| Part { path, content: Content::File(&layer.file, layer.descriptor.size) })
    }
}

impl Part<'_> {
    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => length(bytes),
            Content::File(_, size) => *size,
        }
    }
}

fn blob(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
