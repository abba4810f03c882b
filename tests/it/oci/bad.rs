//! Images that are not what they say, and archives that want to be more than an archive. Nothing of them is in the store
//! afterwards.

use std::fs;

use envbox::image::Digest;
use envbox::image::oci::{Descriptor, media};
use serde_json::{Value, json};

use super::bundles::{Member, archive, config, docker_archive, members};
use super::{Layer, architecture, image, layers, layout, output};
use crate::registry::layout::Layout;
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, requires};

/// Expects that no box can be made of an image, and why.
#[track_caller]
fn refused(env: &TestEnvironment, image: &str, why: &str) {
    let outcome = env.envbox(["create", "bad", "--image", image]).exits(125);
    assert!(outcome.stderr.contains(why), "{image}: {}", outcome.stderr);
    assert_eq!(env.envbox(["list", "--json"]).succeeds().stdout.trim(), "[]");
    assert_eq!(layers(env), 0, "{image}");
}

fn parse(path: &std::path::Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The layout's image with its manifest, and then its config, changed; what was changed has the right digest again.
fn changed(layout: &mut Layout, manifest: impl FnOnce(&mut Value), config: impl FnOnce(&mut Value)) -> String {
    let blob = |of: &Value| {
        let digest: Digest = of["digest"].as_str().unwrap().parse().unwrap();
        parse(&layout.path().join("blobs/sha256").join(digest.hex()))
    };
    let mut own = blob(&parse(&layout.path().join("index.json"))["manifests"][0]);
    let mut own_config = blob(&own["config"]);
    config(&mut own_config);
    own["config"] = serde_json::to_value(layout.blob(media::CONFIG, own_config.to_string().as_bytes())).unwrap();
    manifest(&mut own);
    let changed = layout.blob(media::MANIFEST, own.to_string().as_bytes());
    layout.name(&changed, "changed");
    layout.source("changed")
}

/// What is done to a document, given a digest of nothing that is there.
type Change = fn(&mut Value, &Value);

#[test]
fn documents_that_are_not_to_be_believed() {
    requires!(userns, subid, fixtures);
    let env = TestEnvironment::new();
    let other = json!(Digest::of(b"something else"));
    let manifests: [(Change, &str); 8] = [
        (|own, other| own["layers"][0]["digest"] = other.clone(), "is missing"),
        (|own, _| own["layers"][0]["size"] = json!(7), "has"),
        (|own, _| own["layers"][0]["size"] = json!(-1), "cannot be used"),
        (|own, _| own["layers"][0]["digest"] = json!("sha256:../../../../etc/passwd"), "cannot be used"),
        (|own, _| own["manifests"] = json!([]), "a manifest and an index at once"),
        (|own, _| own["mediaType"] = json!(media::INDEX), "was announced as"),
        (|own, _| drop(own["layers"].as_array_mut().unwrap().pop()), "and its config 2"),
        (
            |own, _| own["config"]["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json"),
            "not an image of files",
        ),
    ];
    for (change, why) in manifests {
        let mut layout = layout([Layer::new().file("opt", "x").tar()]);
        let image = changed(&mut layout, |own| change(own, &other), |_| {});
        refused(&env, &image, why);
    }
    let configs: [(Change, &str); 4] = [
        (|own, other| own["rootfs"]["diff_ids"][1] = other.clone(), "its content has been altered"),
        (|own, _| own["architecture"] = json!("pdp11"), "the image is for linux/pdp11"),
        (|own, _| own["rootfs"]["type"] = json!("squashfs"), "`rootfs.type` is not `layers`"),
        (|own, _| own["rootfs"]["diff_ids"] = json!([]), "2 layers, and its config 0"),
    ];
    for (change, why) in configs {
        let mut layout = layout([Layer::new().file("opt", "x").tar()]);
        let image = changed(&mut layout, |_| {}, |own| change(own, &other));
        refused(&env, &image, why);
    }
}

#[test]
fn blobs_that_are_not_what_they_are_called() {
    requires!(userns, subid, fixtures);
    let env = TestEnvironment::new();
    let top = Layer::new().file("opt", "x").tar();
    let of = |digest: Digest, layout: &Layout| layout.path().join("blobs/sha256").join(digest.hex());
    let altered = layout([top.clone()]);
    let mut bytes = top.clone();
    bytes[512] ^= 1;
    fs::write(of(Digest::of(&top), &altered), bytes).unwrap();
    refused(&env, &altered.source("image"), "has been altered");
    // The same content, but not the file that the manifest speaks of.
    let padded = layout([top.clone()]);
    let mut longer = top.clone();
    longer.resize(longer.len() + 512, 0);
    fs::write(of(Digest::of(&top), &padded), longer).unwrap();
    refused(&env, &padded.source("image"), "has");
    let missing = layout([top.clone()]);
    fs::remove_file(of(Digest::of(&top), &missing)).unwrap();
    refused(&env, &missing.source("image"), "is missing");
    let directory = layout([top.clone()]);
    fs::remove_file(of(Digest::of(&top), &directory)).unwrap();
    fs::create_dir(of(Digest::of(&top), &directory)).unwrap();
    refused(&env, &directory.source("image"), "it is no file");
    // In an archive, the file has another digest than its name says.
    let mut wrong = members(&layout([top.clone()]));
    let name = format!("blobs/sha256/{}", Digest::of(&top).hex());
    let at = wrong.iter().position(|(other, _)| *other == name).unwrap();
    wrong[at].1 = Member::File(Layer::new().file("opt", "y").tar());
    let file = env.path("wrong.tar");
    fs::write(&file, archive(&wrong)).unwrap();
    refused(&env, file.to_str().unwrap(), "has been altered");
}

#[test]
fn a_digest_that_is_asked_for_is_held_to() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let layout = layout([]);
    let manifest = parse(&layout.path().join("index.json"))["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let create = |digest: &str| env.envbox(["create", "b", "--digest", digest, "--image", &layout.source("image")]);
    assert!(create(&Digest::of(b"").to_string()).exits(125).stderr.contains("has been altered"));
    assert!(create("sha256:../../etc/passwd").output().stderr.contains("not a digest"));
    create(&manifest).succeeds();
    let by_digest = format!("oci:{}@{manifest}", layout.path().display());
    assert_eq!(output(&env, &by_digest, "echo ok"), "ok\n");
    refused_name(&env, &format!("oci:{}@{}", layout.path().display(), Digest::of(b"")), "there is no image");
}

#[track_caller]
fn refused_name(env: &TestEnvironment, image: &str, why: &str) {
    let outcome = env.envbox(["create", "bad", "--image", image]).exits(125);
    assert!(outcome.stderr.contains(why), "{image}: {}", outcome.stderr);
}

#[test]
fn an_index_leads_to_one_image_or_to_none() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let mut several = layout([]);
    let other = image(&several, [Layer::new().file("opt", "x").tar()]);
    several.name(&other, "other");
    let dir = several.path().display().to_string();
    let outcome = env.envbox(["create", "bad", "--image", &dir]).exits(125);
    assert!(outcome.stderr.contains("several images") && outcome.stderr.contains("image, other"), "{}", outcome.stderr);
    refused_name(&env, &several.source("none"), "no image named `none`");
    refused_name(&env, &format!("oci:{}", env.path("home").display()), "is missing");

    // For each platform one, and something that is no image at all.
    let index = |entries: &[(&Descriptor, &str)]| {
        let entries = entries.iter().map(|(entry, platform)| {
            let (os, architecture) = platform.split_once('/').unwrap();
            let mut entry = serde_json::to_value(entry).unwrap();
            entry["platform"] = json!({"os": os, "architecture": architecture});
            entry
        });
        json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries.collect::<Vec<_>>()}).to_string()
    };
    let mut layout = Layout::new();
    let here = format!("linux/{}", architecture());
    let own = image(&layout, [Layer::new().file("opt", "own").tar()]);
    let foreign = layout.image("pdp11", &[Layer::new().file("opt", "foreign").tar()]);
    let entries = [(&foreign, "linux/pdp11"), (&foreign, "unknown/unknown"), (&own, &*here)];
    let mut inner = layout.blob(media::INDEX, index(&entries).as_bytes());
    layout.name(&inner, "all");
    assert_eq!(output(&env, &layout.source("all"), "cat /opt"), "own");
    let none = layout.blob(media::INDEX, index(&entries[..2]).as_bytes());
    layout.name(&none, "none");
    refused_name(&env, &layout.source("none"), "has nothing for");
    for _ in 0..5 {
        inner = layout.blob(media::INDEX, index(&[(&inner, &here)]).as_bytes());
    }
    layout.name(&inner, "deep");
    refused_name(&env, &layout.source("deep"), "one inside the other");
}

