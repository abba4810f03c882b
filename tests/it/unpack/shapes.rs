//! What honest archives have in them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use envbox::image::Digest;
use envbox::unpack::{Options, Owners, Strip};
use tar::EntryType;

use super::archives::{archive, dir, entry, file, hard_link, pax, symlink, with};
use super::harness::Place;
use super::work::Work;

fn unpack(parts: &[Vec<u8>]) -> Place {
    let place = Place::new();
    place.tar(&archive(parts), &Options::default()).unwrap();
    place
}

#[test]
fn entries_through_a_symlinked_directory() {
    // Fedora, and Debian: the link is the distribution's layout, and stays.
    let place = unpack(&[dir("usr/lib"), symlink("lib", "usr/lib"), dir("lib"), file("lib/x", "1"), dir("./lib/d/")]);
    assert_eq!(fs::read_link(place.root().join("lib")).unwrap().to_str(), Some("usr/lib"));
    assert_eq!(fs::read_to_string(place.root().join("usr/lib/x")).unwrap(), "1");
    assert!(place.root().join("usr/lib/d").is_dir());
    // An absolute link, inside the root.
    let place = unpack(&[dir("usr/lib"), symlink("lib", "/usr/lib"), file("lib/x", "1")]);
    assert_eq!(fs::read_to_string(place.root().join("usr/lib/x")).unwrap(), "1");
    // A link to nothing gives way to a directory.
    let place = unpack(&[symlink("lib", "nowhere"), dir("lib"), file("lib/x", "1")]);
    assert_eq!(fs::read_to_string(place.root().join("lib/x")).unwrap(), "1");
}

#[test]
fn modes_owners_and_times() {
    let of = |name: &[u8], kind, mode, uid, gid| {
        with(name, kind, b"", b"", |header| {
            header.set_mode(mode);
            header.set_uid(uid);
            header.set_gid(gid);
        })
    };
    let place = unpack(&[
        of(b"./", EntryType::Directory, 0o700, 0, 0),
        of(b"su", EntryType::Regular, 0o4755, 0, 42),
        of(b"closed", EntryType::Directory, 0o000, 33, 33),
        file("closed/f", "x"),
        of(b"shared", EntryType::Directory, 0o2775, 0, 50),
        of(b"shared/f", EntryType::Regular, 0o640, 0, 0),
        pax(&[("mtime", b"-1.5"), ("uid", b"7"), ("gid", b"8")]),
        file("old", "x"),
    ]);
    let list = place.list();
    for (name, start) in [
        ("", "040755 0:0 1000000000.000000000"),
        ("su", "104755 0:42 1000000000"),
        ("closed", "040000 33:33 1000000000.000000000"),
        ("shared", "042775 0:50 1000000000.000000000"),
        ("shared/f", "100640 0:0 "),
        ("old", "100644 7:8 -2.500000000"),
    ] {
        assert!(list[name].starts_with(start), "{name}: {}", list[name]);
    }
}

#[test]
fn a_root_that_the_archive_does_not_speak_of() {
    let place = Place::new();
    fs::set_permissions(place.root(), fs::Permissions::from_mode(0o700)).unwrap();
    place.tar(&archive(&[file("f", "x")]), &Options::default()).unwrap();
    assert!(place.list()[""].starts_with("040755 0:0 "));
}

#[test]
fn the_later_of_two_counts() {
    let place =
        unpack(&[file("f", "1"), hard_link("g", "f"), file("f", "2"), dir("x"), file("x", "3"), hard_link("f", "./f")]);
    let read = |name: &str| fs::read_to_string(place.root().join(name)).unwrap();
    assert_eq!((read("f"), read("g"), read("x")), ("2".into(), "1".into(), "3".into()));
}

