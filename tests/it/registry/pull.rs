//! From a registry into the cache.

use std::fs;
use std::io::read_to_string;
use std::time::Duration;

use envbox::image::Digest;
use envbox::image::oci::{Platform, media};
use envbox::source::oci::{Fault, Settings};
use envbox::source::{Silent, Trust};
use serde_json::json;

use super::layout::{Layout, layer};
use super::server::Registry;
use super::{cache, download, fault, keys, platform, pull, registries, with};
use crate::source::Told;
use crate::support::requires;

#[test]
fn an_image_that_skopeo_put_there() {
    requires!(docker_registry, skopeo, fixtures);
    let mut registry = Registry::open();
    registry.fill(&Layout::busybox().source("busybox"), "busybox:musl");
    registry.asked();
    let (_dir, blobs) = cache();
    let reference = registry.reference("busybox:musl");
    let (image, layers) = pull(&registries(), &reference, &blobs).unwrap();
    assert_eq!(image.trust, Trust::None);
    assert_eq!(image.reference.digest(), Some(image.published.digest()));
    let wanted: Vec<Digest> = image.manifest.layers.iter().map(|layer| layer.digest).collect();
    assert_eq!(layers.iter().map(|layer| Digest::of(layer)).collect::<Vec<_>>(), wanted);
    let file = blobs.open(&image.manifest.config.digest).unwrap().unwrap();
    assert_eq!(read_to_string(file).unwrap(), image.published.config);
    assert_eq!(
        registry.asked(),
        [
            "GET /v2/ 200".to_owned(),
            "GET /v2/busybox/manifests/musl 200".to_owned(),
            format!("GET /v2/busybox/blobs/{} 200", image.manifest.config.digest),
            format!("GET /v2/busybox/blobs/{} 200", wanted[0]),
        ]
    );

    // Once more: the tag is asked for, and nothing else. By its digest: nothing at all.
    pull(&registries(), &reference, &blobs).unwrap();
    assert_eq!(registry.asked(), ["GET /v2/ 200", "GET /v2/busybox/manifests/musl 200"]);
    let (pinned, _) = pull(&registries(), &image.reference, &blobs).unwrap();
    assert_eq!(pinned.trust, Trust::PinnedDigest);
    assert!(registry.asked().is_empty());
}

#[test]
fn the_entry_of_an_index_that_runs_here() {
    requires!(docker_registry, skopeo);
    let mut layout = Layout::new();
    let entries: Vec<_> = [("arm64", "a"), ("amd64", "b"), ("s390x", "c")]
        .map(|(architecture, name)| {
            let mut entry = serde_json::to_value(layout.image(architecture, &[layer(name, 1000)])).unwrap();
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            entry
        })
        .into();
    let index = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries}).to_string();
    let index = layout.blob(media::INDEX, index.as_bytes());
    layout.name(&index, "many");
    let mut registry = Registry::open();
    registry.fill(&layout.source("many"), "some/where/many:1");
    registry.asked();
    let (_dir, blobs) = cache();
    let (image, layers) = pull(&registries(), &registry.reference("some/where/many:1"), &blobs).unwrap();
    assert_eq!(Digest::of(&layers[0]), Digest::of(&layer("b", 1000)));
    assert_eq!(image.reference.digest(), Some(index.digest));
    assert_eq!(registry.asked().len(), 5, "ping, index, manifest, config, layer");

    let repository = registries().open(&registry.reference("some/where/many:1")).unwrap();
    assert_eq!(repository.digest().unwrap(), index.digest);
    assert_eq!(repository.tags().unwrap(), ["1"]);
    let riscv = Platform::linux("riscv64");
    let fault = fault(repository.resolve(&riscv, &blobs, &Silent));
    assert_eq!(fault.to_string(), "it is not there for linux/riscv64, but for linux/arm64, linux/amd64, linux/s390x");
}

#[test]
fn many_layers_and_one_of_them_twice() {
    requires!(docker_registry, skopeo);
    let mut layout = Layout::new();
    let mut contents: Vec<Vec<u8>> = (0..20).map(|n| layer(&format!("file-{n}"), 50_000)).collect();
    contents[7] = contents[3].clone();
    let image = layout.image("amd64", &contents);
    layout.name(&image, "x");
    let mut registry = Registry::open();
    registry.fill(&layout.source("x"), "x");
    let (_dir, blobs) = cache();
    let repository = registries().open(&registry.reference("x")).unwrap();
    let image = repository.resolve(&platform(), &blobs, &Silent).unwrap();
    registry.asked();
    let told = Told::default();
    let layers = download(&repository, &image, &blobs, &told).unwrap();
    assert!(layers.iter().zip(&image.manifest.layers).all(|(layer, entry)| Digest::of(layer) == entry.digest));
    assert_eq!(registry.asked().len(), 19, "each once");
    let size: u64 = image.manifest.layers.iter().map(|layer| layer.size).sum();
    assert_eq!(*told.bytes.borrow(), size - image.manifest.layers[3].size);
}

