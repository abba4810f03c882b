//! What is done with every tree before it becomes a layer: its index is made, and it shares what others have as well.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::live::proof;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::Digest;
use crate::plan::{HostPath, Overlay, Step};
use crate::store::Staging;
use crate::sys;
use crate::sys::root::{self, Open};
use crate::sys::tree;
use crate::unpack::index::{Index, Kind};
use crate::unpack::share::{Shared, Sharing};
use crate::userns::{self, Identity};
use crate::{ui, unpack};

/// Layers that are looked into, the newest first. Each costs a few milliseconds.
const MOST: usize = 64;

/// What is known of a tree when it is ready.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// Bytes of its files.
    pub(super) size: u64,
    /// What it has in common with other layers.
    pub(super) shared: Shared,
}

/// A failure to make a tree ready.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot open {}", .0.display())]
    Open(PathBuf, #[source] io::Error),
    #[error("cannot write the index {}", .0.display())]
    Index(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Scan(#[from] unpack::Error),
}

/// These layers as one tree, with a staged layer to take what is changed. It can be asked for again, for another overlay.
///
/// # Errors
/// Where the staged layer's directories cannot be made.
pub(super) fn on_others(context: &Context<'_>, layers: &[Digest], staging: &Staging, fuse: bool) -> Result<Step> {
    let layers: Vec<_> = layers.iter().map(|layer| context.store.layer_fs(layer)).collect();
    let [upper, work, root] = staging.layer_on_others()?;
    if let Some(top) = layers.last() {
        same_mode(top, &upper).map_err(Error::new)?;
    }
    let layers = layers.into_iter().map(HostPath).collect();
    let [upper, work, root] = [upper, work, root].map(HostPath);
    // All of it is written out once, when the layer gets its name.
    Ok(Step::Overlay(Overlay { fuse, layers, upper, work, root, volatile: true }))
}

/// The upper directory is what the merged root shows, to whom its owner is given when it is mounted; it is the user's no
/// more after that.
fn same_mode(from: &Path, to: &Path) -> io::Result<()> {
    let (from, mine) = (fs::metadata(from)?, fs::metadata(to)?.uid() == sys::id::uid());
    if mine { fs::set_permissions(to, from.permissions()) } else { Ok(()) }
}

/// Makes a staged tree ready to be a layer, with files of other layers in it if that is wanted. Returns the bytes of its
/// files.
///
/// # Errors
/// Where it cannot be read, or its index not be written.
pub(super) fn seal(context: &Context<'_>, identity: &Identity, staging: &Staging, no_share: bool) -> Result<u64> {
    let (layer, others) = (staging.path().join("layer"), others(context, no_share)?);
    let sealed = userns::run(&proof()?, identity, |_| prepare(&layer, &others))?;
    tell(context, &[sealed.shared]);
    Ok(sealed.size)
}

/// Says what layers have in common with those that were there before.
pub(super) fn tell(context: &Context<'_>, shared: &[Shared]) {
    let files: u64 = shared.iter().map(|shared| shared.files).sum();
    let bytes = shared.iter().map(|shared| shared.bytes).sum();
    if files > 0 {
        context.ui.step(&format!("{files} files, {}, are shared with other layers", ui::size(bytes)));
    }
}

/// The trees that new ones may share files with: none, if the user does not want that.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn others(context: &Context<'_>, no_share: bool) -> Result<Vec<PathBuf>> {
    if no_share || context.host.var("ENVBOX_NO_SHARE").is_some_and(|set| !set.is_empty()) {
        return Ok(Vec::new());
    }
    Ok(context.store.newest_layers(MOST)?.iter().map(|layer| context.store.layer_fs(layer)).collect())
}

/// Makes a tree ready, inside the namespace. `layer` is the directory that has it as `fs`; where its index is missing, the
/// tree is read for it.
///
/// # Errors
/// [`Failure`].
pub(super) fn prepare(layer: &Path, others: &[PathBuf]) -> std::result::Result<Sealed, Failure> {
    let (tree, path) = (layer.join("fs"), layer.join("index"));
    let root = root::open_absolute(&tree, Open::Directory).map_err(|source| Failure::Open(tree, source))?;
    let index = match File::open(&path) {
        Ok(file) => Index::from_reader(BufReader::new(file)).map_err(|source| Failure::Index(path, source))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let index = Index::scan(root.as_fd())?;
            write(&index, &path).map_err(|source| Failure::Index(path, source))?;
            index
        }
        Err(source) => return Err(Failure::Open(path, source)),
    };
    let size = size(root.as_fd()).map_err(|source| Failure::Open(layer.join("fs"), source))?;
    let mut sharing = Sharing::new(root, &index);
    for other in others {
        if sharing.is_done() {
            break;
        }
        // One that is being removed is none to share with.
        if let Ok(other) = root::open_absolute(other, Open::Directory) {
            sharing.look_in(other.as_fd());
        }
    }
    Ok(Sealed { size, shared: sharing.shared() })
}

/// Bytes of the files in a tree, each once, whatever names it has.
fn size(root: BorrowedFd<'_>) -> io::Result<u64> {
    let (mut size, mut linked) = (0, HashSet::new());
    tree::visit(root, &mut |visited| {
        let status = &visited.status;
        if status.kind == Kind::File && (status.links < 2 || linked.insert(status.identity)) {
            size += status.size;
        }
        Ok(())
    })?;
    Ok(size)
}

fn write(index: &Index, path: &Path) -> io::Result<()> {
    let mut out = BufWriter::new(fs::File::create_new(path)?);
    index.to_writer(&mut out)?;
    out.flush()
}
