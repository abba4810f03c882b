//! Archives of images: what is read from one is in it, and has the digests and sizes that are said.

#![no_main]

mod sandbox;

use std::path::Path;

use envbox::image::oci::{Descriptor, Platform};
use envbox::image::{Digest, Hasher};
use envbox::source::layout::{self, DockerArchive, Documents, Layout, Which};
use envbox::store::blobs::Blobs;
use envbox::unpack::bundle::{self, Bundle, Entry};
use envbox::unpack::{self, Limits};
use libfuzzer_sys::fuzz_target;
use sandbox::{Place, Sandbox};

fuzz_target!(init: Sandbox::enter(), |input: &[u8]| {
    let cache = Place::new("cache");
    let _ = bundle::is_bundle(input);
    if let Some(found) = read(input, &Blobs::new(&Path::new("/").join(&cache.0))) {
        let place = layout::Place::Bundle(Box::new(found));
        images(&place);
    }
    drop(cache);
    Sandbox::get().check();
});

/// Reads a bundle into the cache, if it is one.
fn read(input: &[u8], blobs: &Blobs) -> Option<layout::Bundle> {
    let limits = Limits { entries: 1000, bytes: 4 << 20, ratio_floor: 8 << 20, ..bundle::limits() };
    let mut reader = Bundle::open(input, &limits).ok()?;
    let mut found = layout::Bundle::new("the archive".to_owned(), blobs.clone());
    while let Some(Entry { name, link }) = reader.entry().ok()? {
        assert!(!name.starts_with('/') && name.split('/').all(|part| part != ".." && part != "."), "{name:?}");
        match link {
            Some(target) => found.link(name, target).ok()?,
            None => {
                let (digest, size) = content(&mut reader, blobs).ok()?;
                found.add(name, digest, size).ok()?;
            }
        }
    }
    Some(found)
}

fn content(reader: &mut Bundle<'_, &[u8]>, blobs: &Blobs) -> Result<(Digest, u64), unpack::Error> {
    let (mut staged, mut hasher) = (blobs.stage().unwrap(), Hasher::new());
    loop {
        let bytes = reader.content()?;
        if bytes.is_empty() {
            break;
        }
        staged.write(bytes).unwrap();
        hasher.update(bytes);
        let count = bytes.len();
        reader.consume(count);
    }
    let size = staged.size();
    let (digest, _) = staged.commit(None).unwrap();
    assert_eq!(digest, hasher.finish());
    Ok((digest, size))
}

/// Looks at each image in it, in both ways.
fn images(place: &layout::Place) {
    let platform = Platform::linux("x86_64");
    let named = |names: Vec<String>| names.into_iter().map(Which::Named).chain([Which::Only]);
    if let Ok(layout) = Layout::open(place) {
        named(layout.names()).filter_map(|which| layout.image(&which, &platform).ok()).for_each(|it| check(place, &it));
    }
    let layout::Place::Bundle(bundle) = place else { return };
    if let Ok(docker) = DockerArchive::open(bundle) {
        named(docker.names()).filter_map(|which| docker.image(&which, &platform).ok()).for_each(|it| check(place, &it));
    }
}

fn check(place: &layout::Place, image: &Documents) {
    assert_eq!(image.manifest.layers.len(), image.config.rootfs.diff_ids.len());
    assert_eq!(Digest::of(image.published.config.as_bytes()), image.manifest.config.digest);
    image.manifest.layers.iter().for_each(|layer| check_layer(place, layer));
}

fn check_layer(place: &layout::Place, layer: &Descriptor) {
    if let Ok(mut file) = place.blob(layer) {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
        assert_eq!((Digest::of(&bytes), u64::try_from(bytes.len()).unwrap()), (layer.digest, layer.size));
    }
}