#[test]
fn long_names() {
    let name = ["directory"; 60].join("/");
    let gnu = [entry(b"L", EntryType::GNULongName, b"", &[name.as_bytes(), b"\0"].concat()), file("short", "x")];
    assert!(unpack(&gnu).root().join(&name).is_file());
    assert!(unpack(&[pax(&[("path", name.as_bytes())]), file("short", "x")]).root().join(&name).is_file());
    let target = "t".repeat(2000);
    let link = [entry(b"K", EntryType::GNULongLink, b"", target.as_bytes()), symlink("l", "short")];
    assert_eq!(fs::read_link(unpack(&link).root().join("l")).unwrap().to_str(), Some(&*target));
    // As deep as a path can say, and one byte more.
    let deepest = ["d"; 2048].join("/");
    assert_eq!(deepest.len(), 4095);
    unpack(&[pax(&[("path", deepest.as_bytes())]), dir("short")]);
    let deeper = pax(&[("path", format!("{deepest}d").as_bytes())]);
    let error = Place::new().tar(&archive(&[deeper, file("short", "x")]), &Options::default()).unwrap_err();
    assert!(error.contains("bytes in a path"), "{error}");
}

#[test]
fn holes_stay_holes() {
    const SIZE: u64 = 10 << 30;
    let old = with(b"old", EntryType::GNUSparse, b"", b"data", |header| {
        let gnu = header.as_gnu_mut().unwrap();
        gnu.sparse[0].set_offset(1 << 20);
        gnu.sparse[0].set_length(4);
        gnu.sparse[1].set_offset(SIZE);
        gnu.sparse[1].set_length(0);
        gnu.set_real_size(SIZE);
    });
    let size = SIZE.to_string();
    let pax00: [(&str, &[u8]); 4] = [
        ("GNU.sparse.size", size.as_bytes()),
        ("GNU.sparse.numblocks", b"1"),
        ("GNU.sparse.offset", b"1048576"),
        ("GNU.sparse.numbytes", b"4"),
    ];
    let pax01: [(&str, &[u8]); 3] =
        [("GNU.sparse.name", b"pax01"), ("GNU.sparse.size", size.as_bytes()), ("GNU.sparse.map", b"1048576,4")];
    let pax10: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"pax10"),
        ("GNU.sparse.realsize", size.as_bytes()),
    ];
    let mut mapped = b"1\n1048576\n4\n".to_vec();
    mapped.resize(512, 0);
    mapped.extend_from_slice(b"data");
    let place = unpack(&[
        old,
        pax(&pax00),
        file("pax00", "data"),
        pax(&pax01),
        file("GNUSparseFile.1/pax01", "data"),
        pax(&pax10),
        entry(b"GNUSparseFile.1/pax10", EntryType::Regular, b"", &mapped),
    ]);
    for name in ["old", "pax00", "pax01", "pax10"] {
        let path = place.root().join(name);
        let status = path.metadata().unwrap();
        assert_eq!(status.len(), SIZE, "{name}");
        assert!(status.blocks() * 512 < 1 << 20, "{name}");
        let mut data = [0; 4];
        std::os::unix::fs::FileExt::read_exact_at(&fs::File::open(path).unwrap(), &mut data, 1 << 20).unwrap();
        assert_eq!(&data, b"data", "{name}");
    }
}

