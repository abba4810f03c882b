//! OCI layouts to fill a registry from.

use std::fs;
use std::path::Path;

use envbox::image::Digest;
use envbox::image::oci::{Descriptor, media};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A layout with images in it.
#[derive(Debug)]
pub(crate) struct Layout {
    dir: TempDir,
    images: Vec<Value>,
}

impl Layout {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("blobs/sha256")).unwrap();
        fs::write(dir.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { dir, images: Vec::new() }
    }

    /// BusyBox, from the fixtures.
    pub(crate) fn busybox() -> Self {
        let mut layout = Self::new();
        let [manifest, ..] = ["image-manifest.json", "image-config.json", "rootfs.tar.gz"].map(|name| {
            let content = fs::read(crate::support::fixtures().join("busybox-musl-oci").join(name)).unwrap();
            layout.blob(media::MANIFEST, &content)
        });
        layout.name(&manifest, "busybox");
        layout
    }

    pub(crate) fn blob(&self, media_type: &str, content: &[u8]) -> Descriptor {
        let digest = Digest::of(content);
        fs::write(self.dir.path().join("blobs/sha256").join(digest.hex()), content).unwrap();
        Descriptor::new(media_type, digest, u64::try_from(content.len()).unwrap())
    }

    /// A manifest of an image with these layers, which are not compressed.
    pub(crate) fn image(&self, architecture: &str, layers: &[Vec<u8>]) -> Descriptor {
        let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {"Cmd": ["/bin/true"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let layers: Vec<Descriptor> = layers.iter().map(|layer| self.blob(media::LAYER, layer)).collect();
        let config = self.blob(media::CONFIG, config.to_string().as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": layers});
        self.blob(media::MANIFEST, manifest.to_string().as_bytes())
    }

    /// Names a manifest or an index.
    pub(crate) fn name(&mut self, image: &Descriptor, name: &str) {
        let mut entry = serde_json::to_value(image).unwrap();
        entry["annotations"] = json!({Descriptor::REF_NAME: name});
        self.images.push(entry);
        let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": self.images});
        fs::write(self.dir.path().join("index.json"), index.to_string()).unwrap();
    }

    /// skopeo's words for the image of that name.
    pub(crate) fn source(&self, name: &str) -> String {
        format!("oci:{}:{name}", self.dir.path().display())
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// A tar stream with one file of that many bytes, which compress to nothing less.
pub(crate) fn layer(name: &str, size: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(size + 64);
    let mut state = Digest::of(name.as_bytes());
    while content.len() < size {
        state = Digest::of(state.hex().as_bytes());
        content.extend_from_slice(state.hex().as_bytes());
    }
    content.truncate(size);
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(u64::try_from(size).unwrap());
    header.set_mode(0o644);
    archive.append_data(&mut header, name, &*content).unwrap();
    archive.into_inner().unwrap()
}
