//! Manifests, indexes and configs that no honest program writes, from an archive and from a registry.

use std::fs;

use envbox::image::oci::{Descriptor, media};
use serde_json::{Value, json};

use super::doors::{Blob, at_registry, in_archive, in_layout, layout};
use super::{Victim, assert_inert};
use crate::registry::layout::Layout;
use crate::support::requires;
use crate::support::rootfs::Rootfs;

/// What is done to the manifest of a good image.
type Change = fn(&mut Value);

const CHANGES: [(&str, Change); 16] = [
    ("manifest and index at once", |own| own["manifests"] = json!([])),
    ("the other type", |own| own["mediaType"] = json!(media::INDEX)),
    ("type of a schema that is gone", |own| own["schemaVersion"] = json!(1)),
    ("schema as a text", |own| own["schemaVersion"] = json!("2")),
    ("signatures of schema 1", |own| {
        own["fsLayers"] = json!([]);
        own["schemaVersion"] = json!(1);
    }),
    ("no layers", |own| own["layers"] = json!([])),
    ("layers that are no list", |own| own["layers"] = json!({})),
    ("negative size", |own| own["layers"][0]["size"] = json!(-1)),
    ("negative size of the config", |own| own["config"]["size"] = json!(-1)),
    ("size of 2^64 - 1", |own| own["layers"][0]["size"] = json!(u64::MAX)),
    ("size with a fraction", |own| own["layers"][0]["size"] = json!(1.5)),
    ("digest with path characters", |own| own["layers"][0]["digest"] = json!("sha256:../../../../etc/passwd")),
    ("config's digest with path characters", |own| own["config"]["digest"] = json!("sha256:../index.json")),
    ("digest of another kind", |own| own["layers"][0]["digest"] = json!("../evil:00")),
    ("digest in capitals", |own| {
        let digest = own["layers"][0]["digest"].as_str().unwrap().to_ascii_uppercase();
        own["layers"][0]["digest"] = json!(digest.replace("SHA256", "sha256"));
    }),
    ("a thousand layers", |own| {
        let layer = own["layers"][0].clone();
        own["layers"] = Value::Array(vec![layer; 1000]);
    }),
];

fn good() -> Layout {
    layout(&[Blob::plain(Rootfs::busybox().tar())])
}

/// Names another document as the image.
fn name(layout: &mut Layout, media_type: &str, text: &Value) -> Descriptor {
    let descriptor = layout.blob(media_type, text.to_string().as_bytes());
    layout.name(&descriptor, "image");
    descriptor
}

fn manifest(layout: &Layout) -> (Descriptor, Value) {
    let index: Value = serde_json::from_slice(&fs::read(layout.path().join("index.json")).unwrap()).unwrap();
    let descriptor: Descriptor = serde_json::from_value(index["manifests"][0].clone()).unwrap();
    let text = fs::read(layout.path().join("blobs/sha256").join(descriptor.digest.hex())).unwrap();
    (descriptor, serde_json::from_slice(&text).unwrap())
}

/// Starts the index over, so that there is one image of the name.
fn fresh(layout: &Layout) -> Layout {
    let again = Layout::new();
    for entry in fs::read_dir(layout.path().join("blobs/sha256")).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), again.path().join("blobs/sha256").join(entry.file_name())).unwrap();
    }
    again
}

#[track_caller]
fn refused(victim: &Victim, layout: Layout, what: &str) {
    for image in [in_archive(victim, &layout), at_registry(fresh_with_index(&layout)), in_layout(layout)] {
        let outcome = victim.env.envbox(["create", "b", "--image", &image.name]).exits(125);
        let attack = format!("{what} from {}: {outcome:#?}", image.name);
        assert!(outcome.stderr.starts_with("error: ") || outcome.stderr.contains("\nerror: "), "{attack}");
        assert_inert(&outcome.stderr);
        victim.has_nothing(&attack);
        victim.check(&attack);
    }
}

fn fresh_with_index(layout: &Layout) -> Layout {
    let again = fresh(layout);
    fs::copy(layout.path().join("index.json"), again.path().join("index.json")).unwrap();
    again
}

#[test]
fn manifests_that_mean_two_things_or_nothing() {
    requires!(userns, subid, fixtures);
    let victim = Victim::new();
    for (what, change) in CHANGES {
        let good = good();
        let (_, mut own) = manifest(&good);
        change(&mut own);
        let mut bad = fresh(&good);
        name(&mut bad, media::MANIFEST, &own);
        refused(&victim, bad, what);
    }
}

#[test]
fn indexes_that_lead_nowhere() {
    requires!(userns, subid, fixtures);
    let victim = Victim::new();
    let index = |entries: Value| json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries});
    // Nothing can hold its own digest, but many can lead to one another.
    let mut deep = fresh(&good());
    let (mut descriptor, _) = manifest(&good());
    for _ in 0..10 {
        descriptor = deep.blob(media::INDEX, index(json!([descriptor])).to_string().as_bytes());
    }
    deep.name(&descriptor, "image");
    refused(&victim, deep, "an index of indexes of indexes");
    let (image, _) = manifest(&good());
    let claims: [(&str, Value); 4] = [
        (
            "a digest with path characters",
            json!([{"mediaType": media::MANIFEST, "digest": "sha256:../../evil", "size": 1}]),
        ),
        ("a negative size", json!([{"mediaType": media::MANIFEST, "digest": image.digest, "size": -1}])),
        ("a size of terabytes", json!([{"mediaType": media::MANIFEST, "digest": image.digest, "size": 1u64 << 40}])),
        ("nothing", json!([])),
    ];
    for (what, entries) in claims {
        let mut bad = fresh(&good());
        name(&mut bad, media::INDEX, &index(entries));
        refused(&victim, bad, what);
    }
}
