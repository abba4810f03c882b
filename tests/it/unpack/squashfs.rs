//! squashfs images, honest and altered.

use std::fs;

use envbox::image::Digest;
use envbox::unpack::{Options, Report};
use tar::EntryType;

use super::archives::{archive, dir, entry, file, hard_link, pax, symlink, with};
use super::harness::Place;
use super::work::Work;
use crate::support::requirement::requires;

/// A tree with whatever an image can hold.
fn tree() -> Place {
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let records: [(&str, &[u8]); 2] =
        [("SCHILY.xattr.user.note", &[b'x'; 300]), ("SCHILY.xattr.security.capability", &capability)];
    let owned = |name: &[u8], content: &[u8]| {
        with(name, EntryType::Regular, b"", content, |header| {
            header.set_uid(33);
            header.set_mode(0o4751);
        })
    };
    let sparse = with(b"sparse", EntryType::GNUSparse, b"", b"data", |header| {
        let gnu = header.as_gnu_mut().unwrap();
        gnu.sparse[0].set_offset(300 << 20 | 77);
        gnu.sparse[0].set_length(4);
        gnu.sparse[1].set_offset(1 << 30);
        gnu.sparse[1].set_length(0);
        gnu.set_real_size(1 << 30);
    });
    let long: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let place = Place::new();
    let parts = [
        dir("./"),
        dir("usr"),
        pax(&records),
        owned(b"usr/ping", b"ping"),
        hard_link("also-ping", "usr/ping"),
        file("empty", ""),
        file("twin", "the same"),
        file("other-twin", "the same"),
        entry(b"long", EntryType::Regular, b"", &long),
        symlink("link", "usr/ping"),
        entry(b"pipe", EntryType::Fifo, b"", b""),
        sparse,
        with(b"closed", EntryType::Directory, b"", b"", |header| header.set_mode(0o1700)),
    ];
    place.tar(&archive(&parts), &Options::default()).unwrap();
    place
}

fn image(of: &Place, options: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let options = options.iter().map(|&option| option.to_owned()).chain(["-quiet".into(), "-no-progress".into()]);
    of.work::<()>(&Work::MakeSquashfs { image: dir.path().join("image"), options: options.collect() }).unwrap();
    dir
}

#[test]
fn an_image_of_a_tree_is_the_tree() {
    requires!(userns, subid, mksquashfs);
    let tree = tree();
    for options in [&["-comp", "gzip"][..], &["-comp", "xz", "-b", "1M"], &["-comp", "zstd", "-no-fragments"]] {
        let image = image(&tree, options);
        let path = image.path().join("image");
        let place = Place::new();
        let report: Report = place.work(&Work::Squashfs { image: path.clone() }).unwrap();
        assert_eq!(place.list(), tree.list(), "{options:?}");
        assert_eq!(report.digest, Some(Digest::of(&fs::read(path).unwrap())));
        assert_eq!((report.entries, report.devices_skipped, report.xattrs_dropped), (12, 0, 0));
        let names = vec!["user.note".to_owned(), "security.capability".to_owned()];
        let of = |place: &Place| -> Vec<Option<Vec<u8>>> {
            place.work(&Work::Attributes { file: "also-ping".into(), names: names.clone() }).unwrap()
        };
        assert_eq!(of(&place), of(&tree));
        assert!(of(&place).iter().all(Option::is_some));
        let sparse = fs::metadata(place.root().join("sparse")).unwrap();
        assert!(std::os::unix::fs::MetadataExt::blocks(&sparse) * 512 < 4 << 20, "holes stay holes");
    }
}

#[test]
fn device_nodes_are_left_out() {
    requires!(userns, subid, mksquashfs);
    let tree = Place::new();
    let image = image(&tree, &["-p", "null c 666 0 0 1 3", "-p", "sda b 660 0 6 8 0"]);
    let place = Place::new();
    let report: Report = place.work(&Work::Squashfs { image: image.path().join("image") }).unwrap();
    assert_eq!((report.entries, report.devices_skipped), (3, 2));
    assert_eq!(place.list().keys().collect::<Vec<_>>(), [""]);
}

#[test]
fn a_damaged_image_is_an_error_or_harmless() {
    requires!(userns, subid, mksquashfs);
    let tree = tree();
    let image = image(&tree, &["-comp", "gzip", "-no-xattrs"]);
    let honest = fs::read(image.path().join("image")).unwrap();
    let path = image.path().join("altered");
    let place = Place::new();
    for cut in [0, 3, 50, 96, 1000, honest.len() / 2, honest.len() - 4096] {
        fs::write(&path, &honest[..cut]).unwrap();
        let error = place.work::<Report>(&Work::Squashfs { image: path.clone() }).expect_err(&format!("cut at {cut}"));
        assert!(error.contains("cannot read the squashfs stream"), "{error}");
    }
    // The superblock's numbers, each made large.
    for at in (4..96).step_by(4) {
        let mut altered = honest.clone();
        altered[at..at + 4].fill(0xfe);
        fs::write(&path, altered).unwrap();
        let _ = place.work::<Report>(&Work::Squashfs { image: path.clone() });
        place.check();
    }
}
