//! What was unpacked, and what was left out.

use serde::{Deserialize, Serialize};

use super::index::Index;
use crate::image::Digest;

/// What came of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Members of the archive, those left out included.
    pub entries: u64,
    /// Bytes of files written.
    pub bytes: u64,
    /// Device nodes left out: an ordinary user cannot make any.
    pub devices_skipped: u64,
    /// Extended attributes left out: not the archive's to set, or of no meaning here.
    pub xattrs_dropped: u64,
    /// Bytes of input after the end of the compressed stream. They are part of the digest.
    pub trailing: u64,
    /// Bytes of input.
    pub input: u64,
    /// The digest of the whole input, as it was given, where it was wanted.
    pub digest: Option<Digest>,
    /// The digest of what the input decompresses to, where it was wanted: an OCI layer's DiffID.
    pub content: Option<Digest>,
    /// The directory at the archive's top that was taken for the root, and is not in the tree.
    pub stripped: Option<String>,
    /// Hard links of an OCI layer to what is in none but the layers below.
    pub links: Vec<Link>,
    /// Whiteouts in the tree of an OCI layer.
    pub whiteouts: Vec<Vec<u8>>,
    /// Whether an OCI layer hides everything that is in the layers below.
    pub opaque: bool,
    /// Directories of an OCI layer that it has files in and does not speak of: below may be those whose owner, mode and
    /// time they should have. Its root is none of them, which hardly any layer speaks of; without a word it is root's, with
    /// mode 0755.
    pub implied: Vec<Vec<u8>>,
    /// What the tree holds, where that was wanted. It stays with the process that unpacked; whoever is told of the rest
    /// reads it from where that one has written it to.
    #[serde(skip)]
    pub files: Option<Index>,
}

/// A hard link that could not be made yet. Paths are beneath the root, without a leading `/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its own path.
    pub path: Vec<u8>,
    /// The path of what it is a link to.
    pub target: Vec<u8>,
}

/// Counts kept while writing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) devices_skipped: u64,
    pub(super) xattrs_dropped: u64,
}
