//! Trees to pack, and how they are looked at.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use envbox::pack::{Compression, Packed};

use super::described::{Tree, described};
use crate::unpack::harness::{Place, work_at};
use crate::unpack::work::Work;

/// A bit of everything: owners, modes, times, attributes, links, a pipe, holes, and names of all sorts.
pub(crate) const EVERYTHING: &str = r#"
    mkdir -p d/e d/empty 'sp ace'
    echo hi > d/f; chown 1000:1001 d/f; chmod 4755 d/f
    setfattr -n user.foo -v 0x613d6200ff d/f; setfattr -n user.bar -v x d/f
    touch -d '2001-02-03 04:05:06.123456789' d/f
    ln d/f d/e/hard; ln d/f a-hard
    mkfifo -m 640 d/fifo; chown 7:8 d/fifo
    ln -s ../x d/sym; chown -h 33:44 d/sym; touch -h -d '2002-02-02 02:02:02.5' d/sym; ln d/sym d/symhard
    ln -s "$(printf 't%.0s' $(seq 300))" d/longlink
    echo run > d/cap; setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 d/cap
    touch "d/$(printf 'x%.0s' $(seq 100))" "d/$(printf 'y%.0s' $(seq 200))" 'd/ä' "d/$(printf 'not\377utf8')"
    mkdir "d/$(printf 'z%.0s' $(seq 120))"; touch "d/$(printf 'z%.0s' $(seq 120))/in"
    truncate -s 3000000 d/sparse
    head -c 2500000 /dev/urandom > d/noise
    chmod 1777 d/e; setfattr -n user.dir -v y d/e; chown 5:6 d/empty; chmod 0000 d/empty
    chown 0:0 .; chmod 755 .; touch -d '2003-03-03 03:03:03' d 'sp ace' .
"#;

/// A tree made by this script, as box-root.
pub(crate) fn tree(script: &str) -> Place {
    let place = Place::new();
    place.work::<()>(&Work::Shell { script: script.to_owned() }).unwrap();
    place
}

/// What GNU tar makes of a tree.
pub(crate) fn gnu_tar(tree: &Path) -> Vec<u8> {
    let dir = out_of_the_way();
    let out = dir.path().join("tar");
    let script = format!("{GNU_TAR} -cf {} .", out.display());
    work_at::<()>(tree, &Work::Shell { script }).unwrap();
    fs::read(out).unwrap()
}

/// A directory for what root of a user namespace is to write: in /tmp itself it may not write to a file that is another's
/// (proc_sys_fs(5), `protected_regular`).
fn out_of_the_way() -> tempfile::TempDir {
    tempfile::TempDir::new().unwrap()
}

/// GNU tar, saying all that it can.
pub(crate) const GNU_TAR: &str = "tar --xattrs --xattrs-include='*' --format=pax --numeric-owner --sort=name";

/// What GNU tar says of a tree.
pub(crate) fn seen_by_gnu_tar(tree: &Path) -> Tree {
    described(&*gnu_tar(tree))
}

/// Packs a tree.
pub(crate) fn pack(tree: &Path, compression: Compression, threads: usize) -> Result<(Packed, Vec<u8>), String> {
    let dir = out_of_the_way();
    let (out, threads) = (dir.path().join("layer"), NonZeroUsize::new(threads).unwrap());
    let work = Work::Layer { out: out.clone(), compression, threads };
    let packed: Result<Packed, String> = work_at(tree, &work).unwrap();
    packed.map(|packed| (packed, fs::read(out).unwrap()))
}
