//! Archives that want out, or want too much. Each ends in a clear error or in something harmless, and [`Place`] checks
//! that nothing outside of the root has changed.

use std::fs;
use std::io::Write as _;

use envbox::unpack::{Limits, Options, Whiteouts};
use tar::EntryType;

use super::archives::{archive, dir, entry, file, hard_link, pax, raw_pax, symlink, with};
use super::harness::Place;
use super::work::Work;

/// Unpacks into a place of its own; the error, if there is one.
fn outcome(parts: &[Vec<u8>]) -> Result<(), String> {
    Place::new().tar(&archive(parts), &Options::default()).map(drop)
}

#[track_caller]
fn refused(parts: &[Vec<u8>], because: &str) {
    let error = outcome(parts).expect_err(because);
    assert!(error.contains(because), "{error}");
    assert!(!error.contains(char::is_control), "{error:?}");
}

#[test]
fn the_process_is_locked_in() {
    let place = Place::new();
    fs::write(place.root().join("inside"), "x").unwrap();
    let found: (Vec<String>, bool, usize, bool) = place.work(&Work::Escape).unwrap();
    assert_eq!(found, (vec!["/inside".into()], false, 1, false));
}

#[test]
fn names_that_lead_out() {
    for name in ["../outside/canary", "a/../../outside/canary", "..", "a/..", "/../outside/canary"] {
        refused(&[file(name, "x")], "its name has `..` in it");
    }
    refused(&[pax(&[("path", b"a\0b")]), file("a", "x")], "NUL");
    refused(&[entry(b"", EntryType::Regular, b"", b"x")], "its name is empty");
}

#[test]
fn absolute_names_are_beneath_the_root() {
    let place = Place::new();
    let canary = place.outside().join("canary");
    place.tar(&archive(&[file("/etc/passwd", "x")]), &Options::default()).unwrap();
    assert_eq!(fs::read_to_string(place.root().join("etc/passwd")).unwrap(), "x");
    assert_eq!(fs::read_to_string(canary).unwrap(), "untouched");
}

#[test]
fn symbolic_links_lead_nowhere_else() {
    for target in ["../outside", "/outside", "../../../../../../../../tmp", "/proc/self/cwd", "/proc/self/root"] {
        let place = Place::new();
        let absolute = place.outside().into_os_string().into_string().unwrap();
        for target in [target, &absolute] {
            // Whether a file can be made through the link depends on what is in the root; it is never made elsewhere.
            let _ =
                place.tar(&archive(&[symlink("l", target), file("l/canary", "x"), dir("l/new")]), &Options::default());
            // A directory of the link's name must not change what the link leads to (CVE-2026-33056).
            let changed = with(b"l", EntryType::Directory, b"", b"", |header| header.set_mode(0o777));
            let _ = place.tar(&archive(&[symlink("l", target), changed]), &Options::default());
            // A file of the link's name takes its place.
            let _ = place.tar(&archive(&[symlink("m", target), file("m", "x")]), &Options::default());
            assert!(place.root().join("m").symlink_metadata().unwrap().is_file());
        }
    }
}

#[test]
fn hard_links_lead_nowhere_else() {
    refused(&[hard_link("l", "../outside/canary")], "its name has `..` in it");
    refused(&[hard_link("l", "/outside/canary")], "cannot make the hard link `l`");
    refused(&[symlink("s", "../outside"), hard_link("l", "s/canary")], "cannot make the hard link `l`");
    refused(&[dir("d"), hard_link("l", "d")], "cannot make `l`");
    // To a symbolic link: the link itself has two names, and a file written over one of them is a new file.
    let place = Place::new();
    let canary = place.outside().join("canary").into_os_string().into_string().unwrap();
    let parts = [symlink("s", &canary), hard_link("l", "s"), file("l", "x")];
    place.tar(&archive(&parts), &Options::default()).unwrap();
    assert!(place.root().join("s").is_symlink());
    assert!(place.root().join("l").symlink_metadata().unwrap().is_file());
}

