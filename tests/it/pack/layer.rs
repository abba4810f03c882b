//! One layer: what is in it, and that it is always the same.

use std::fs::File;

use envbox::image::Digest;
use envbox::pack::Compression;
use envbox::sys::fs as sys_fs;

use super::described::{assert_same, described};
use super::trees::{EVERYTHING, pack, seen_by_gnu_tar, tree};
use crate::support::requires;
use crate::unpack::harness::Place;

#[test]
fn a_layer_says_what_gnu_tar_says() {
    requires!(userns, subid, setfattr);
    // podman, which is asked about the same tree elsewhere, knows no time before 1970.
    let place = tree(&format!("{EVERYTHING} touch -d '1960-01-01 00:00:00.25' old"));
    let theirs = seen_by_gnu_tar(&place.root());
    assert!(theirs.len() > 20 && theirs["a-hard"].contains("user.foo"), "{theirs:#?}");
    let (packed, plain) = pack(&place.root(), Compression::Plain, 2).unwrap();
    assert_same(&described(&*plain), &theirs);
    assert_eq!((packed.blob, packed.diff_id), (Digest::of(&plain), Digest::of(&plain)));
    assert_eq!(usize::try_from(packed.entries).unwrap(), theirs.len());
    for compression in [Compression::Gzip, Compression::Zstd] {
        let (packed, blob) = pack(&place.root(), compression, 2).unwrap();
        assert_eq!((packed.blob, packed.diff_id), (Digest::of(&blob), Digest::of(&plain)));
        assert_eq!(packed.size, u64::try_from(blob.len()).unwrap());
    }
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    requires!(userns, subid, setfattr);
    let script = |names: &str| {
        format!(
            "mkdir x; for n in {names}; do mkdir x/$n; seq 90000 > x/$n/f; echo $n > $n; done; ln a x/link;
            setfattr -n user.{} -v 1 a; setfattr -n user.{} -v 1 a; find . -exec touch -h -d @1000000000.5 {{}} +",
            &names[..1],
            &names[2..3]
        )
    };
    // Made in another order, so that neither inodes nor directories come in the same one.
    let (one, other) = (tree(&script("a b c d e f")), tree(&script("b a f e d c")));
    for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        let first = pack(&one.root(), compression, 1).unwrap();
        assert_eq!(first.0, pack(&other.root(), compression, 3).unwrap().0, "{compression:?}");
        assert!(first == pack(&one.root(), compression, 2).unwrap(), "{compression:?}");
    }
}

#[test]
fn marks_become_names() {
    requires!(userns, subid, setfattr);
    let place = tree(
        "mkdir -p d/opaque d/other; echo x > d/opaque/new
        mknod gone c 0 0; mknod d/gone c 0 0; ln d/gone d/opaque/gone
        touch d/old; setfattr -n user.overlay.whiteout -v y d/old
        setfattr -n user.overlay.opaque -v y d/opaque; setfattr -n user.overlay.opaque -v x d/other
        setfattr -n user.overlay.origin -v z d; setfattr -n user.containers.override_stat -v z d; setfattr -n user.mine -v z d",
    );
    let (_, plain) = pack(&place.root(), Compression::Plain, 1).unwrap();
    let members = described(&*plain);
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "",
            ".wh.gone",
            "d",
            "d/.wh.gone",
            "d/.wh.old",
            "d/opaque",
            "d/opaque/.wh..wh..opq",
            "d/opaque/.wh.gone",
            "d/opaque/new",
            "d/other"
        ]
    );
    assert!(members["d"].contains("user.mine"), "{}", members["d"]);
    let text = String::from_utf8_lossy(&plain);
    assert!(!text.contains("overlay") && !text.contains("containers"));
}

#[test]
fn an_opaque_root_hides_everything_below() {
    requires!(userns, subid, setfattr);
    let place = tree("setfattr -n user.overlay.opaque -v y .");
    let members = described(&*pack(&place.root(), Compression::Plain, 1).unwrap().1);
    assert_eq!(members.keys().collect::<Vec<_>>(), ["", ".wh..wh..opq"]);
}

#[test]
fn what_a_layer_cannot_say_is_an_error() {
    requires!(userns, subid, setfattr);
    for (script, expected) in [
        ("mkdir d; touch d/.wh.x", "`d/.wh.x` cannot be in a layer"),
        ("mkdir .wh..wh.plnk", "`.wh..wh.plnk` cannot be in a layer"),
        ("touch f; setfattr -n user.a=b -v x f", "`f` has an extended attribute with `=` in its name"),
    ] {
        let error = pack(&tree(script).root(), Compression::Gzip, 1).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn sockets_stay_behind() {
    requires!(userns, subid);
    let place = tree("touch f");
    let _socket = std::os::unix::net::UnixListener::bind(place.root().join("socket")).unwrap();
    let (packed, plain) = pack(&place.root(), Compression::Plain, 1).unwrap();
    assert_eq!((packed.entries, packed.left_out), (2, 1));
    assert_eq!(described(&*plain).len(), 2);
}

#[test]
fn paths_may_be_longer_than_the_kernel_takes() {
    requires!(userns, subid);
    let (place, name) = (Place::new(), "n".repeat(200));
    let mut here = File::open(place.root()).unwrap();
    for _ in 0..30 {
        sys_fs::make_dir(&here, name.as_ref(), 0o755).unwrap();
        here = sys_fs::open_child(&here, name.as_ref()).unwrap().into();
    }
    sys_fs::create_file(&here, "deep".as_ref(), 0o644).unwrap();
    let (packed, plain) = pack(&place.root(), Compression::Plain, 1).unwrap();
    assert_eq!(packed.entries, 32);
    assert!(described(&*plain).keys().any(|path| path.len() > 6000 && path.ends_with("/deep")));
}

#[test]
fn a_hundred_thousand_names() {
    requires!(userns, subid);
    let place = tree("mkdir d; cd d; seq 100000 | xargs touch");
    let (packed, plain) = pack(&place.root(), Compression::Plain, 1).unwrap();
    assert_eq!(packed.entries, 100_002);
    assert_eq!(described(&*plain).len(), 100_002);
}