#[test]
fn what_is_not_there() {
    requires!(docker_registry);
    let registry = Registry::open();
    let (_dir, blobs) = cache();
    let error = pull(&registries(), &registry.reference("no/such"), &blobs).unwrap_err();
    assert!(error.hint().unwrap().contains("spelling"), "{error:?}");
    assert!(matches!(fault(Err::<(), _>(error)), Fault::Missing { .. }));
    let reference = registry.reference("x");
    drop(registry);
    assert!(pull(&registries(), &reference, &blobs).unwrap_err().is_offline());
}

#[test]
fn a_pull_through_mirror_and_what_is_done_without_it() {
    requires!(docker_registry, skopeo);
    let mut layout = Layout::new();
    let image = layout.image("amd64", &[layer("a", 5000), layer("b", 5000)]);
    layout.name(&image, "x");
    let mut upstream = Registry::open();
    upstream.fill(&layout.source("x"), "x:1");
    let url = format!("proxy:\n  remoteurl: http://{}\n", upstream.address);
    let mut mirror = Registry::start(move |_| url, None);
    let dir = tempfile::tempdir().unwrap();
    let conf = dir.path().join("registries.conf");
    let text = format!(
        "[[registry]]\nlocation = '{}'\n[[registry.mirror]]\nlocation = '{}'\n",
        upstream.address, mirror.address
    );
    fs::write(&conf, text).unwrap();
    let registries = with(Settings { registries: vec![conf], ..Settings::default() });

    let (_dir, blobs) = cache();
    pull(&registries, &upstream.reference("x:1"), &blobs).unwrap();
    assert!(mirror.asked().iter().any(|line| line.contains("/v2/x/manifests/1 200")));
    // A mirror keeps what it has passed on a moment after it has passed it on.
    let quiet = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        upstream.asked();
        pull(&registries, &upstream.reference("x:1"), &cache().1).unwrap();
        upstream.asked().iter().all(|line| !line.contains("/blobs/"))
    });
    assert!(quiet, "the mirror has them");

    drop(mirror);
    let (_dir, blobs) = cache();
    let told = Told::default();
    let repository = registries.open(&upstream.reference("x:1")).unwrap();
    let image = repository.resolve(&platform(), &blobs, &told).unwrap();
    download(&repository, &image, &blobs, &told).unwrap();
    assert!(told.notes.borrow()[0].contains("is passed over"), "{told:?}");
}

#[test]
fn a_certificate_of_the_registrys_own() {
    requires!(docker_registry, skopeo, openssl);
    let mut layout = Layout::new();
    let image = layout.image("amd64", &[layer("a", 5000)]);
    layout.name(&image, "x");
    let tls = |dir: &std::path::Path| {
        let (key, cert) = keys::certificate(dir);
        format!("  tls:\n    key: {}\n    certificate: {}\n", key.display(), cert.display())
    };
    let registry = Registry::start(tls, None);
    registry.fill(&layout.source("x"), "x");
    let reference = registry.reference("x");
    let (_dir, blobs) = cache();
    let error = pull(&registries(), &reference, &blobs).unwrap_err();
    assert!(error.hint().unwrap().contains("ca-certificates"), "{error:?}");

    let dir = tempfile::tempdir().unwrap();
    let host = dir.path().join(&registry.address);
    fs::create_dir(&host).unwrap();
    fs::copy(registry.dir.path().join("cert.pem"), host.join("ca.crt")).unwrap();
    let settings = Settings { certificates: vec![dir.path().to_owned()], ..Settings::default() };
    let (image, _) = pull(&with(settings), &reference, &blobs).unwrap();
    assert_eq!(image.trust, Trust::ChecksumOverTls);

    let conf = dir.path().join("registries.conf");
    fs::write(&conf, format!("[[registry]]\nlocation = '{}'\ninsecure = true\n", registry.address)).unwrap();
    let (_dir, blobs) = cache();
    let settings = Settings { registries: vec![conf], ..Settings::default() };
    let (image, _) = pull(&with(settings), &reference, &blobs).unwrap();
    assert_eq!(image.trust, Trust::None);
}