#[test]
fn the_root_itself_stays_a_directory() {
    for name in [&b"."[..], b"./", b"/", b"/."] {
        let slash = name.ends_with(b"/");
        // A plain file whose name ends in a slash is a directory (before POSIX).
        assert_eq!(outcome(&[entry(name, EntryType::Regular, b"", b"")]).is_ok(), slash);
        refused(&[entry(name, EntryType::Symlink, b"../outside", b"")], "the archive's own root is not a directory");
        refused(&[entry(name, EntryType::Link, b"x", b"")], "the archive's own root is not a directory");
        let layer = Options { whiteouts: Whiteouts::Oci, ..Options::default() };
        let place = Place::new();
        let parts = [entry(name, EntryType::Symlink, b"../outside", b""), file("canary", "x")];
        let error = place.tar(&archive(&parts), &layer).unwrap_err();
        assert!(error.contains("the archive's own root is not a directory"), "{error}");
    }
}

#[test]
fn a_directory_is_not_replaced_with_what_is_in_it() {
    refused(&[file("d/f", "x"), file("d", "x")], "cannot replace `d`");
    refused(&[file("d/f", "x"), symlink("d", "../outside")], "cannot replace `d`");
    refused(&[file("f", "x"), file("f/g", "x")], "`f`");
    // An open directory is not used any more once something else has its name.
    let place = Place::new();
    let swap = [file("a/x", "1"), dir("b"), dir("b/c"), symlink("b/c", "../a"), file("b/c/y", "2")];
    place.tar(&archive(&swap), &Options::default()).unwrap();
    assert_eq!(fs::read_to_string(place.root().join("a/y")).unwrap(), "2");
}

#[test]
fn device_nodes_are_left_out_and_pipes_are_not() {
    let place = Place::new();
    let device = |name: &[u8], kind| with(name, kind, b"", b"", |header| header.set_device_major(1).unwrap());
    let parts =
        [device(b"null", EntryType::Char), device(b"sda", EntryType::Block), entry(b"p", EntryType::Fifo, b"", b"")];
    let report = place.tar(&archive(&parts), &Options::default()).unwrap();
    assert_eq!((report.entries, report.devices_skipped), (3, 2));
    assert_eq!(place.list().keys().collect::<Vec<_>>(), ["", "p"]);
}

#[test]
fn forged_attributes_are_dropped() {
    let forged: [(&str, &[u8]); 10] = [
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ("SCHILY.xattr.user.overlay.redirect", b"/etc"),
        ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ("SCHILY.xattr.user.overlay.whiteout", b""),
        ("SCHILY.xattr.user.fuseoverlayfs.opaque", b"y"),
        ("SCHILY.xattr.user.containers.override_stat", b"0:0:4755"),
        ("SCHILY.xattr.user.rootlesscontainers", b"x"),
        ("SCHILY.xattr.security.selinux", b"x"),
        ("SCHILY.xattr.system.posix_acl_access", b"x"),
        ("SCHILY.xattr.", b"x"),
    ];
    let place = Place::new();
    for whiteouts in [Whiteouts::Literal, Whiteouts::Oci] {
        let parts = [pax(&forged), file("f", "x"), pax(&forged), dir("d")];
        let report = place.tar(&archive(&parts), &Options { whiteouts, ..Options::default() });
        assert_eq!(report.unwrap().xattrs_dropped, 20);
    }
    let names = vec!["user.overlay.opaque".to_owned(), "user.fuseoverlayfs.opaque".to_owned()];
    let values: Vec<Option<Vec<u8>>> = place.work(&Work::Attributes { file: "d".into(), names }).unwrap();
    assert_eq!(values, [None, None]);
}