#[test]
fn one_directory_at_the_top() {
    let arch = [
        file("version", "2026"),
        with(b"root.x86_64", EntryType::Directory, b"", b"", |header| header.set_mode(0o711)),
        dir("root.x86_64/usr/bin"),
        file("root.x86_64/etc/hostname", "arch"),
        file("root.x86_64/root.x86_64", "of the same name"),
        hard_link("root.x86_64/etc/other", "root.x86_64/etc/hostname"),
    ];
    let names = ["", "etc", "etc/hostname", "etc/other", "root.x86_64", "usr", "usr/bin"];
    for (strip, stripped) in [(Strip::Auto, Some("root.x86_64".to_owned())), (Strip::Components(1), None)] {
        let place = Place::new();
        let report = place.tar(&archive(&arch), &Options { strip, ..Options::default() }).unwrap();
        assert_eq!(report.stripped, stripped);
        let list = place.list();
        assert_eq!(list.keys().collect::<Vec<_>>(), names);
        if strip == Strip::Auto {
            assert!(list[""].starts_with("040755 0:0 1000000000.000000000"), "{}", list[""]);
        }
    }
    let place = Place::new();
    place.tar(&archive(&arch), &Options { strip: Strip::Never, ..Options::default() }).unwrap();
    assert!(place.root().join("root.x86_64/etc/hostname").is_file());
    // Not a root: a tree with one directory is what it is.
    let place = unpack(&[file("src/main.rs", "x")]);
    assert!(place.root().join("src/main.rs").is_file());
}

#[test]
fn one_owner_where_there_is_no_other() {
    let place = Place::new();
    let shadow = with(b"shadow", EntryType::Regular, b"", b"", |header| header.set_gid(100_000));
    place.tar(&archive(&[shadow]), &Options { owners: Owners::Root, ..Options::default() }).unwrap();
    assert!(place.list()["shadow"].starts_with("100644 0:0 "));
}

#[test]
fn every_compression_in_several_members_with_trailing_bytes() {
    let plain = archive(&[file("f", &"content ".repeat(100_000))]);
    let (first, second) = plain.split_at(plain.len() / 3);
    let gzip = |part: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    let xz = |part: &[u8]| {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    let bzip2 = |part: &[u8]| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |part: &[u8]| zstd::encode_all(part, 1).unwrap();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for (name, mut bytes, trailing) in [
        ("gzip", [gzip(first), gzip(second)].concat(), 700),
        ("xz", [xz(first), vec![0; 8], xz(second)].concat(), 0),
        ("zstd", [skippable.clone(), zstd(first), skippable, zstd(second)].concat(), 700),
        ("bzip2", [bzip2(first), bzip2(second)].concat(), 700),
    ] {
        bytes.resize(bytes.len() + trailing, 0);
        let place = Place::new();
        let report = place.tar(&bytes, &Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(report.digest, Some(Digest::of(&bytes)), "{name}");
        assert_eq!((report.entries, report.bytes, report.trailing), (1, 800_000, trailing as u64), "{name}");
        assert_eq!(fs::metadata(place.root().join("f")).unwrap().len(), 800_000, "{name}");
    }
}

#[test]
fn a_hundred_thousand_files_in_one_directory() {
    let parts: Vec<_> = (0..100_000).map(|n| file(&format!("d/{n}"), "")).collect();
    let place = Place::new();
    let report = place.tar(&zstd::encode_all(&archive(&parts)[..], 1).unwrap(), &Options::default()).unwrap();
    assert_eq!(report.entries, 100_000);
    assert_eq!(fs::read_dir(place.root().join("d")).unwrap().count(), 100_000);
}

#[test]
fn attributes_that_are_the_archives_to_set() {
    // Revision 2, cap_net_raw in the permitted set, effective (linux/capability.h); with a newline in it, as values may have.
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let records: [(&str, &[u8]); 2] =
        [("SCHILY.xattr.user.note", b"a\nb\0c"), ("SCHILY.xattr.security.capability", &capability)];
    let owned = with(b"ping", EntryType::Regular, b"", b"x", |header| header.set_uid(33));
    let place = Place::new();
    let report = place.tar(&archive(&[pax(&records), owned]), &Options::default()).unwrap();
    assert_eq!(report.xattrs_dropped, 0);
    let names = vec!["user.note".to_owned(), "security.capability".to_owned()];
    let values: Vec<Option<Vec<u8>>> = place.work(&Work::Attributes { file: "ping".into(), names }).unwrap();
    assert_eq!(values, [Some(b"a\nb\0c".to_vec()), Some(capability.to_vec())]);
}
