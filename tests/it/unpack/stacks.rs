//! Layers upon one another, seen through both overlays.

use std::collections::BTreeMap;

use envbox::unpack::{Options, Report, Whiteouts};
use tar::EntryType;

use super::archives::{archive, dir, entry, file, hard_link, pax, symlink, with};
use super::harness::Place;
use super::work::Work;
use crate::support::requirement::requires;

/// Layers in places of their own, the lowest first, each with whether it had to be completed.
struct Stack(Vec<(Place, bool)>);

impl Stack {
    fn of(layers: &[&[Vec<u8>]]) -> Self {
        let mut stack = Self(Vec::new());
        for parts in layers {
            let place = Place::new();
            let options = Options { whiteouts: Whiteouts::Oci, ..Options::default() };
            let report: Report = place.tar(&archive(parts), &options).unwrap();
            let lowers = stack.topmost_first();
            let completed = place.work(&Work::Adopt { lowers, report }).unwrap();
            stack.0.push((place, completed));
        }
        stack
    }

    fn topmost_first(&self) -> Vec<std::path::PathBuf> {
        self.0.iter().rev().map(|(place, _)| place.root()).collect()
    }

    fn completed(&self) -> Vec<bool> {
        self.0.iter().map(|(_, completed)| *completed).collect()
    }

    /// What both overlays show of the layers, which is the same.
    fn merged(&self) -> BTreeMap<String, String> {
        let seen = |fuse| Place::new().work(&Work::Overlay { layers: self.topmost_first(), fuse }).unwrap();
        let (kernel, fuse): (BTreeMap<_, _>, BTreeMap<_, _>) = (seen(false), seen(true));
        assert_eq!(kernel, fuse);
        kernel
    }
}

fn names(merged: &BTreeMap<String, String>) -> Vec<&str> {
    merged.keys().map(String::as_str).collect()
}

#[test]
fn what_is_gone_is_not_seen() {
    requires!(userns, overlay, fuse);
    let below =
        [dir("d"), file("d/a", "1"), file("d/b", "1"), dir("e"), file("e/x", "1"), dir("f/g"), file("f/g/y", "1")];
    let above = [
        file("d/.wh.a", ""),
        file("e/new", "2"),
        file("e/.wh..wh..opq", ""),
        // Gone, and there anew: nothing of what it had.
        file(".wh.f", ""),
        file("f/h", "2"),
    ];
    let stack = Stack::of(&[&below, &above]);
    assert_eq!(names(&stack.merged()), ["", "d", "d/b", "e", "e/new", "f", "f/h"]);
    assert_eq!(stack.completed(), [false, true], "it does not speak of its directories");
    // Once more on top, and a file that comes back.
    let stack = Stack::of(&[&below, &above, &[file("d/a", "3"), file(".wh.e", "")], &[dir("e"), file("e/z", "4")]]);
    assert_eq!(names(&stack.merged()), ["", "d", "d/a", "d/b", "e", "e/z", "f", "f/h"]);
}

#[test]
fn a_file_and_a_directory_take_each_others_place() {
    requires!(userns, overlay, fuse);
    let below = [file("f", "1"), dir("d"), file("d/x", "1"), symlink("l", "d")];
    let stack = Stack::of(&[&below, &[dir("f"), file("f/y", "2"), file("d", "2"), dir("l"), file("l/z", "2")]]);
    assert_eq!(names(&stack.merged()), ["", "d", "f", "f/y", "l", "l/z"]);
}

#[test]
fn whiteouts_of_nothing_do_not_show() {
    requires!(userns, overlay, fuse);
    // In the lowest layer, and in a directory that is in no other.
    let stack = Stack::of(&[&[dir("d"), file("d/.wh.a", ""), file(".wh.b", "")], &[dir("n"), file("n/.wh.c", "")]]);
    assert_eq!(names(&stack.merged()), ["", "d", "n"]);
    assert_eq!(stack.completed(), [true, true]);
    assert!(stack.merged()["d"].starts_with("040755 0:0 1000000000.000000000"));
}