#[test]
fn two_authorities_on_a_size() {
    // The ustar header says 0, PAX 512: whoever believes the former takes the content for a header (CVE-2025-62518).
    let smuggled = file("smuggled", "");
    let mut carrier = with(b"carrier", EntryType::Regular, b"", b"", |_| {});
    carrier.extend_from_slice(&smuggled);
    let place = Place::new();
    place.tar(&archive(&[pax(&[("size", b"512")]), carrier]), &Options::default()).unwrap();
    assert_eq!(place.list().keys().collect::<Vec<_>>(), ["", "carrier"]);
    assert_eq!(fs::read(place.root().join("carrier")).unwrap(), smuggled);

    refused(&[raw_pax(b"12 size=512\n10 size=0\n"), file("f", "")], "two PAX sizes");
    refused(&[pax(&[("size", b"-1")]), file("f", "")], "a PAX number is malformed");
    refused(&[pax(&[("size", b"512")]), symlink("s", "t"), file("smuggled", "")], "without content has a size");
    refused(&[with(b"l", EntryType::Link, b"f", &[0; 512], |_| {})], "without content has a size");
    refused(&[entry(b"g", EntryType::XGlobalHeader, b"", b"12 size=512\n"), file("f", "")], "a global header");
    refused(&[pax(&[("path", b"a")]), pax(&[("path", b"b")]), file("f", "")], "two extension headers");
    refused(&[pax(&[("path", b"a")]), entry(b"L", EntryType::GNULongName, b"", b"b\0"), file("f", "")], "long names");
}

#[test]
fn malformed_headers() {
    for records in [&b"99 path=x\n"[..], b"nonsense", b"9 path=x", b"0 path=x\n", b"10 path:xyz\n", &[0; 16]] {
        refused(&[raw_pax(records), file("f", "x")], "a PAX record is malformed");
    }
    let negative = with(b"f", EntryType::Regular, b"", b"", |header| header.as_old_mut().size = [0xff; 12]);
    refused(&[negative], "bytes in one file");
    let huge = with(b"f", EntryType::Regular, b"", b"", |header| header.set_size(1 << 62));
    refused(&[huge], "bytes in one file");
    let junk = with(b"f", EntryType::Regular, b"", b"", |header| header.as_old_mut().size = *b"not a number");
    refused(&[junk], "a number in its header is malformed");
    refused(&[with(b"x", EntryType::new(b'Q'), b"", b"", |_| {})], "type `Q`");
    let mut broken = file("second", "x");
    broken[0] ^= 1;
    refused(&[file("first", "x"), broken], "the checksum of its header is wrong");
    refused(&[b"<!DOCTYPE html>".repeat(100)], "the input is not a tar archive");
    let owner = with(b"f", EntryType::Regular, b"", b"", |header| header.set_uid(70_000));
    refused(&[owner], "belongs to 70000:0");
}

#[test]
fn names_cannot_write_on_the_terminal() {
    refused(&[file("f\x1b]0;x\x07\n\u{202e}/..", "x")], "f\\u{1b}]0;x\\u{7}\\u{a}\\u{202e}/..");
    let place = Place::new();
    let name = b"new\nline \xff\x1b[31m";
    place.tar(&archive(&[entry(name, EntryType::Regular, b"", b"x")]), &Options::default()).unwrap();
    assert_eq!(place.list().len(), 2);
}

#[test]
fn each_cap_says_its_name() {
    let capped = |change: fn(&mut Limits), parts: &[Vec<u8>]| {
        let mut options = Options::default();
        change(&mut options.limits);
        Place::new().tar(&archive(parts), &options).unwrap_err()
    };
    let files = [file("a", "xxxx"), file("b", "xxxx")];
    assert!(capped(|limits| limits.entries = 1, &files).contains("more than 1 entries"));
    assert!(capped(|limits| limits.bytes = 7, &files).contains("more than 7 bytes of content"));
    assert!(capped(|limits| limits.file = 3, &files).contains("more than 3 bytes in one file"));
    let long = [pax(&[("path", &[b'x'; 300])]), file("f", "")];
    assert!(capped(|limits| limits.path = 299, &long).contains("more than 299 bytes in a path"));
    assert!(capped(|limits| limits.headers = 309, &long).contains("bytes of headers"));
}

