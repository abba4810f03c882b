//! How layers are compressed.

use serde::{Deserialize, Serialize};

use crate::image::oci::media;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// RFC 1952, which every program reads.
    Gzip,
    /// RFC 8878: smaller and several times as fast; docker reads it since 23, podman since 2.
    Zstd,
}

impl Compression {
    /// The media type of a layer that is compressed so (image-spec, layer.md).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Plain => media::LAYER,
            Self::Gzip => media::LAYER_GZIP,
            Self::Zstd => media::LAYER_ZSTD,
        }
    }

    /// How a layer of this media type is compressed, by its name.
    pub fn of(media_type: &str) -> Self {
        let suffix = media_type.rsplit(['.', '+']).next();
        match suffix {
            Some("gzip") => Self::Gzip,
            Some("zstd") => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_say_how() {
        for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
            assert_eq!(Compression::of(compression.media_type()), compression);
        }
        assert_eq!(Compression::of(media::DOCKER_LAYER_GZIP), Compression::Gzip);
        assert_eq!(Compression::of(media::DOCKER_LAYER), Compression::Plain);
    }
}
