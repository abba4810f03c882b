//! One member of an archive, all its headers taken together.

use ::tar::{EntryType, Header};

use super::Error;
use super::name::Shown;
use super::pax::{Extended, field};
use super::sparse::Map;

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    HardLink,
    Symlink,
    Directory,
    Fifo,
    Device,
    /// A label of the volume (GNU tar), which is no member at all.
    Label,
}

/// A member, content excepted.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The name as the archive has it.
    pub(super) name: Vec<u8>,
    /// The target of a link, as the archive has it.
    pub(super) link: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) meta: Meta,
    /// Bytes of content in the archive.
    pub(super) stored: u64,
    /// Where they belong, in a file with holes.
    pub(super) sparse: Option<Map>,
}

/// What a file has besides its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Seconds and nanoseconds.
    pub(super) modified: (i64, u32),
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The headers before a member's own.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    pub(super) long_name: Option<Vec<u8>>,
    pub(super) long_link: Option<Vec<u8>>,
    pub(super) extended: Option<Extended>,
}

impl Prefix {
    pub(super) fn is_empty(&self) -> bool {
        self.long_name.is_none() && self.long_link.is_none() && self.extended.is_none()
    }
}

impl Member {
    /// The member from its own header and those before it. PAX has the last word on everything it speaks of; `defaults`
    /// are from a global header.
    pub(super) fn new(header: &Header, prefix: Prefix, defaults: &Extended) -> Result<Self, Error> {
        let extended = prefix.extended.unwrap_or_default();
        let short = header.path_bytes();
        if prefix.long_name.is_some() && extended.path.is_some()
            || prefix.long_link.is_some() && extended.link.is_some()
        {
            return Err(Error::malformed(&short, "PAX and GNU long names for one entry"));
        }
        let given = extended.sparse.name.or(extended.path).or(prefix.long_name);
        let name = given.filter(|name| !name.is_empty()).unwrap_or_else(|| short.into_owned());
        let malformed = |what| Error::malformed(&name, what);

        let kind = kind(header, &name)?;
        let size = field(header.entry_size(), blank(&header.as_old().size), 0).map_err(malformed)?;
        let stored = extended.size.unwrap_or(size);
        if stored > 0 && !matches!(kind, Kind::File | Kind::Label) {
            // GNU tar skips so many bytes here for some types and none for others; other readers decide otherwise.
            return Err(malformed("an entry without content has a size"));
        }
        let link =
            extended.link.or(prefix.long_link).unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into());
        let owner = |pax: Option<u32>, default: Option<u32>, value, raw: &[u8]| match pax.or(default) {
            Some(id) => Ok(id),
            None => u32::try_from(field(value, blank(raw), 0).map_err(malformed)?)
                .map_err(|_| malformed("an owner is out of range")),
        };
        let old = header.as_old();
        let uid = owner(extended.uid, defaults.uid, header.uid(), &old.uid)?;
        let gid = owner(extended.gid, defaults.gid, header.gid(), &old.gid)?;
        let mode = field(header.mode(), blank(&old.mode), 0).map_err(malformed)? & 0o7777;
        let modified = match extended.modified.or(defaults.modified) {
            Some(time) => time,
            // In base 256 the field may be negative; the `tar` crate hands out its low 64 bits.
            None => (field(header.mtime(), blank(&old.mtime), 0).map_err(malformed)?.cast_signed(), 0),
        };
        let meta = Meta { mode, uid, gid, modified, xattrs: extended.xattrs };
        Ok(Self { name, link, kind, meta, stored, sparse: None })
    }
}

fn kind(header: &Header, name: &[u8]) -> Result<Kind, Error> {
    Ok(match header.entry_type() {
        // Before POSIX, a directory was a file whose name ends in a slash.
        EntryType::Regular | EntryType::Continuous if name.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
        EntryType::Link => Kind::HardLink,
        EntryType::Symlink => Kind::Symlink,
        EntryType::Directory => Kind::Directory,
        EntryType::Fifo => Kind::Fifo,
        EntryType::Char | EntryType::Block => Kind::Device,
        other if other.as_byte() == b'V' => Kind::Label,
        other => {
            return Err(Error::Unsupported { name: Shown::new(name), kind: Shown::new(&[other.as_byte()]) });
        }
    })
}

fn blank(field: &[u8]) -> bool {
    field.iter().all(|&byte| byte == 0 || byte == b' ')
}