#[test]
fn a_bomb_is_stopped() {
    let zeros = vec![0; 64 << 20];
    let bomb = archive(&[entry(b"zeros", EntryType::Regular, b"", &zeros)]);
    let mut options = Options::default();
    options.limits.ratio_floor = 1 << 20;
    let compressed = zstd::encode_all(&bomb[..], 3).unwrap();
    let error = Place::new().tar(&compressed, &options).unwrap_err();
    assert!(error.contains("more than 200 bytes of content for each byte of input"), "{error}");
    // A header of gigabytes is not read into memory.
    let claim = with(b"x", EntryType::XHeader, b"", b"", |header| header.set_size(8 << 30));
    refused(&[claim], "bytes of headers for one entry");
}

#[test]
fn a_stream_cut_short_or_altered_is_an_error() {
    let content: Vec<u8> = (0..50_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let plain = archive(&[dir("d"), entry(b"d/f", EntryType::Regular, b"", &content), file("g", "x")]);
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&plain).unwrap();
        encoder.finish().unwrap()
    };
    let xz = {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
        encoder.write_all(&plain).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(&plain).unwrap();
        encoder.finish().unwrap()
    };
    let bzip2 = {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(&plain).unwrap();
        encoder.finish().unwrap()
    };
    let place = Place::new();
    for (name, bytes) in [("tar", plain), ("gzip", gzip), ("xz", xz), ("zstd", zstd), ("bzip2", bzip2)] {
        // The blocks of zeros at the end of a plain archive are padding, but for the first.
        let end = if name == "tar" { bytes.len() - 1024 } else { bytes.len() };
        for cut in [0, 1, 5, 100, 511, 512, 513, 1000, end / 2, end - 600, end - 20, end - 4, end - 1] {
            let error = place.tar(&bytes[..cut], &Options::default()).expect_err(&format!("{name} cut at {cut}"));
            assert!(error.contains(name) || error.contains("not a tar archive"), "{name} {cut}: {error}");
        }
        if name != "tar" {
            for at in [bytes.len() / 3, bytes.len() / 2, bytes.len() - 3] {
                let mut altered = bytes.clone();
                altered[at] ^= 0x10;
                place.tar(&altered, &Options::default()).expect_err(&format!("{name} altered at {at}"));
            }
        }
        place.tar(&bytes, &Options::default()).unwrap();
    }
}

#[test]
fn nothing_that_is_altered_does_harm() {
    let honest = [
        dir("./"),
        dir("d"),
        entry(b"g", EntryType::XGlobalHeader, b"", b"10 uid=22\n"),
        file("d/f", "content"),
        pax(&[("path", b"d/long"), ("mtime", b"1.5"), ("size", b"7"), ("SCHILY.xattr.user.x", b"y")]),
        file("short", "content"),
        entry(b"L", EntryType::GNULongName, b"", b"d/longer\0"),
        symlink("short", "../outside"),
        symlink("s", "../outside"),
        hard_link("h", "d/f"),
        pax(&[("GNU.sparse.name", b"sparse"), ("GNU.sparse.size", b"9999"), ("GNU.sparse.map", b"512,7")]),
        file("x", "content"),
        file("s/canary", "x"),
    ];
    let place = Place::new();
    // A generator of its own (Knuth's MMIX), so that what is found once is found again.
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..400 {
        let mut parts = honest.to_vec();
        for _ in 0..=random(3) {
            let at = random(parts.len());
            let part = &mut parts[at];
            let byte = [random(100), 124 + random(40), 345 + random(167), random(part.len())][random(4)];
            part[byte] = [0, b'/', b'.', b'7', 0xff, u8::try_from(random(256)).unwrap()][random(6)];
            let header: &mut [u8; 512] = part.first_chunk_mut().unwrap();
            let mut sealed = tar::Header::new_old();
            *sealed.as_mut_bytes() = *header;
            sealed.set_cksum();
            *header = *sealed.as_bytes();
        }
        // An error, or a tree; the place checks what is around it.
        if let Err(error) = place.tar(&archive(&parts), &Options::default()) {
            assert!(!error.contains(char::is_control), "{error:?}");
        }
    }
}
