//! Layers of OCI images.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use envbox::image::Digest;
use envbox::unpack::{Link, Options, Report, Whiteouts};
use tar::EntryType;

use super::archives::{archive, dir, entry, file, hard_link, with};
use super::harness::Place;
use super::work::Work;

fn oci() -> Options {
    Options { whiteouts: Whiteouts::Oci, hash_input: false, hash_content: true, ..Options::default() }
}

fn unpack(parts: &[Vec<u8>]) -> (Place, Report) {
    let place = Place::new();
    let report = place.tar(&archive(parts), &oci()).unwrap();
    (place, report)
}

impl Place {
    fn is_whiteout(&self, path: &str) -> bool {
        let found = self.root().join(path).symlink_metadata();
        found.is_ok_and(|found| found.file_type().is_char_device() && found.rdev() == 0)
    }

    fn is_opaque(&self, dir: &str) -> bool {
        let names = ["user.overlay.opaque", "user.fuseoverlayfs.opaque"].map(str::to_owned).to_vec();
        let values: Vec<Option<Vec<u8>>> = self.work(&Work::Attributes { file: dir.into(), names }).unwrap();
        let opaque = values[0].is_some();
        assert_eq!(values, vec![opaque.then(|| b"y".to_vec()); 2], "{dir}");
        opaque
    }
}

#[test]
fn whiteouts_become_what_an_overlay_knows() {
    let (place, report) =
        unpack(&[dir("d"), file("d/.wh.gone", ""), file("d/f", "x"), file(".wh.top", "content, even")]);
    assert!(place.is_whiteout("d/gone") && place.is_whiteout("top"));
    assert_eq!(place.list().keys().collect::<Vec<_>>(), ["", "d", "d/f", "d/gone", "top"]);
    // The time of the directory is the archive's, though the whiteout was made in it last.
    assert!(place.list()["d"].starts_with("040755 0:0 1000000000.000000000"), "{}", place.list()["d"]);
    assert_eq!(report.implied, [b""; 0]);
    let (place, report) = unpack(&[file("new/d/.wh.gone", "")]);
    assert!(place.is_whiteout("new/d/gone"));
    assert_eq!(report.implied, [&b"new"[..], b"new/d"]);
    // A root file system's names are its own.
    let place = Place::new();
    place.tar(&archive(&[file(".wh.f", "x"), file("d/.wh..wh..opq", "")]), &Options::default()).unwrap();
    assert!(place.root().join(".wh.f").is_file() && place.root().join("d/.wh..wh..opq").is_file());
    assert!(!place.is_opaque("d"));
}

#[test]
fn a_whiteout_takes_nothing_of_its_own_layer() {
    for parts in [
        [file("f", "x"), file(".wh.f", ""), dir("d"), file("d/f", "y"), file(".wh.d", ""), file("d/.wh.e", "")],
        [file("d/.wh.e", ""), file(".wh.d", ""), file(".wh.f", ""), file("f", "x"), dir("d"), file("d/f", "y")],
    ] {
        let (place, _) = unpack(&parts);
        // What the directory had below is gone, all of it: there is no need for a whiteout in it.
        assert_eq!(place.list().keys().collect::<Vec<_>>(), ["", "d", "d/f", "f"]);
        assert!(place.is_opaque("d") && !place.is_opaque(""));
        assert_eq!(std::fs::read_to_string(place.root().join("f")).unwrap(), "x");
    }
}

#[test]
fn opaque_wherever_it_stands() {
    let mark = || file("d/.wh..wh..opq", "");
    for parts in [
        [mark(), dir("d"), file("d/f", "x"), file("d/.wh.g", "")],
        [dir("d"), file("d/f", "x"), file("d/.wh.g", ""), mark()],
    ] {
        let (place, _) = unpack(&parts);
        assert!(place.is_opaque("d"));
        assert_eq!(place.list().keys().collect::<Vec<_>>(), ["", "d", "d/f"]);
    }
}

#[test]
fn the_digest_of_the_content_is_the_diff_id() {
    let plain = archive(&[file("f", &"content ".repeat(10_000))]);
    for bytes in [plain.clone(), zstd::encode_all(&plain[..], 1).unwrap()] {
        let report = Place::new().tar(&bytes, &oci()).unwrap();
        assert_eq!((report.digest, report.content), (None, Some(Digest::of(&plain))));
    }
    assert_eq!(Place::new().tar(&plain, &Options::default()).unwrap().content, None);
}

#[test]
fn links_to_what_is_below_are_told() {
    let (place, report) = unpack(&[file("new", "x"), hard_link("d/a", "usr/bin/a"), hard_link("new", "lost")]);
    let link = |path: &str, target: &str| Link { path: path.into(), target: target.into() };
    assert_eq!(report.links, [link("d/a", "usr/bin/a"), link("new", "lost")]);
    assert_eq!(place.list().keys().collect::<Vec<_>>(), ["", "d"]);
}

#[test]
fn names_that_no_whiteout_has() {
    let refused = |name: &[u8], kind| {
        let error = Place::new().tar(&archive(&[entry(name, kind, b"", b"")]), &oci()).unwrap_err();
        assert!(error.contains("a whiteout"), "{error}");
    };
    for name in [
        &b".wh."[..],
        b".wh..",
        b".wh...",
        b".wh.../x",
        b".wh..wh.x",
        b".wh..wh.",
        b".wh.a/b",
        b"d/.wh.",
        b"d/.wh..",
        b"d/.wh..wh.aufs",
        b".wh./f",
        b"d/.wh..wh..opq/f",
    ] {
        refused(name, EntryType::Regular);
    }
    for kind in [EntryType::Directory, EntryType::Symlink, EntryType::Fifo, EntryType::Char] {
        refused(b".wh.f", kind);
        refused(b"d/.wh..wh..opq", kind);
    }
    let leads_out = Place::new().tar(&archive(&[file("d/.wh.x/../../y", "")]), &oci()).unwrap_err();
    assert!(leads_out.contains("`..`"), "{leads_out}");
    // What AUFS left in the first images is not part of them.
    let (place, _) = unpack(&[dir(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", "x"), file(".wh..wh.aufs", "")]);
    assert_eq!(place.list().keys().collect::<Vec<_>>(), [""]);
}

#[test]
fn the_root_is_as_closed_as_the_layer_says() {
    let root = with(b"./", EntryType::Directory, b"", b"", |header| header.set_mode(0o700));
    let (place, report) = unpack(&[root]);
    assert!(place.list()[""].starts_with("040700 0:0 1000000000"));
    assert!(report.implied.is_empty());
    let (place, _) = unpack(&[dir("root.x86_64/usr"), dir("root.x86_64/etc")]);
    assert!(place.root().join("root.x86_64/etc").is_dir(), "a layer has no directory to be stripped of");
    assert!(place.list()[""].starts_with("040755 0:0 0.000000000"), "{}", place.list()[""]);
}
