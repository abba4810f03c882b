//! Archives that want out, each by its name in the histories of others.

use tar::EntryType;

use super::doors::Door;
use super::{Victim, assert_inert};
use crate::support::requires;
use crate::unpack::archives::{archive, dir, entry, file, hard_link, pax, symlink, with};

/// How it ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// In an error that says this.
    Refused(&'static str),
    /// In a box, in which this script succeeds.
    Harmless(&'static str),
    /// In either: what the names in the archive lead to in the image decides.
    Either,
}
use End::{Either, Harmless, Refused};

/// An attack: its name, its members given the path of a directory outside, and how it ends as a root file system and as a
/// layer.
type Attack = (&'static str, fn(&str) -> Vec<Vec<u8>>, End, End);

const ATTACKS: &[Attack] = &[
    (
        "tar_extract_traversal",
        |_| vec![file("../../../../../outside/canary", "x")],
        Refused("has `..` in it"),
        Refused("has `..` in it"),
    ),
    (
        "absolute names",
        |outside| vec![file(&format!("{outside}/canary"), "x"), file("//opt/evil", "x")],
        Harmless("cat /opt/evil"),
        Harmless("cat /opt/evil"),
    ),
    ("copy_symlink_escape", |outside| vec![symlink("l", outside), file("l/canary", "x"), dir("l/new")], Either, Either),
    (
        "copy_symlink_escape, upwards",
        |_| vec![symlink("l", "../../../../../../outside"), file("l/canary", "x")],
        Either,
        Either,
    ),
    (
        "CVE-2026-33056",
        |outside| {
            let changed = with(b"l", EntryType::Directory, b"", b"", |header| header.set_mode(0o777));
            vec![symlink("l", outside), changed]
        },
        Either,
        Either,
    ),
    (
        "sync_hardlink_metadata",
        |outside| {
            let target = format!("{outside}/canary");
            vec![
                symlink("s", &target),
                hard_link("l", "s"),
                with(b"l", EntryType::Regular, b"", b"x", |h| h.set_mode(0o777)),
            ]
        },
        Harmless("test -h /s -a -f /l"),
        Harmless("test -h /s -a -f /l"),
    ),
    (
        "hard link outside",
        |outside| vec![hard_link("l", &format!("{outside}/canary"))],
        Refused("cannot make the hard link `l`"),
        Refused("cannot be put on top of those below it"),
    ),
    (
        "rootfs_etc_escape",
        |outside| {
            let to = |name| symlink(name, &format!("{outside}/canary"));
            vec![to("etc/passwd"), to("etc/group"), to("etc/resolv.conf"), to("etc/hosts"), to("etc/hostname")]
        },
        Either,
        Either,
    ),
    ("rootfs_etc_escape, whole", |outside| vec![symlink("etc", outside)], Refused("cannot replace `etc`"), Either),
    (
        "container_dir_escape, lock_path_escape, image_cache_escape",
        |outside| {
            let store = outside.replace("/outside", "/data/envbox");
            let cache = outside.replace("/outside", "/cache/envbox");
            vec![
                symlink("s", &store),
                symlink("c", &cache),
                dir("s"),
                file("s/evil", "x"),
                file("s/locks/evil", "x"),
                file("c/blobs/sha256/evil", "x"),
            ]
        },
        Either,
        Either,
    ),
    (
        "the store by `..`",
        |_| vec![file("../evil", "x"), file("../../layers/sha256/evil", "x")],
        Refused("has `..` in it"),
        Refused("has `..` in it"),
    ),
    (
        "CVE-2021-29136",
        |outside| vec![entry(b"/.", EntryType::Symlink, outside.as_bytes(), b""), file("canary", "x")],
        Refused("the archive's own root is not a directory"),
        Refused("the archive's own root is not a directory"),
    ),
    (
        "CVE-2025-62518",
        |_| {
            let carrier = with(b"carrier", EntryType::Regular, b"", b"", |_| {});
            vec![pax(&[("size", b"512")]), carrier, file("smuggled", "")]
        },
        Harmless("test -f /carrier -a ! -e /smuggled"),
        Harmless("test -f /carrier -a ! -e /smuggled"),
    ),
    (
        "device nodes",
        |_| {
            let node = |name, kind| with(name, kind, b"", b"", |header| header.set_device_major(8).unwrap());
            // A device 0:0 is an overlay's whiteout.
            let forged = entry(b"etc/passwd", EntryType::Char, b"", b"");
            vec![node(b"sda", EntryType::Block), node(b"mem", EntryType::Char), forged]
        },
        Harmless("test ! -e /sda -a ! -e /mem -a -e /etc/passwd"),
        Harmless("test ! -e /sda -a ! -e /mem -a -e /etc/passwd"),
    ),
    ("NUL", |_| vec![pax(&[("path", b"a\0b")]), file("a", "x")], Refused("NUL"), Refused("NUL")),
    (
        "whiteouts of what is above",
        |_| vec![file("opt/.wh...", "")],
        Harmless("test -f /opt/.wh..."),
        Refused("whiteout"),
    ),
    (
        "overlay xattr forgery",
        |_| {
            let opaque =
                [("SCHILY.xattr.user.overlay.opaque", &b"y"[..]), ("SCHILY.xattr.trusted.overlay.opaque", b"y")];
            let redirect = [("SCHILY.xattr.user.overlay.redirect", &b"/bin"[..])];
            let stat = [("SCHILY.xattr.user.containers.override_stat", &b"0:0:4755"[..])];
            vec![pax(&opaque), dir("etc"), pax(&redirect), dir("opt"), pax(&stat), file("evil", "x")]
        },
        Harmless("test -e /etc/passwd -a ! -e /opt/busybox -a ! -u /evil"),
        Harmless("test -e /etc/passwd -a ! -e /opt/busybox -a ! -u /evil"),
    ),
    (
        "deep_trees",
        |_| vec![pax(&[("path", &b"d/".repeat(2000))]), dir("d")],
        Harmless("test -d /d/d/d/d/d/d/d/d"),
        Harmless("test -d /d/d/d/d/d/d/d/d"),
    ),
    (
        "deeper than a path can say",
        |_| vec![pax(&[("path", &b"d/".repeat(2100))]), dir("d")],
        Refused("bytes in a path"),
        Refused("bytes in a path"),
    ),
    (
        "negative size",
        |_| vec![with(b"f", EntryType::Regular, b"", b"", |header| header.as_old_mut().size = [0xff; 12])],
        Refused("bytes in one file"),
        Refused("bytes in one file"),
    ),
    (
        "huge size",
        |_| vec![with(b"f", EntryType::Regular, b"", b"", |header| header.set_size(1 << 62))],
        Refused("bytes in one file"),
        Refused("bytes in one file"),
    ),
    (
        "owner that nobody is",
        |_| vec![with(b"f", EntryType::Regular, b"", b"", |header| header.set_uid(70_000))],
        Refused("belongs to 70000:0"),
        Refused("belongs to 70000:0"),
    ),
    (
        "verbose_escapes",
        |_| vec![file("f\x1b]0;x\x07\u{202e}\u{9b}/..", "x")],
        Refused("has `..` in it"),
        Refused("has `..` in it"),
    ),
];

/// Carries out each attack through one door.
fn attack(door: Door) {
    requires!(userns, subid, overlay, fixtures);
    for (name, parts, as_tarball, as_layer) in ATTACKS {
        let victim = Victim::new();
        let parts = parts(victim.outside().to_str().unwrap());
        let image = door.put(&victim, archive(&parts));
        let outcome = victim.env.envbox(["create", "b", "-v", "--image", &image.name]).output();
        let attack = format!("{name} through {door:?}: {outcome:#?}");
        assert_inert(&(outcome.stdout + &outcome.stderr));
        match (outcome.status.code(), if door.is_layered() { as_layer } else { as_tarball }) {
            (Some(125), Refused(why)) => assert!(outcome.stderr.contains(why), "{attack}"),
            (Some(125), Either) => assert!(outcome.stderr.contains("error: "), "{attack}"),
            (Some(0), Harmless(script)) => {
                drop(victim.env.envbox(["run", "b", "--", "sh", "-c", script]).succeeds());
            }
            // Whether it can be run is another matter; what it does while it is made ready is not.
            (Some(0), Either) => drop(victim.env.envbox(["run", "b", "--", "true"]).output()),
            _ => panic!("{attack}"),
        }
        if outcome.status.code() == Some(125) {
            victim.has_nothing(&attack);
        }
        victim.check(&attack);
    }
}

#[test]
fn through_a_tarball() {
    attack(Door::Tarball);
}

#[test]
fn through_a_layout() {
    attack(Door::Layout);
}

#[test]
fn through_an_archive_of_a_layout() {
    attack(Door::OciArchive);
}

#[test]
fn through_a_docker_archive() {
    attack(Door::DockerArchive);
}

#[test]
fn through_compressed_archives_in_a_compressed_archive() {
    attack(Door::Nested);
}

#[test]
fn through_a_registry() {
    attack(Door::Registry);
}
