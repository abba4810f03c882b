//! Where root filesystems come from. The only folder that opens sockets.
//!
//! Every function here blocks; the async runtime behind it lives in an [`http::Session`] that is dropped before the
//! function returns, and starts no thread. After any of them the process can fork again.

mod date;
pub mod debian;
pub mod distro;
mod error;
pub mod http;
pub mod layout;
mod mirrors;
pub mod oci;
mod progress;
mod simplestreams;
pub mod tarball;
pub mod verify;

use serde::{Deserialize, Serialize};

pub use error::{Error, UNVERIFIED_FLAG};
pub use progress::{Progress, Silent};

/// Why what was fetched is believed to be what its author made. Best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Its digest was known beforehand.
    PinnedDigest,
    /// The distribution's own key has signed it, or the list that has its digest.
    DistroSignature,
    /// Its digest came over TLS, from its publisher.
    ChecksumOverTls,
    /// It came over TLS, from whoever has that name.
    TlsOnly,
    /// Nothing: plain http, or a file that was there.
    None,
}

impl std::fmt::Display for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PinnedDigest => "pinned digest",
            Self::DistroSignature => "distribution's signature",
            Self::ChecksumOverTls => "checksum over TLS",
            Self::TlsOnly => "TLS only",
            Self::None => "nothing",
        })
    }
}
