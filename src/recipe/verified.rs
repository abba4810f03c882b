//! How far a source can be trusted, by what its recipe says.

use serde::Serialize;

use super::{Source, Tarball};

/// What vouches for what a source yields, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verified {
    /// The recipe has its digest.
    Digest,
    /// The distribution's own key.
    Signature,
    /// A digest from its publisher, over TLS.
    Checksum,
    /// TLS, and nothing else.
    Tls,
    /// Nothing: plain http.
    Nothing,
}

impl Verified {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Digest => "pinned digest",
            Self::Signature => "signature",
            Self::Checksum => "checksum over TLS",
            Self::Tls => "TLS only",
            Self::Nothing => "nothing",
        }
    }
}

impl Source {
    /// The word for this kind of source in recipes.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tarball(_) => "tarball",
            Self::Debian(_) => "debian",
            Self::Oci(_) => "oci",
            Self::Lxc(_) => "lxc",
        }
    }

    /// What vouches for what it yields.
    pub fn verified(&self) -> Verified {
        match self {
            Self::Debian(_) => Verified::Signature,
            Self::Tarball(tarball) => tarball.verified(),
            Self::Oci(oci) if oci.image.contains('@') => Verified::Digest,
            Self::Oci(_) => Verified::Checksum,
            Self::Lxc(lxc) => over_tls(std::slice::from_ref(&lxc.server), Verified::Checksum),
        }
    }
}

impl Tarball {
    fn verified(&self) -> Verified {
        let weaker = if self.sums.is_some() { Verified::Checksum } else { Verified::Tls };
        match (&self.digest, &self.signature) {
            (Some(_), _) => Verified::Digest,
            (None, Some(_)) => Verified::Signature,
            (None, None) => over_tls(&self.at, weaker),
        }
    }
}

/// What vouches for something is worth nothing if it did not come over TLS.
fn over_tls(urls: &[String], verified: Verified) -> Verified {
    if urls.iter().all(|url| url.starts_with("https://")) { verified } else { Verified::Nothing }
}
