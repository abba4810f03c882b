//! Real root file systems, tree for tree as GNU tar unpacks them.

use std::path::{Path, PathBuf};

use envbox::host::Host;
use envbox::image::Digest;
use envbox::unpack::Options;

use super::harness::Place;
use super::work::Work;

/// The folder of fixtures; `None`, with a note, where there is none.
fn fixture(name: &str) -> Option<PathBuf> {
    let host = Host::probe().unwrap();
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    let path = host.var("ENVBOX_FIXTURES").map_or(beside, PathBuf::from).join(name);
    if !path.exists() {
        assert!(host.var("ENVBOX_TEST_REQUIRE").is_none(), "{} is missing", path.display());
        println!("skipped: {} is missing", path.display());
        return None;
    }
    Some(path)
}

#[track_caller]
fn same_as_gnu_tar(name: &str, devices: u64) {
    let Some(archive) = fixture(name) else { return };
    let (ours, theirs) = (Place::new(), Place::new());
    let bytes = std::fs::read(&archive).unwrap();
    let report = ours.tar(&bytes, &Options::default()).unwrap();
    let (entries, differences): (Vec<String>, Vec<String>) =
        Place::new().work(&Work::Indexed { archive: archive.clone(), options: Options::default() }).unwrap();
    assert_eq!((report.digest, report.devices_skipped), (Some(Digest::of(&bytes)), devices));
    theirs.work::<()>(&Work::GnuTar { archive }).unwrap();
    let (mut ours, mut theirs) = (ours.list(), theirs.list());
    assert_eq!((entries.len(), differences), (ours.len(), Vec::new()));
    // An archive that does not speak of its root leaves it as it was made.
    ours.remove("");
    theirs.remove("");
    assert!(ours.len() > 300);
    for (path, line) in &theirs {
        assert_eq!(ours.get(path), Some(line), "{path}");
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn alpine() {
    same_as_gnu_tar("alpine-minirootfs-3.20.3-x86_64.tar.gz", 0);
}

#[test]
fn cirros() {
    same_as_gnu_tar("cirros-0.5.2-x86_64.tar.xz", 7);
}

#[test]
fn busybox() {
    same_as_gnu_tar("busybox-musl-oci/rootfs.tar.gz", 0);
}
