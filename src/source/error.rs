//! What can go wrong with a source.

use std::io;
use std::path::PathBuf;

use super::debian::UNTIL_FLAG;
use super::http::Fault;
use super::layout;
use super::oci;
use super::verify::Sum;
use crate::image::Digest;
use crate::store::blobs;

/// The flag that lets [`Error::Unverified`] pass, for hints.
pub const UNVERIFIED_FLAG: &str = "--allow-unverified";

/// A root filesystem, or a part of one, could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A URL could not be fetched.
    #[error("cannot fetch {url}")]
    Fetch {
        /// The URL, without a password.
        url: String,
        /// Why.
        source: Box<Fault>,
    },
    /// An image at a registry could not be had, or put there.
    #[error("cannot {what} {reference}")]
    Registry {
        /// What was tried: `fetch`, `push`, …
        what: &'static str,
        /// The image.
        reference: String,
        /// Why.
        source: Box<oci::Fault>,
    },
    /// The async runtime could not be set up.
    #[error("cannot set up for downloads")]
    Runtime {
        /// The kernel's answer.
        source: io::Error,
    },
    /// The download cache could not be used.
    #[error("the download cache cannot be used")]
    Cache {
        /// Why.
        source: blobs::Error,
    },
    /// A local file could not be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Something has not the content that was promised.
    #[error("{what} has been altered: it is {actual}, not {expected}")]
    Digest {
        /// The file or URL.
        what: String,
        /// What was promised.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// The keyring is not an OpenPGP keyring.
    #[error("the keyring cannot be read: {0}")]
    Keyring(String),
    /// No good signature by a key of the keyring.
    #[error("{url} has no valid signature: {}", reasons.join("; "))]
    Signature {
        /// The signed file.
        url: String,
        /// What is wrong with each signature.
        reasons: Vec<String>,
    },
    /// A signed or indexed file does not say what it must.
    #[error("{url} is malformed: {what}")]
    Malformed {
        /// The file.
        url: String,
        /// What is missing or wrong.
        what: String,
    },
    /// Something has not the content that was promised, by an algorithm that the cache does not use.
    #[error("{what} has been altered: it is {actual}, not {expected}")]
    Sum {
        /// The file or URL.
        what: String,
        /// What was promised.
        expected: Box<Sum>,
        /// What it is.
        actual: Box<Sum>,
    },
    /// A list of digests says nothing of a file.
    #[error("{url} has no digest of {name}")]
    NoSum {
        /// The list.
        url: String,
        /// The file.
        name: String,
    },
    /// A list names no file like the one that is wanted.
    #[error("{url} names nothing like {pattern}")]
    NoFile {
        /// The list.
        url: String,
        /// The glob.
        pattern: String,
    },
    /// An LXC image server has no such image.
    #[error("{server} has no image `{product}` that can be used")]
    NoProduct {
        /// The server.
        server: String,
        /// The product.
        product: String,
    },
    /// A file that was fetched could not be read again.
    #[error("cannot read what was fetched from {url}")]
    Reread {
        /// From where.
        url: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Nowhere to look.
    #[error("no server is named")]
    NoServer,
    /// Neither a digest nor a signature, and no TLS either.
    #[error("nothing vouches for {url}: it came over plain http, unsigned")]
    Unverified {
        /// Where it came from.
        url: String,
    },
    /// The text can be no suite's name.
    #[error("`{name}` can be no suite of a package archive")]
    UnknownSuite {
        /// The text.
        name: String,
    },
    /// A mirror has no such suite.
    #[error("{mirror} has no suite `{suite}`")]
    NoSuite {
        /// The mirror.
        mirror: String,
        /// The suite.
        suite: String,
    },
    /// A mirror serves another suite's list.
    #[error("{url} belongs to suite `{found}`, not `{suite}`")]
    WrongSuite {
        /// The list.
        url: String,
        /// What was asked for.
        suite: String,
        /// What its signed text says.
        found: String,
    },
    /// The list is out of date by its own account.
    #[error("{url} was valid until {until}")]
    Expired {
        /// The list.
        url: String,
        /// Its `Valid-Until`.
        until: String,
    },
    /// The suite is not there for this architecture.
    #[error("{url} has nothing for {arch}")]
    NoArch {
        /// The list.
        url: String,
        /// Debian's name of the architecture.
        arch: String,
    },
    /// A package that was asked for does not exist.
    #[error("there is no package `{name}` in {suite}")]
    NoPackage {
        /// Its name.
        name: String,
        /// The suite.
        suite: String,
    },
    /// A dependency cannot be met.
    #[error("package {package} depends on `{dependency}`, which nothing in the archive satisfies")]
    Unsatisfied {
        /// The package.
        package: String,
        /// The dependency, as the package states it.
        dependency: String,
    },
    /// Two packages of the selection exclude each other.
    #[error("packages {package} and {other} exclude each other ({relation})")]
    Conflict {
        /// The one that says so.
        package: String,
        /// The other.
        other: String,
        /// How it says so.
        relation: String,
    },
    /// An image on this machine cannot be used.
    #[error(transparent)]
    Layout(#[from] layout::Error),
    /// A finished package, or a layer, could not be handed on.
    #[error("cannot hand on {package}")]
    HandOn {
        /// What it is.
        package: String,
        /// Why.
        source: io::Error,
    },
}

impl From<blobs::Error> for Error {
    fn from(source: blobs::Error) -> Self {
        Self::Cache { source }
    }
}

impl Error {
    pub(super) fn fetch(url: &str, fault: Fault) -> Self {
        Self::Fetch { url: without_password(url), source: Box::new(fault) }
    }

    /// What the cache said of the content of `what`.
    pub(super) fn content(what: &str, error: blobs::Error) -> Self {
        match error {
            blobs::Error::Digest { expected, actual } => {
                Self::Digest { what: without_password(what), expected, actual }
            }
            source @ blobs::Error::Io { .. } => Self::Cache { source },
        }
    }

    /// Whether there is merely nothing to be had: no server, or no such thing there. Everything else was refused for what
    /// it is.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Registry { source, .. } => source.is_unavailable(),
            Self::Fetch { .. }
            | Self::NoSuite { .. }
            | Self::NoArch { .. }
            | Self::NoFile { .. }
            | Self::NoProduct { .. } => true,
            _ => false,
        }
    }

    /// Whether there was no way to the server at all.
    pub fn is_offline(&self) -> bool {
        match self {
            Self::Fetch { source, .. } => source.is_offline(),
            Self::Registry { source, .. } => source.is_offline(),
            _ => false,
        }
    }

    /// The error and its causes, for a note.
    pub(super) fn in_one_line(&self) -> String {
        let causes = std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// Whether the server has no such file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Fetch { source, .. } if matches!(**source, Fault::Status { status: 404 | 410, .. }))
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Fetch { source, .. } => return source.hint(),
            Self::Registry { source, .. } => return source.hint(),
            Self::Cache { source: blobs::Error::Io { source, .. } } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "make room on that disk: `envbox gc --keep-downloads 0` removes downloads".to_owned()
                }
                _ => "set XDG_CACHE_HOME to a directory that can be written to".to_owned(),
            },
            Self::Digest { .. } | Self::Sum { .. } => {
                "fetch it again, or from another server; do not use it as it is".to_owned()
            }
            Self::Signature { .. } => {
                "try another mirror (--mirror), and check this machine's clock; a newer envbox may know newer keys"
                    .to_owned()
            }
            Self::Unverified { .. } => {
                format!("{UNVERIFIED_FLAG} takes it nevertheless; --digest sha256:… takes it if it is what you know")
            }
            Self::Expired { .. } => format!("try another mirror (--mirror), or accept the old list with {UNTIL_FLAG}"),
            Self::UnknownSuite { .. } => {
                "suites have names such as `trixie`, `stable`, `noble` or `kali-rolling`".to_owned()
            }
            Self::NoSuite { .. } => "check the spelling, or try another mirror (--mirror)".to_owned(),
            Self::WrongSuite { .. } | Self::Unsatisfied { .. } | Self::Conflict { .. } => {
                "the mirror may be broken or amid an update: try again later, or another one (--mirror)".to_owned()
            }
            Self::Layout(error) => return error.hint(),
            Self::NoPackage { .. } => "check the spelling; only some sections of the archive are searched".to_owned(),
            _ => return None,
        })
    }
}

