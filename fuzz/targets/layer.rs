//! Tarballs and layers: nothing outside of the target changes, and whatever comes of one comes of it again.

#![no_main]

mod sandbox;

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;

use envbox::pack::{self, Compression};
use envbox::unpack::index::Index;
use envbox::unpack::{self, Limits, Options, Owners, Whiteouts};
use libfuzzer_sys::fuzz_target;
use sandbox::{Place, Sandbox};

fuzz_target!(init: Sandbox::enter(), |input: &[u8]| {
    for whiteouts in [Whiteouts::Literal, Whiteouts::Oci] {
        tarball(input, whiteouts);
        Sandbox::get().check();
    }
});

fn tarball(input: &[u8], whiteouts: Whiteouts) {
    let first = Place::new("first");
    let Ok(found) = unpack(input, &first, whiteouts) else { return };
    let second = Place::new("second");
    assert_same(&found, &unpack(input, &second, whiteouts).unwrap());

    let mut layer = Vec::new();
    let tree = File::open(&first.0).unwrap();
    match pack::layer(tree.as_fd(), &mut layer, Compression::Plain, NonZeroUsize::MIN, &mut |_| {}) {
        Ok(_) => {}
        // A root file system may have such names, and a layer has no way to say them.
        Err(pack::Error::Reserved(_)) if whiteouts == Whiteouts::Literal => return,
        Err(error) => panic!("{error:?}"),
    }
    let third = Place::new("third");
    assert_same(&found, &unpack(&layer, &third, Whiteouts::Oci).unwrap());
}

/// Unpacks, and says what is in the tree, which is what was found out on the way.
fn unpack(archive: &[u8], place: &Place, whiteouts: Whiteouts) -> Result<Index, unpack::Error> {
    let options = Options {
        // One id is mapped.
        owners: Owners::Root,
        limits: Limits { entries: 2000, bytes: 4 << 20, file: 4 << 20, ratio_floor: 8 << 20, ..Limits::default() },
        whiteouts,
        index: true,
        hash_content: true,
        ..Options::default()
    };
    let root = Sandbox::get().root.within(place.0.as_os_str()).unwrap();
    let report = unpack::tar(&root, archive, &options, &mut |_| {})?;
    let scanned = Index::scan(File::open(&place.0).unwrap()).unwrap();
    assert_same(&report.files.unwrap(), &scanned);
    Ok(scanned)
}

#[track_caller]
fn assert_same(one: &Index, other: &Index) {
    let differences: Vec<_> = one.diff(other).collect();
    assert!(differences.is_empty(), "{differences:#?}");
}
