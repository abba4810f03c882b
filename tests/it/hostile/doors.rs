//! The ways by which an archive gets into the store.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use envbox::image::Digest;
use envbox::image::oci::{Descriptor, media};
use serde_json::{Value, json};

use super::Victim;
use crate::oci::architecture;
use crate::oci::bundles::{Member, archive, members};
use crate::registry::layout::Layout;
use crate::source::server::{Answer, Server};
use crate::support::rootfs::Rootfs;

/// A door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// A root file system: what the archive has comes on top of BusyBox, in one archive.
    Tarball,
    /// An OCI layout, of which the archive is a layer on top of BusyBox. So it is in all others.
    Layout,
    /// An archive of such a layout.
    OciArchive,
    /// What `docker save` writes.
    DockerArchive,
    /// The same with compressed layers, and compressed once more.
    Nested,
    /// A registry.
    Registry,
}

pub(super) const ALL: [Door; 6] =
    [Door::Tarball, Door::Layout, Door::OciArchive, Door::DockerArchive, Door::Nested, Door::Registry];

/// An image that waits behind a door.
pub(super) struct Image {
    /// What a user calls it.
    pub(super) name: String,
    _layout: Option<Layout>,
    _server: Option<Server>,
}

/// A layer: as it lies there, and the digest of what it decompresses to.
pub(super) struct Blob {
    pub(super) bytes: Vec<u8>,
    pub(super) diff_id: Digest,
}

impl Blob {
    pub(super) fn plain(bytes: Vec<u8>) -> Self {
        Self { diff_id: Digest::of(&bytes), bytes }
    }

    fn gzip(self) -> Self {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&self.bytes).unwrap();
        Self { bytes: gzip.finish().unwrap(), ..self }
    }
}

impl Door {
    pub(super) fn is_layered(self) -> bool {
        self != Self::Tarball
    }

    /// Puts an uncompressed archive behind the door.
    pub(super) fn put(self, victim: &Victim, mut tar: Vec<u8>) -> Image {
        let mut base = Rootfs::busybox().tar();
        if self.is_layered() {
            return self.put_layers(victim, [base, tar].map(Blob::plain).into());
        }
        // Without the blocks at its end.
        base.truncate(base.len() - 1024);
        base.append(&mut tar);
        self.put_layers(victim, vec![Blob::plain(base)])
    }

    /// Puts an image of these layers behind the door; the topmost alone, if the door is none for layers.
    pub(super) fn put_layers(self, victim: &Victim, layers: Vec<Blob>) -> Image {
        let write = |scheme: &str, bytes: &[u8]| {
            let file = victim.env.path("image.tar");
            fs::write(&file, bytes).unwrap();
            Image { name: format!("{scheme}{}", file.display()), _layout: None, _server: None }
        };
        match self {
            Self::Tarball => write("", &layers.last().unwrap().bytes),
            Self::Layout => in_layout(layout(&layers)),
            Self::OciArchive => write("oci-archive:", &archive(&members(&layout(&layers)))),
            Self::DockerArchive => write("docker-archive:", &docker_archive(&layers)),
            Self::Nested => {
                let layers: Vec<Blob> = layers.into_iter().map(Blob::gzip).collect();
                write("", &zstd::encode_all(&*docker_archive(&layers), 1).unwrap())
            }
            Self::Registry => at_registry(layout(&layers)),
        }
    }
}

/// An image in a layout that is there already.
pub(super) fn in_layout(layout: Layout) -> Image {
    Image { name: layout.source("image"), _layout: Some(layout), _server: None }
}

/// The same in an archive.
pub(super) fn in_archive(victim: &Victim, layout: &Layout) -> Image {
    let file = victim.env.path("image.tar");
    fs::write(&file, archive(&members(layout))).unwrap();
    Image { name: format!("oci-archive:{}:image", file.display()), _layout: None, _server: None }
}

/// The last image of a layout's index, served by a registry that believes whatever it is given.
pub(super) fn at_registry(layout: Layout) -> Image {
    let dir = layout.path().to_owned();
    let server = Server::start(move |asked| serve(&dir, &asked.path));
    let name = format!("{}/x:1", server.url("").strip_prefix("http://").unwrap());
    Image { name, _layout: Some(layout), _server: Some(server) }
}

fn serve(dir: &Path, path: &str) -> Answer {
    let blob = |digest: &str| fs::read(dir.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))).ok();
    let found = match path.strip_prefix("/v2/x/").and_then(|path| path.split_once('/')) {
        Some(("manifests", "1")) => {
            let index: Value = serde_json::from_slice(&fs::read(dir.join("index.json")).unwrap()).unwrap();
            index["manifests"].as_array().and_then(|all| blob(all.last()?["digest"].as_str()?))
        }
        Some((_, digest)) => blob(digest),
        None => Some(b"{}".to_vec()),
    };
    match found {
        Some(content) if path.contains("/manifests/") => Answer::Reply(200, vec![content_type(&content)], content),
        Some(content) => Answer::File(content),
        None => Answer::Status(404, vec![]),
    }
}

fn content_type(content: &[u8]) -> String {
    let value: Value = serde_json::from_slice(content).unwrap_or_default();
    format!("Content-Type: {}", value["mediaType"].as_str().unwrap_or(media::MANIFEST))
}

pub(super) fn config(layers: &[Blob]) -> Value {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id).collect();
    json!({"architecture": architecture(), "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
}

/// A layout with one image, named `image`.
pub(super) fn layout(layers: &[Blob]) -> Layout {
    let mut layout = Layout::new();
    let descriptors: Vec<Descriptor> = layers.iter().map(|layer| layout.blob(media::LAYER, &layer.bytes)).collect();
    let config = layout.blob(media::CONFIG, config(layers).to_string().as_bytes());
    let manifest = json!({"schemaVersion": 2, "mediaType": media::MANIFEST, "config": config, "layers": descriptors});
    let manifest = layout.blob(media::MANIFEST, manifest.to_string().as_bytes());
    layout.name(&manifest, "image");
    layout
}

fn docker_archive(layers: &[Blob]) -> Vec<u8> {
    let name = |at: usize| format!("{at:064}/layer.tar");
    let names: Vec<String> = (0..layers.len()).map(name).collect();
    let manifest = json!([{"Config": "config.json", "RepoTags": ["x:1"], "Layers": names}]);
    let mut files = vec![
        ("manifest.json".to_owned(), Member::File(manifest.to_string().into_bytes())),
        ("config.json".to_owned(), Member::File(config(layers).to_string().into_bytes())),
    ];
    files.extend(names.into_iter().zip(layers).map(|(name, layer)| (name, Member::File(layer.bytes.clone()))));
    archive(&files)
}
