//! What can go wrong with an archive.

use std::fmt;
use std::io;

use super::name::Shown;
use super::stream::Format;

/// A failure to unpack.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process could not be locked into the target.
    #[error("cannot {what} {}", path.display())]
    Confine {
        /// What was tried.
        what: &'static str,
        /// The target.
        path: std::path::PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The input could not be read, or is not what its first bytes say: cut short, or altered.
    #[error("cannot read the {format} stream")]
    Stream {
        /// What the first bytes say it is.
        format: Format,
        /// Why.
        source: io::Error,
    },
    /// The input is no archive at all.
    #[error("the input is not a tar archive")]
    NotAnArchive,
    /// The archive breaks the rules of its format, or means different things to different readers.
    #[error("the archive is malformed at `{name}`: {what}")]
    Malformed {
        /// The member, as far as it is known.
        name: Shown,
        /// Which rule.
        what: &'static str,
    },
    /// The archive has something in it that envbox does not unpack.
    #[error("`{name}` is of type `{kind}`, which is not supported")]
    Unsupported {
        /// The member.
        name: Shown,
        /// The type flag, escaped.
        kind: Shown,
    },
    /// The top of the archive is not a directory (CVE-2021-29136).
    #[error("the archive's own root is not a directory")]
    RootNotDirectory,
    /// Unpacking would cost more than is allowed.
    #[error("the archive has more than {cap}")]
    Limit {
        /// Which cap, with its value.
        cap: Cap,
    },
    /// Something could not be made in the target.
    #[error("cannot {what} `{name}`")]
    Write {
        /// What was tried.
        what: &'static str,
        /// The member.
        name: Shown,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A member belongs to an id that the user namespace has no place for.
    #[error("`{name}` belongs to {uid}:{gid}, which the boxes of this user have no ids for")]
    Owner {
        /// The member.
        name: Shown,
        /// Its user id.
        uid: u32,
        /// Its group id.
        gid: u32,
    },
    /// A Debian package is not one.
    #[error("`{package}` is not a Debian package: {what}")]
    NotADeb {
        /// The package.
        package: String,
        /// What is missing.
        what: &'static str,
    },
    /// A Debian package could not be unpacked.
    #[error("cannot unpack the package `{package}`")]
    Deb {
        /// The package.
        package: String,
        /// Why.
        source: Box<Error>,
    },
    /// Two packages have the same file, and neither says that it replaces the other.
    #[error("`{name}` is in the packages `{first}` and `{second}`")]
    Overlap {
        /// The file.
        name: Shown,
        /// One package.
        first: String,
        /// The other.
        second: String,
    },
}

impl Error {
    pub(super) fn malformed(name: &[u8], what: &'static str) -> Self {
        Self::Malformed { name: Shown::new(name), what }
    }

    pub(super) fn write(what: &'static str, name: &[u8], source: io::Error) -> Self {
        Self::Write { what, name: Shown::new(name), source }
    }
}

/// A cap of [`super::Limits`], with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// Members.
    Entries(u64),
    /// Bytes in a path.
    Path(usize),
    /// Bytes in the headers of one member.
    Headers(u64),
    /// Bytes written.
    Bytes(u64),
    /// Bytes of one file, holes included.
    File(u64),
    /// Bytes out for each byte in.
    Ratio(u64),
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries(limit) => write!(f, "{limit} entries"),
            Self::Path(limit) => write!(f, "{limit} bytes in a path"),
            Self::Headers(limit) => write!(f, "{limit} bytes of headers for one entry"),
            Self::Bytes(limit) => write!(f, "{limit} bytes of content"),
            Self::File(limit) => write!(f, "{limit} bytes in one file"),
            Self::Ratio(limit) => write!(f, "{limit} bytes of content for each byte of input"),
        }
    }
}