/// A URL that can be shown: the user's name and password, which may stand before the host's, are left out.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_has_nothing_is_told_from_one_that_lies() {
        let (registry, said) = ("r".to_owned(), String::new());
        let at_registry =
            |fault| Error::Registry { what: "fetch", reference: "r/x".to_owned(), source: Box::new(fault) };
        for fault in [
            oci::Fault::Missing { registry: registry.clone(), what: "manifest".to_owned() },
            oci::Fault::Denied { registry: registry.clone(), anonymous: true, said: said.clone() },
            oci::Fault::Answer { registry: registry.clone(), status: 503, what: "x".to_owned(), said },
            oci::Fault::Http { url: "x".to_owned(), source: Fault::Stalled(std::time::Duration::ZERO) },
        ] {
            assert!(at_registry(fault).is_unavailable());
        }
        for fault in [
            oci::Fault::Size { what: "x".to_owned(), expected: 1, actual: 2 },
            oci::Fault::Layers { layers: 1, diff_ids: 2 },
            oci::Fault::Protocol { registry, what: "x" },
        ] {
            assert!(!at_registry(fault).is_unavailable());
        }
        let (expected, actual) = (Digest::of(b"a"), Digest::of(b"b"));
        assert!(!Error::Digest { what: "x".to_owned(), expected, actual }.is_unavailable());
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("http://al:secret@host:80/a@b"), "http://host:80/a@b");
        assert_eq!(without_password("https://host/a"), "https://host/a");
        assert_eq!(without_password("no url"), "no url");
    }
}
