//! References, manifests, indexes and configs: nothing panics, and what is accepted keeps the promises of its type.

#![no_main]

use envbox::image::oci::{Config, Document};
use envbox::image::{Digest, Reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match Document::parse(input, None) {
        Ok(Document::Manifest(manifest)) => {
            // What is written again is read as the same.
            let text = serde_json::to_vec(&manifest).unwrap();
            assert_eq!(Document::parse(&text, None), Ok(Document::Manifest(manifest)));
        }
        Ok(Document::Index(index)) => {
            let text = serde_json::to_vec(&index).unwrap();
            assert_eq!(Document::parse(&text, None), Ok(Document::Index(index)));
        }
        Err(_) => {}
    }
    if let Ok(config) = Config::parse(input) {
        let text = serde_json::to_vec(&config).unwrap();
        assert_eq!(Config::parse(&text).unwrap(), config);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(reference) = text.parse::<Reference>() {
        let shown = reference.to_string();
        assert_eq!(shown.parse::<Reference>().as_ref(), Ok(&reference), "{shown}");
        // Parts of it become parts of paths and of URLs.
        assert!(
            !reference.repository().contains("..") && shown.is_ascii() && !shown.contains(['\\', '?', '#', '%', ' '])
        );
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.hex().len(), 64);
    }
});
