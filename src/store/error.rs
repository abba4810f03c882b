//! What can go wrong in the store.

use std::io;
use std::path::PathBuf;

use crate::image::Digest;
use crate::recipe::BoxName;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory could not be made.
    #[error("cannot make {}", path.display())]
    Make {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or directory could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A record is not what this version writes.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is a box of that name.
    #[error("there is a box named `{0}` already")]
    BoxExists(BoxName),
    /// There is no box of that name.
    #[error("there is no box named `{0}`")]
    NoBox(BoxName),
    /// An image was to be put into the store without its layers.
    #[error("the layer {0} is not in the store")]
    NotLeased(Digest),
    /// A box refers to an image that is gone.
    #[error("the image of box `{0}` is not in the store")]
    NoImage(BoxName),
}
