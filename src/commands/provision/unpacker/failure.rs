//! What can go wrong in the processes that unpack.

use std::io;

use crate::commands::layer;
use crate::image::Digest;
use crate::unpack;

/// Why a layer, or all of them, could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot {0}")]
    Kernel(&'static str, #[source] io::Error),
    #[error("the layer {layer} cannot be unpacked")]
    Layer { layer: Digest, source: Told },
    #[error("a layer was not handed over")]
    Missing,
    #[error("a layer has more whiteouts than anybody would write")]
    TooMuch,
    #[error("the layer {layer} cannot be put on top of those below it")]
    Adopt { layer: Digest, source: unpack::Error },
    #[error("the download was given up")]
    GivenUp,
    #[error(transparent)]
    Unpack(#[from] unpack::Error),
    #[error(transparent)]
    Seal(#[from] layer::Failure),
    #[error("{what} has been altered: it is {actual}, not {expected}")]
    Digest { what: &'static str, actual: Digest, expected: Digest },
}

/// What a child has told, with its causes.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Told {
    text: String,
    #[source]
    cause: Option<Box<Told>>,
}

impl Told {
    pub(super) fn from_texts(texts: Vec<String>) -> Self {
        let link = |cause, text| Some(Box::new(Self { text, cause }));
        let told = texts.into_iter().rev().fold(None, link);
        told.map_or_else(|| Self { text: "it ended early".to_owned(), cause: None }, |told| *told)
    }
}