#[test]
fn an_opaque_root_hides_everything() {
    requires!(userns, overlay, fuse);
    let stack = Stack::of(&[&[file("a", "1"), file("d/b", "1")], &[file("c", "2"), file(".wh..wh..opq", "")]]);
    assert_eq!(names(&stack.merged()), ["", "c"]);
    let above = [file("c", "2"), dir("d"), file(".wh..wh..opq", "")];
    let stack = Stack::of(&[&[file("a", "1"), file("d/b", "1")], &[file(".wh.a", "")], &above, &[file("e", "3")]]);
    assert_eq!(names(&stack.merged()), ["", "c", "d", "e"]);
    assert_eq!(stack.completed(), [false, false, true, false]);
}

#[test]
fn links_to_what_is_below() {
    requires!(userns, overlay, fuse);
    let closed = |name: &[u8]| with(name, EntryType::Directory, b"", b"", |header| header.set_mode(0o1777));
    let tool = with(b"usr/bin/tool", EntryType::Regular, b"", b"a tool", |header| {
        header.set_mode(0o4755);
        header.set_uid(33);
    });
    let note: [(&str, &[u8]); 2] = [("SCHILY.xattr.user.note", b"x"), ("mtime", b"5.25")];
    let below = [closed(b"usr"), dir("usr/bin"), pax(&note), tool, symlink("usr/bin/s", "tool"), file("gone", "x")];
    let above = [
        file("usr/bin/other", "2"),
        hard_link("opt/one", "usr/bin/tool"),
        hard_link("opt/two", "usr/bin/tool"),
        hard_link("opt/link", "usr/bin/s"),
        // A name that the layer gives to something else later on.
        hard_link("opt/later", "usr/bin/tool"),
        file("opt/later", "3"),
    ];
    let stack = Stack::of(&[&below, &[file("usr/bin/between", "1")], &above]);
    let merged = stack.merged();
    for name in ["opt/one", "opt/two", "usr/bin/tool"] {
        assert!(merged[name].starts_with("104755 33:0 5.250000000 6 "), "{}", merged[name]);
        assert!(merged[name].ends_with("= opt/one"), "{}", merged[name]);
    }
    assert_eq!(merged["opt/link"].split(' ').skip(3).collect::<Vec<_>>(), ["->", "tool"]);
    assert!(merged["opt/later"].contains(" 1 "));
    // Directories that the layers do not speak of are as they are below.
    assert!(merged["usr"].starts_with("041777 0:0 1000000000.000000000"), "{}", merged["usr"]);
    let names = vec!["user.note".to_owned()];
    let values: Vec<Option<Vec<u8>>> = stack.0[2].0.work(&Work::Attributes { file: "opt/two".into(), names }).unwrap();
    assert_eq!(values, [Some(b"x".to_vec())]);
}

#[test]
fn links_to_what_is_not_there() {
    requires!(userns);
    let refused = |layers: &[&[Vec<u8>]], top: &[Vec<u8>]| {
        let stack = Stack::of(layers);
        let place = Place::new();
        let options = Options { whiteouts: Whiteouts::Oci, ..Options::default() };
        let report: Report = place.tar(&archive(top), &options).unwrap();
        let error = place.work::<()>(&Work::Adopt { lowers: stack.topmost_first(), report }).unwrap_err();
        assert!(error.contains("from the layers below, the hard link `l`"), "{error}");
    };
    let below =
        [file("f", "x"), dir("d"), file("d/g", "x"), symlink("out", "/"), entry(b"s", EntryType::Symlink, b"d", b"")];
    refused(&[], &[hard_link("l", "f")]);
    refused(&[&below], &[hard_link("l", "nothing")]);
    refused(&[&below], &[hard_link("l", "d")]);
    refused(&[&below], &[hard_link("l", "out/etc/passwd")]);
    refused(&[&below], &[file(".wh.f", ""), hard_link("l", "f")]);
    refused(&[&below, &[file(".wh.f", "")]], &[hard_link("l", "f")]);
    refused(&[&below, &[file(".wh.d", "")]], &[hard_link("l", "d/g")]);
    refused(&[&below, &[file("d/.wh..wh..opq", "")]], &[hard_link("l", "d/g")]);
    refused(&[&below, &[file("d", "")]], &[hard_link("l", "d/g")]);
    refused(&[&below], &[file(".wh..wh..opq", ""), hard_link("l", "f")]);
}
