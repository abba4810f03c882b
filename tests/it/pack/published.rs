//! Images that were published in the OCI format are handed on as they came.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use envbox::image::oci::{Config, Descriptor, Document, Manifest, media};
use envbox::image::{Digest, Image, LayerRecord, Published};
use serde_json::Value;

use super::save::{provenance, put};
use crate::support::boxes::BOX;
use crate::support::{TestEnvironment, fixtures, requires};

/// BusyBox's image as it was published, in a store that has pulled it.
struct Pulled {
    env: TestEnvironment,
    image: String,
    published: Published,
    blob: Digest,
    diff_id: Digest,
}

/// Makes the store that a pull would have made of the fixture.
fn pulled(change: impl FnOnce(&mut Published)) -> Pulled {
    let dir = fixtures().join("busybox-musl-oci");
    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let mut published = Published {
        manifest: text("image-manifest.json"),
        media_type: media::MANIFEST.to_owned(),
        config: text("image-config.json"),
    };
    let (blob, diff_id) =
        (manifest(&published.manifest).layers[0].digest, config(&published.config).rootfs.diff_ids[0]);
    change(&mut published);
    let env = TestEnvironment::new();
    let bytes = fs::read(dir.join("rootfs.tar.gz")).unwrap();
    env.envbox(["create", BOX, "--image"]).arg(env.image(bytes.clone())).succeeds();
    let name = LayerRecord::oci_name(&diff_id);
    let layers = env.path("data/envbox/layers/sha256");
    fs::rename(layers.join(Digest::of(&bytes).hex()), layers.join(name.hex())).unwrap();
    let cache = env.path("cache/envbox/blobs/sha256");
    fs::create_dir_all(&cache).unwrap();
    fs::write(cache.join(blob.hex()), bytes).unwrap();
    let image = Image { published: Some(published.clone()), ..Image::new(vec![name], provenance()) };
    let image = put(&env, &image);
    Pulled { env, image, published, blob, diff_id }
}

fn manifest(text: &str) -> Manifest {
    match Document::parse(text.as_bytes(), None).unwrap() {
        Document::Manifest(manifest) => manifest,
        Document::Index(_) => panic!("an index"),
    }
}

fn config(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap()
}

impl Pulled {
    /// Saves a layout, and reads its manifest and config as text.
    fn saved(&self, words: &[&str]) -> (String, String) {
        let dir = self.env.path("home/layout");
        self.env.tool(&["rm", "-rf", &dir.to_string_lossy()]);
        self.env.envbox([&["image", "save", &self.image, "-o", "layout"], words].concat()).succeeds();
        let index: Value = serde_json::from_slice(&fs::read(dir.join("index.json")).unwrap()).unwrap();
        let entry: Descriptor = serde_json::from_value(index["manifests"][0].clone()).unwrap();
        let text = read(&dir, &entry.digest);
        let config = read(&dir, &manifest(&text).config.digest);
        (text, config)
    }
}

/// A blob of a layout, which is what its name says.
fn read(layout: &Path, digest: &Digest) -> String {
    let bytes = fs::read(layout.join("blobs/sha256").join(digest.hex())).unwrap();
    assert_eq!(Digest::of(&bytes), *digest);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_was_pulled_is_handed_on_byte_for_byte() {
    requires!(userns, subid, fixtures);
    let pulled = pulled(|_| {});
    assert_eq!(pulled.saved(&[]), (pulled.published.manifest.clone(), pulled.published.config.clone()));
    assert_eq!(pulled.saved(&["--compression", "gzip"]).0, pulled.published.manifest);
    let blob = pulled.env.path("home/layout/blobs/sha256").join(pulled.blob.hex());
    assert!(fs::read(blob).unwrap() == fs::read(fixtures().join("busybox-musl-oci/rootfs.tar.gz")).unwrap());
}

#[test]
fn another_compression_leaves_the_image_what_it_is() {
    requires!(userns, subid, fixtures);
    let pulled = pulled(|_| {});
    for (how, media_type) in [("zstd", media::LAYER_ZSTD), ("none", media::LAYER)] {
        let (text, config) = pulled.saved(&["--compression", how]);
        assert_eq!(config, pulled.published.config);
        let layer = &manifest(&text).layers[0];
        assert_eq!(layer.media_type, media_type);
        let bytes = fs::read(pulled.env.path("home/layout/blobs/sha256").join(layer.digest.hex())).unwrap();
        let content = if how == "zstd" { zstd::decode_all(&*bytes).unwrap() } else { bytes };
        assert_eq!(Digest::of(&content), pulled.diff_id);
    }
}

#[test]
fn dockers_archive_has_the_same_config_and_the_bare_layers() {
    requires!(userns, subid, fixtures);
    let pulled = pulled(|_| {});
    pulled.env.envbox(["image", "save", &pulled.image, "-o", "x.docker.tar"]).succeeds();
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(File::open(pulled.env.path("home/x.docker.tar")).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        found.insert(entry.path().unwrap().display().to_string(), bytes);
    }
    let config = Digest::of(pulled.published.config.as_bytes());
    assert_eq!(found[&format!("{}.json", config.hex())], pulled.published.config.as_bytes());
    assert_eq!(Digest::of(&found[&format!("{}.tar", pulled.diff_id.hex())]), pulled.diff_id);
    assert_eq!(found.len(), 3);
}

#[test]
fn what_the_cache_has_lost_is_packed_from_the_tree() {
    requires!(userns, subid, fixtures, skopeo);
    let pulled = pulled(|_| {});
    fs::write(pulled.env.path("cache/envbox/blobs/sha256").join(pulled.blob.hex()), "damaged").unwrap();
    let (text, now) = pulled.saved(&[]);
    let (was, is) = (config(&pulled.published.config), config(&now));
    assert_ne!(was.rootfs, is.rootfs);
    assert_eq!((was.config, was.history, was.platform), (is.config, is.history, is.platform));
    assert_ne!(manifest(&text).layers[0].digest, pulled.blob);
    pulled.env.tool(&["skopeo", "copy", "--quiet", "oci:layout", "oci:copy:x"]);
}

#[test]
fn dockers_documents_become_the_layouts() {
    requires!(userns, subid, fixtures, skopeo);
    let pulled = pulled(|published| {
        let docker = published.manifest.replace(media::MANIFEST, media::DOCKER_MANIFEST);
        let docker = docker.replace(media::CONFIG, media::DOCKER_CONFIG);
        published.manifest = docker.replace(media::LAYER_GZIP, media::DOCKER_LAYER_GZIP);
        published.media_type = media::DOCKER_MANIFEST.to_owned();
    });
    assert!(pulled.published.manifest.contains("docker"));
    let (text, config) = pulled.saved(&[]);
    assert_eq!(config, pulled.published.config);
    assert!(!text.contains("docker"), "{text}");
    assert_eq!(manifest(&text).layers[0].digest, pulled.blob);
    pulled.env.tool(&["skopeo", "copy", "--quiet", "oci:layout", "oci:copy:x"]);
}
