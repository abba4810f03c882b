//! The process that unpacks one layer.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, Write as _};

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;

use super::Task;
use super::failure::Failure;
use crate::image::Digest;
use crate::sys::process::{self, Signal, SingleThread};
use crate::sys::root::{self, Open};
use crate::unpack::index::Index;
use crate::unpack::{self, Growing, Options, Report, Root, Whiteouts};
use crate::userns::{self, Namespaces};

/// What a child does: it locks itself in, unpacks, and looks whether that was the layer it was meant to be.
pub(super) fn unpack(
    proof: &SingleThread,
    task: &Task,
    blob: Option<Digest>,
    input: Growing,
) -> Result<Report, Failure> {
    process::die_with_parent(Signal::SIGKILL)
        .and_then(|()| userns::unshare(proof, Namespaces::NEWNS))
        .map_err(|error| Failure::Kernel("make a mount namespace", error))?;
    fs::create_dir(&task.target).map_err(|error| Failure::Kernel("make the directory to unpack into", error))?;
    let root = Root::confine(&task.target)?;
    let (whiteouts, hash_input) = (Whiteouts::Oci, blob.is_some());
    let options = Options { whiteouts, hash_input, hash_content: true, index: true, ..Options::default() };
    let report = unpack::tar(&root, input, &options, &mut |_| {})?;
    check("its file", report.digest, blob)?;
    check("its content", report.content, Some(task.diff_id))?;
    let files = report.files.as_ref().ok_or(Failure::Missing)?;
    write_index(&task.index, files).map_err(|error| Failure::Kernel("write the layer's index", error))?;
    Ok(report)
}

/// Completes the tree of a layer by what the layers below it have.
pub(super) fn adopt(task: &Task, report: &Report) -> Result<(), Failure> {
    let open = |path: &PathBuf| {
        root::open_absolute(path, Open::Directory).map_err(|error| Failure::Kernel("open a layer", error))
    };
    let tree = open(&task.target)?;
    let below: Vec<OwnedFd> = task.below.iter().map(open).collect::<Result<_, _>>()?;
    let failed = |source| Failure::Adopt { layer: task.diff_id, source };
    if !unpack::adopt(tree.as_fd(), &below, report).map_err(failed)? {
        return Ok(());
    }
    let files = Index::scan(&tree).map_err(failed)?;
    write_index(&task.index, &files).map_err(|error| Failure::Kernel("write the layer's index", error))
}

fn check(what: &'static str, actual: Option<Digest>, expected: Option<Digest>) -> Result<(), Failure> {
    match (actual, expected) {
        (Some(actual), Some(expected)) if actual == expected => Ok(()),
        (Some(actual), Some(expected)) => Err(Failure::Digest { what, actual, expected }),
        (_, None) => Ok(()),
        // Never taken for right, since it was not looked at.
        (None, Some(_)) => Err(Failure::Missing),
    }
}

/// Writes the index of a tree, in place of what a try before this one has written.
pub(in super::super) fn write_index(mut file: &File, index: &Index) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    let mut out = BufWriter::new(file);
    index.to_writer(&mut out)?;
    out.flush()
}
