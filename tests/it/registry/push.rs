//! From the cache to a registry.

use std::fs::File;
use std::process::Command;

use envbox::image::oci::Descriptor;
use envbox::source::oci::{Fault, Login, Resolved};
use envbox::source::{Error, Silent};
use envbox::store::blobs::Blobs;

use super::keys::{TokenServer, certificate};
use super::layout::{Layout, layer};
use super::server::{Registry, skopeo};
use super::{cache, fault, pull, registries};
use crate::source::Told;
use crate::support::requires;

/// A registry with an image, and the image here.
fn pulled(name: &str) -> (Registry, Resolved, tempfile::TempDir, Blobs) {
    let mut layout = Layout::new();
    let image = layout.image("amd64", &[layer("a", 300_000), layer("b", 70_000)]);
    layout.name(&image, "x");
    let registry = Registry::open();
    registry.fill(&layout.source("x"), name);
    let (dir, blobs) = cache();
    let (image, _) = pull(&registries(), &registry.reference(name), &blobs).unwrap();
    (registry, image, dir, blobs)
}

fn files(image: &Resolved, blobs: &Blobs) -> Vec<(Descriptor, File)> {
    let open = |layer: &Descriptor| (layer.clone(), blobs.open(&layer.digest).unwrap().unwrap());
    image.manifest.layers.iter().map(open).collect()
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_pushed_is_what_was_pulled() {
    requires!(docker_registry, skopeo);
    let (_from, image, _dir, blobs) = pulled("x");
    let mut to = Registry::open();
    let repository = registries().open(&to.reference("deep/er/x:2")).unwrap();
    let told = Told::default();
    let digest = repository.push(&image.published, files(&image, &blobs), None, &told).unwrap();
    assert_eq!(digest, image.published.digest());
    let size: u64 = image.manifest.layers.iter().map(|layer| layer.size).sum();
    assert_eq!(*told.bytes.borrow(), size);
    let mut inspect = skopeo(to.dir.path());
    inspect.args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{}/deep/er/x:2", to.address)]);
    assert_eq!(succeeds(&mut inspect), image.published.manifest);
    let copy = tempfile::tempdir().unwrap();
    let mut all = skopeo(copy.path());
    all.args(["copy", "--src-tls-verify=false", &format!("docker://{}/deep/er/x:2", to.address)]);
    succeeds(all.arg(format!("dir:{}/x", copy.path().display())));

    // Once more: nothing is sent but the manifest.
    to.asked();
    repository.push(&image.published, files(&image, &blobs), None, &Silent).unwrap();
    let asked = to.asked();
    let sent: Vec<_> = asked.iter().filter(|line| !line.starts_with("HEAD")).collect();
    assert_eq!(sent, ["PUT /v2/deep/er/x/manifests/2 201"]);
}

#[test]
fn blobs_of_another_repository_are_taken_over() {
    requires!(docker_registry, skopeo);
    let (mut registry, image, _dir, blobs) = pulled("one/x");
    registry.asked();
    let repository = registries().open(&registry.reference("two/x")).unwrap();
    let from = registry.reference("one/x");
    repository.push(&image.published, files(&image, &blobs), Some(&from), &Silent).unwrap();
    let asked = registry.asked();
    assert!(asked.iter().all(|line| !line.contains("PUT /v2/two/x/blobs")), "{asked:#?}");
    assert_eq!(asked.iter().filter(|line| line.contains("mount=") && line.ends_with(" 201")).count(), 3);
    // A repository that does not have them costs nothing but the bytes.
    let repository = registries().open(&registry.reference("three/x")).unwrap();
    let none = registry.reference("none/x");
    repository.push(&image.published, files(&image, &blobs), Some(&none), &Silent).unwrap();
}

#[test]
fn only_who_may() {
    requires!(docker_registry, skopeo, openssl);
    let (_from, image, _dir, blobs) = pulled("x");
    let keys = tempfile::tempdir().unwrap();
    let (key, cert) = certificate(keys.path());
    let tokens = TokenServer::start(key, &cert);
    let to = Registry::start(|_| tokens.settings(&cert), Some("al:secret"));
    let reference = to.reference("public/x");
    let anonymous = registries().open(&reference).unwrap();
    let refused = fault(anonymous.push(&image.published, files(&image, &blobs), None, &Silent));
    assert!(matches!(refused, Fault::Denied { anonymous: true, .. }), "{refused:?}");
    let al = Login::Password { user: "al".into(), secret: "secret".into() };
    let other = to.reference("public/other");
    let repository = registries().with_login(al).open(&reference).unwrap();
    repository.push(&image.published, files(&image, &blobs), Some(&other), &Silent).unwrap();
    let wanted = "al repository:public/x:pull,push repository:public/other:pull";
    assert!(tokens.asked.lock().unwrap().iter().any(|line| line == wanted), "{tokens:?}");
    pull(&registries(), &reference, &cache().1).unwrap();
}

#[test]
fn what_is_not_what_it_is_said_to_be_is_not_taken() {
    requires!(docker_registry, skopeo);
    let (_from, image, _dir, blobs) = pulled("x");
    let to = Registry::open();
    let repository = registries().open(&to.reference("x:bad")).unwrap();
    let mut swapped = files(&image, &blobs);
    let (first, second) = (swapped[0].0.clone(), swapped[1].0.clone());
    swapped[0].0 = Descriptor { size: first.size, ..second };
    let refused = fault(repository.push(&image.published, swapped, None, &Silent));
    assert!(matches!(refused, Fault::Answer { status: 400, .. }), "{refused:?}");
    let wrong = to.reference(&format!("x@{}", first.digest));
    let refused = registries().open(&wrong).unwrap().push(&image.published, vec![], None, &Silent);
    assert!(matches!(refused, Err(Error::Digest { .. })));
    assert!(matches!(fault(repository.digest()), Fault::Missing { .. }), "no half image has the name");
}
