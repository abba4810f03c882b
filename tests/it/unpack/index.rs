//! The index made while unpacking.

use std::fs;

use envbox::unpack::{Options, Whiteouts};
use tar::EntryType;

use super::archives::{archive, dir, entry, file, hard_link, pax, symlink, with};
use super::harness::Place;
use super::work::Work;

fn indexed(parts: &[Vec<u8>], options: Options) -> Vec<String> {
    let place = Place::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), archive(parts)).unwrap();
    let work = Work::Indexed { archive: file.path().to_owned(), options };
    let (entries, differences): (Vec<String>, Vec<String>) = place.work(&work).unwrap();
    assert_eq!(differences, Vec::<String>::new());
    entries
}

#[test]
fn it_is_what_the_tree_holds() {
    let attributes: [(&str, &[u8]); 1] = [("SCHILY.xattr.user.note", b"x")];
    let parts = [
        dir("usr/lib"),
        symlink("lib", "usr/lib"),
        pax(&attributes),
        file("lib/through-a-link", "content"),
        file("replaced", "old"),
        file("replaced", "newer"),
        hard_link("z", "replaced"),
        file("usr/empty", ""),
        entry(b"p", EntryType::Fifo, b"", b""),
        pax(&attributes),
        dir("d"),
        file("d/.wh.gone", ""),
        file("e/.wh..wh..opq", ""),
    ];
    let at = "1000000000.0";
    assert_eq!(
        indexed(&parts, Options { whiteouts: Whiteouts::Oci, ..Options::default() }),
        [
            " Directory 755 0:0 0.0 0 false false".to_owned(),
            format!("lib Symlink 777 0:0 {at} 7 true false"),
            format!("p Fifo 644 0:0 {at} 0 false false"),
            format!("replaced File 644 0:0 {at} 5 true false"),
            format!("z File 644 0:0 {at} 5 true false"),
            format!("d Directory 755 0:0 {at} 0 false true"),
            "d/gone Whiteout 0 0:0 0.0 0 false false".to_owned(),
            "e Directory 755 0:0 0.0 0 false true".to_owned(),
            "usr Directory 755 0:0 0.0 0 false false".to_owned(),
            format!("usr/empty File 644 0:0 {at} 0 false false"),
            format!("usr/lib Directory 755 0:0 {at} 0 false false"),
            format!("usr/lib/through-a-link File 644 0:0 {at} 7 true true"),
        ]
    );
}

#[test]
fn holes_are_not_read() {
    // A terabyte of holes would take minutes.
    const SIZE: u64 = 1 << 40;
    let sparse = with(b"sparse", EntryType::GNUSparse, b"", b"data", |header| {
        let gnu = header.as_gnu_mut().unwrap();
        gnu.sparse[0].set_offset(5 << 30 | 12345);
        gnu.sparse[0].set_length(4);
        gnu.sparse[1].set_offset(SIZE);
        gnu.sparse[1].set_length(0);
        gnu.set_real_size(SIZE);
    });
    let entries = indexed(&[dir("./"), sparse], Options::default());
    assert_eq!(entries[1], format!("sparse File 644 0:0 1000000000.0 {SIZE} true false"));
}

#[test]
fn a_root_that_was_lifted_is_the_root() {
    let entries =
        indexed(&[dir("top"), dir("top/usr"), file("top/etc/f", "x"), file("top/top", "y")], Options::default());
    let names: Vec<_> = entries.iter().map(|entry| entry.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["", "top", "etc", "etc/f", "usr"]);
}
