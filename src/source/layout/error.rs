//! What can be wrong with an image on this machine.

use std::io;

use super::Which;
use crate::image::Digest;
use crate::image::oci::ParseError;
use crate::store::blobs;

/// An image in a layout or a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of it is not there.
    #[error("{what} is missing")]
    Missing {
        /// The file.
        what: String,
    },
    /// A file of it cannot be read.
    #[error("cannot read {what}")]
    Read {
        /// The file.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The download cache, which holds the files of a bundle, could not be used.
    #[error("the download cache cannot be used")]
    Cache {
        /// Why.
        source: Box<blobs::Error>,
    },
    /// A file of it has not the size that was announced, or is larger than any document.
    #[error("{what} has {actual} bytes, not {expected}")]
    Size {
        /// The file.
        what: String,
        /// What was announced, or the most that is read.
        expected: u64,
        /// What it has.
        actual: u64,
    },
    /// A file of it has not the content that was announced.
    #[error("{what} has been altered: it is {actual}, not {expected}")]
    Digest {
        /// The file.
        what: String,
        /// What was announced.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// A document is not what it should be.
    #[error("{what} cannot be used")]
    Document {
        /// The document.
        what: String,
        /// What is wrong with it.
        source: Box<ParseError>,
    },
    /// It does not make up an image.
    #[error("{at} cannot be used: {what}")]
    Unusable {
        /// Where it is.
        at: String,
        /// What is wrong.
        what: String,
    },
    /// There is no such image.
    #[error("there is {which} in {at}")]
    NoImage {
        /// Where it was looked for.
        at: String,
        /// Which.
        which: Which,
        /// Those there are.
        names: Vec<String>,
    },
    /// There are several images.
    #[error("there are several images in {at}")]
    Which {
        /// Where.
        at: String,
        /// Their names.
        names: Vec<String>,
    },
    /// There is none for this machine.
    #[error("{at} has nothing for {here}")]
    NoPlatform {
        /// Where it was looked for.
        at: String,
        /// What this machine is.
        here: String,
        /// What there is.
        platforms: Vec<String>,
    },
    /// The image is for other machines.
    #[error("the image is for {image}, and this machine is {here}")]
    Platform {
        /// What its config says.
        image: String,
        /// What this machine is.
        here: String,
    },
}

impl From<blobs::Error> for Error {
    fn from(error: blobs::Error) -> Self {
        Self::Cache { source: Box::new(error) }
    }
}

impl Error {
    pub(super) fn document(what: String, error: ParseError) -> Self {
        Self::Document { what, source: Box::new(error) }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoImage { names, .. } | Self::Which { names, .. } if !names.is_empty() => {
                Some(format!("name one of them after a colon: {}", names.join(", ")))
            }
            Self::NoPlatform { platforms, .. } if !platforms.is_empty() => {
                Some(format!("it has {}", platforms.join(", ")))
            }
            _ => None,
        }
    }
}
