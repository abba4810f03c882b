//! What can go wrong while packing.

use std::io;
use std::path::PathBuf;

use crate::image::Digest;
use crate::image::oci::ParseError;

/// A failure to pack.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process could not be locked into the tree.
    #[error("cannot {what} {}", path.display())]
    Confine {
        /// What was tried.
        what: &'static str,
        /// The tree.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The tree could not be walked.
    #[error("cannot read the layer's tree")]
    Walk(#[source] io::Error),
    /// Something in the tree could not be read.
    #[error("cannot {what} `{name}`")]
    Read {
        /// What was tried.
        what: &'static str,
        /// Its path beneath the tree.
        name: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file was shorter than it had said, as one that is written to meanwhile.
    #[error("`{0}` changed while it was read")]
    Changed(String),
    /// A name that means the removal of another one in a layer (image-spec, layer.md, "Whiteouts").
    #[error("`{0}` cannot be in a layer: names that begin with `.wh.` stand for files that are removed")]
    Reserved(String),
    /// A name of an extended attribute that the archive's format has no way to write.
    #[error("`{name}` has an extended attribute with `=` in its name, which no tar archive can hold")]
    Attribute {
        /// The file.
        name: String,
    },
    /// The layer could not be written.
    #[error("cannot write the layer")]
    Write(#[source] io::Error),
    /// A compressed layer could not be read.
    #[error("cannot decompress the layer {diff_id}")]
    Decompress {
        /// The digest of its stream.
        diff_id: Digest,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A layer is not the one that the image's config names.
    #[error("the layer is {actual}, and the image's config says {expected}")]
    DiffId {
        /// What the config says.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// The documents of an image are not what they were when they came.
    #[error("the image's {what} is damaged")]
    Document {
        /// Manifest or config.
        what: &'static str,
        /// What is wrong with it.
        source: ParseError,
    },
    /// An archive or a layout could not be written.
    #[error("cannot write {what}")]
    Output {
        /// Which part of it.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn read(what: &'static str, path: &[u8]) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { what, name: shown(path), source }
    }

    pub(super) fn output(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Output { what: what.into(), source }
    }
}

/// A path as messages have it.
pub(super) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
