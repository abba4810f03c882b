//! How to unpack, and what it may cost.

use serde::{Deserialize, Serialize};

/// How to unpack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// What it may cost.
    pub limits: Limits,
    /// Directories at the top that are not part of the tree.
    pub strip: Strip,
    /// Whom the files belong to.
    pub owners: Owners,
    /// What names that begin with `.wh.` mean.
    pub whiteouts: Whiteouts,
    /// Whether [`super::Report::digest`] is wanted: not where the input's digest is known already.
    pub hash_input: bool,
    /// Whether [`super::Report::content`] is wanted.
    pub hash_content: bool,
    /// Whether [`super::Report::files`] is wanted.
    pub index: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            strip: Strip::default(),
            owners: Owners::default(),
            whiteouts: Whiteouts::default(),
            hash_input: true,
            hash_content: false,
            index: false,
        }
    }
}

/// What names that begin with `.wh.` mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whiteouts {
    /// Nothing: the archive is a root file system.
    #[default]
    Literal,
    /// The archive is a layer of an OCI image (image-spec, layer.md): they say what of the layers below is gone, and
    /// become what an overlay takes for that. The tree's root is the archive's, whatever [`Strip`] says and as closed as
    /// the archive has it. A hard link may be to a file of a layer below ([`super::Report::links`]).
    Oci,
}

/// Directories at the top of an archive that are not part of the tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strip {
    /// One, where it looks like a root and the top does not: `usr`, `bin` or `etc` in it and not beside it.
    #[default]
    Auto,
    /// None.
    Never,
    /// So many components of every name; what has no more than those is left out.
    Components(usize),
}

/// Whom the files belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owners {
    /// Whom the archive says, by number.
    #[default]
    Archive,
    /// Root, all of them: the user namespace has no other id.
    Root,
}

/// What unpacking may cost. The defaults are far above any distribution's root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Members of the archive.
    pub entries: u64,
    /// Bytes in a path or in a link's target.
    pub path: usize,
    /// Bytes of extension headers for one member: PAX records, long names, maps of sparse files.
    pub headers: u64,
    /// Bytes written in all.
    pub bytes: u64,
    /// Bytes of one file, holes included.
    pub file: u64,
    /// Bytes out for each byte of input, once [`Limits::ratio_floor`] is reached.
    pub ratio: u64,
    /// Bytes out that are never too many, whatever the ratio.
    pub ratio_floor: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        Self {
            entries: 4_000_000,
            // PATH_MAX with its NUL (limits.h): the kernel takes no longer path.
            path: 4095,
            headers: 1 << 20,
            bytes: 64 * GIB,
            // A lastlog for large user ids has holes of hundreds of gigabytes, and takes nothing.
            file: 1024 * GIB,
            ratio: 200,
            ratio_floor: GIB / 2,
        }
    }
}
