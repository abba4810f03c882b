//! An image of the store, ready to be handed on.

use std::fs::File;
use std::io::Seek as _;
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use super::identity;
use super::live::proof;
use crate::cli;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::oci::{Descriptor, Platform};
use crate::image::{Digest, Image};
use crate::pack::{self, Compression, Export, Layer, Packed};
use crate::store::blobs::Blobs;
use crate::userns;

/// How the layers of an image that was not published are compressed, if nobody says how.
const USUAL: Compression = Compression::Gzip;

/// Everything of an image that others get. A layer it was published with comes from the download cache as it is, or, where
/// it is to be compressed in another way, as the same stream; what the cache does not have is packed from its tree.
///
/// # Errors
/// Whatever keeps a layer from being read or packed.
pub(super) fn export(context: &Context<'_>, image: &Image, wanted: Option<Compression>) -> Result<Export> {
    let blobs = Blobs::new(&context.host.dirs.cache);
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let exporting = Exporting { context, blobs, wanted, threads };
    let layers: Result<Vec<Layer>> = match &image.published {
        Some(published) => {
            let layers = pack::published_layers(published)?;
            // The store may know a layer by more than its DiffID: by what it lies on, too.
            let with_trees = layers.into_iter().zip(&image.layers);
            with_trees.map(|((blob, diff_id), tree)| exporting.published(blob, diff_id, tree)).collect()
        }
        None => image.layers.iter().map(|layer| exporting.unpublished(layer)).collect(),
    };
    Ok(Export::new(image, layers?, &Platform::linux(std::env::consts::ARCH))?)
}

impl From<cli::Compression> for Compression {
    fn from(given: cli::Compression) -> Self {
        match given {
            cli::Compression::Gzip => Self::Gzip,
            cli::Compression::Zstd => Self::Zstd,
            cli::Compression::None => Self::Plain,
        }
    }
}

struct Exporting<'a> {
    context: &'a Context<'a>,
    blobs: Blobs,
    wanted: Option<Compression>,
    threads: NonZeroUsize,
}

/// What a blob is made of.
enum Origin {
    Tree,
    Blob(File, Digest),
}

impl Exporting<'_> {
    fn published(&self, descriptor: Descriptor, diff_id: Digest, tree: &Digest) -> Result<Layer> {
        let compression = Compression::of(&descriptor.media_type);
        let cached = self.blobs.open(&descriptor.digest).map_err(Error::new)?;
        match cached {
            Some(file) if self.wanted.is_none_or(|wanted| wanted == compression) => {
                Ok(Layer { descriptor, diff_id, file })
            }
            Some(file) => self.made(tree, Origin::Blob(file, diff_id)),
            None => self.made(tree, Origin::Tree),
        }
    }

    fn unpublished(&self, layer: &Digest) -> Result<Layer> {
        self.made(layer, Origin::Tree)
    }

    /// A new blob, made by a process that is locked into the layer's tree.
    fn made(&self, layer: &Digest, origin: Origin) -> Result<Layer> {
        let Self { context, threads, .. } = *self;
        let compression = self.wanted.unwrap_or(USUAL);
        let tree: PathBuf = context.store.layer_fs(layer);
        let mut file = self.blobs.scratch().map_err(Error::new)?;
        let packed: Packed = userns::run(&proof()?, &identity::of(context)?, |_| {
            let bar = context.ui.progress(&format!("packing {}", layer.short()), None);
            let root = pack::confine(&tree)?;
            let mut progress = |bytes| bar.advance(bytes);
            let packed = match origin {
                Origin::Tree => pack::layer(root.as_fd(), &file, compression, threads, &mut progress)?,
                Origin::Blob(blob, diff_id) => {
                    pack::recompress(blob, &diff_id, &file, compression, threads, &mut progress)?
                }
            };
            bar.finish();
            Ok::<_, pack::Error>(packed)
        })?;
        if packed.left_out > 0 {
            context.ui.step(&format!("left out {} sockets and device nodes", packed.left_out));
        }
        // The other process has left the common offset at the end.
        file.rewind().map_err(Error::new)?;
        let descriptor = Descriptor::new(compression.media_type(), packed.blob, packed.size);
        Ok(Layer { descriptor, diff_id: packed.diff_id, file })
    }
}
