//! From a registry into the cache.

use std::fs::File;
use std::io::{Read as _, read_to_string};

use envbox::image::Digest;
use envbox::image::oci::Platform;
use envbox::source::http::Client;
use envbox::source::oci::{Event, Registries, Repository, Resolved, Settings};
use envbox::source::{Error, Silent, Trust};
use envbox::store::blobs::Blobs;

use super::layout::Layout;
use super::server::Registry;
use crate::support::requires;

fn cache() -> (tempfile::TempDir, Blobs) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::new(dir.path());
    (dir, blobs)
}

fn platform() -> Platform {
    Platform::linux("x86_64")
}

/// Downloads all layers, reading each while it grows: what was read, and whether all of them were told to be done.
fn download(repository: &Repository, image: &Resolved, blobs: &Blobs) -> Result<Vec<Vec<u8>>, Error> {
    let mut files: Vec<Option<File>> = Vec::new();
    files.resize_with(image.manifest.layers.len(), || None);
    let mut contents: Vec<Vec<u8>> = vec![Vec::new(); files.len()];
    let mut done = 0;
    repository.download(image, &image.manifest.layers, blobs, &Silent, &mut |event| {
        match event {
            Event::Began { index, file } => {
                files[index] = Some(file);
                contents[index].clear();
            }
            Event::Grew { index, size } => {
                let (file, content) = (files[index].as_mut().unwrap(), &mut contents[index]);
                let more = size - u64::try_from(content.len()).unwrap();
                assert_eq!(file.take(more).read_to_end(content).unwrap(), usize::try_from(more).unwrap());
            }
            Event::Done { .. } => done += 1,
        }
        Ok(())
    })?;
    assert_eq!(done, contents.len());
    Ok(contents)
}

#[test]
fn an_image_that_skopeo_put_there() {
    requires!(docker_registry, skopeo, fixtures);
    let registry = Registry::open();
    registry.fill(&Layout::busybox().source("busybox"), "busybox:musl");
    registry.asked();
    let (_dir, blobs) = cache();
    let repository =
        Registries::new(Client::default(), Settings::default()).open(&registry.reference("busybox:musl")).unwrap();
    let image = repository.resolve(&platform(), &blobs, &Silent).unwrap();
    assert_eq!(image.trust, Trust::None);
    let layers = download(&repository, &image, &blobs).unwrap();
    let wanted: Vec<Digest> = image.manifest.layers.iter().map(|layer| layer.digest).collect();
    assert_eq!(layers.iter().map(|layer| Digest::of(layer)).collect::<Vec<_>>(), wanted);
    println!("{:#?}", registry.asked());
    let file = blobs.open(&image.manifest.config.digest).unwrap().unwrap();
    assert_eq!(read_to_string(file).unwrap(), image.published.config);

    // Once more: the tag is asked for, and nothing else.
    let image = repository.resolve(&platform(), &blobs, &Silent).unwrap();
    download(&repository, &image, &blobs).unwrap();
    assert_eq!(registry.asked(), ["GET /v2/busybox/manifests/musl 200"]);
}