#[test]
fn names_in_a_docker_archive_lead_nowhere_but_into_it() {
    requires!(userns, subid, fixtures);
    let env = TestEnvironment::new();
    let (base, layer) = (Rootfs::busybox().tar(), Layer::new().file("opt", "x").tar());
    let id = |letter: char| format!("{}/layer.tar", letter.to_string().repeat(64));
    let config = config(&[&base, &layer]);
    let secret = env.path("secret.tar");
    fs::write(&secret, &layer).unwrap();
    let secret = secret.display().to_string();
    let try_it = |members: Vec<(String, Member)>, why: &str| {
        let file = env.path("saved.tar");
        fs::write(&file, archive(&members)).unwrap();
        refused(&env, &format!("docker-archive:{}", file.display()), why);
    };
    let manifest = |config: &str, layer: &str| json!([{"Config": config, "RepoTags": [], "Layers": [id('a'), layer]}]);
    for name in [&secret, "../secret.tar", "../../../../../../etc/passwd", "", ".", "blobs", "d"] {
        try_it(docker_archive(&base, &layer, &config, &manifest("config.json", name)), "is missing");
        try_it(docker_archive(&base, &layer, &config, &manifest(name, &id('b'))), "is missing");
    }
    for (member, why) in [
        (Member::Symlink(secret.clone()), "leads out of the archive"),
        (Member::Symlink("../secret.tar".into()), "leads out of the archive"),
        (Member::HardLink("../secret.tar".into()), "has `..` in it"),
        (Member::Symlink("d".into()), "is missing"),
    ] {
        let mut members = docker_archive(&base, &layer, &config, &manifest("config.json", "d"));
        members.push(("d".to_owned(), member));
        try_it(members, why);
    }
    let mut twice = docker_archive(&base, &layer, &config, &manifest("config.json", &id('b')));
    twice.push(("./manifest.json".to_owned(), Member::File(b"[]".to_vec())));
    try_it(twice, "twice");
    let mut outside = docker_archive(&base, &layer, &config, &manifest("config.json", &id('b')));
    outside.push(("../secret.tar".to_owned(), Member::File(b"overwritten".to_vec())));
    try_it(outside, "has `..` in it");
    assert_eq!(fs::read(&secret).unwrap(), layer);
    for text in
        ["{}", "[]", "[{}]", r#"[{"Config": 1, "Layers": []}]"#, "", r#"[{"Config": "config.json", "Layers": []}]"#]
    {
        let mut members = docker_archive(&base, &layer, &config, &json!([]));
        members.retain(|(name, _)| name != "manifest.json");
        members.push(("manifest.json".to_owned(), Member::File(text.into())));
        try_it(members, "error: ");
    }
}

#[test]
fn an_archive_in_an_archive_is_a_file() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let bundle = archive(&members(&layout([Layer::new().file("opt", "inner").tar()])));
    // As a member of a layer, it is a file; as a layer, its members are files.
    let mut content = tar::Header::new_gnu();
    content.set_mode(0o644);
    content.set_size(bundle.len().try_into().unwrap());
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut content, "bundle.tar", &*bundle).unwrap();
    let layout = layout([builder.into_inner().unwrap(), bundle]);
    let seen = output(&env, &layout.source("image"), "ls /bundle.tar /oci-layout /opt 2>&1; ls /blobs/sha256 | wc -l");
    assert_eq!(seen, "ls: /opt: No such file or directory\n/bundle.tar\n/oci-layout\n4\n");
    // A root file system's tarball that is in an archive with an image's names is none.
    let file = env.path("odd.tar");
    fs::write(&file, archive(&[("oci-layout".into(), Member::File(b"{}".to_vec()))])).unwrap();
    refused_name(&env, file.to_str().unwrap(), "oci-layout");
}

#[test]
fn layers_are_as_hostile_as_any_archive() {
    requires!(userns, subid, fixtures);
    let env = TestEnvironment::new();
    let hostile = |name: &str| archive(&[(name.to_owned(), Member::File(b"x".to_vec()))]);
    for name in ["../../outside", "opt/.wh...", "opt/.wh.", ".wh..", "opt/.wh..wh.plnk"] {
        refused(&env, &layout([hostile(name)]).source("image"), "cannot be unpacked");
    }
    let twice = archive(&[("a".into(), Member::Symlink("/etc".into())), ("a/x".into(), Member::File(b"x".to_vec()))]);
    let outcome = env.envbox(["create", "link", "--image", &layout([twice]).source("image")]).output();
    assert!(!std::path::Path::new("/etc/x").exists(), "{}", outcome.stderr);
    // A link to a file that no layer has.
    let nowhere = Layer::new().link("opt", "etc/nowhere").tar();
    refused_name(&env, &layout([nowhere]).source("image"), "cannot be put on top of those below it");
}
