//! What was unpacked, and what was left out.

use serde::{Deserialize, Serialize};

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
    /// The digest of the whole input, as it was given.
    pub digest: Digest,
    /// The directory at the archive's top that was taken for the root, and is not in the tree.
    pub stripped: Option<String>,
}

/// Counts kept while writing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) devices_skipped: u64,
    pub(super) xattrs_dropped: u64,
}
