//! One entry of an index, and its place among the others.

use std::cmp::Ordering;

use crate::sys::fs::Kind;

/// In the order of their numbers on disk.
const KINDS: [Kind; 6] = [Kind::File, Kind::Directory, Kind::Symlink, Kind::Fifo, Kind::Whiteout, Kind::Other];

/// A file, by whatever makes it that file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Beneath the root, without a leading `/`; empty for the root itself.
    pub path: &'a [u8],
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// The owner, as the namespace shows it.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// Last modification: seconds and nanoseconds.
    pub modified: (i64, u32),
    /// Bytes in a file, holes included, or in a link's target.
    pub size: u64,
    /// A hash of a file's content or a link's target. Equal contents have equal hashes, but it takes no secret to make
    /// others that have: what is done with files that are taken for the same has to compare them byte for byte.
    pub content: u128,
    /// A hash of the extended attributes that belong to the tree (`user.*`, `security.capability`); 0 where there are none.
    pub attributes: u64,
}

impl<'a> Entry<'a> {
    /// Numbers in little-endian order, the length of the path first.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.path.len()).unwrap_or(u32::MAX);
        let kind = KINDS.iter().position(|&kind| kind == self.kind).and_then(|at| u8::try_from(at).ok());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(self.path);
        out.push(kind.unwrap_or(u8::MAX));
        for number in [self.mode, self.uid, self.gid, self.modified.1] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.modified.0.to_le_bytes());
        out.extend_from_slice(&self.size.to_le_bytes());
        out.extend_from_slice(&self.content.to_le_bytes());
        out.extend_from_slice(&self.attributes.to_le_bytes());
    }

    fn decode(from: &mut &'a [u8]) -> Option<Self> {
        fn number<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
            let (number, rest) = from.split_first_chunk()?;
            *from = rest;
            Some(*number)
        }
        let length = usize::try_from(u32::from_le_bytes(number(from)?)).ok()?;
        let (path, rest) = from.split_at_checked(length)?;
        *from = rest;
        let [kind] = number(from)?;
        let mut short = || Some(u32::from_le_bytes(number(from)?));
        let (mode, uid, gid, nanoseconds) = (short()?, short()?, short()?, short()?);
        Some(Self {
            path,
            kind: *KINDS.get(usize::from(kind))?,
            mode,
            uid,
            gid,
            modified: (i64::from_le_bytes(number(from)?), nanoseconds),
            size: u64::from_le_bytes(number(from)?),
            content: u128::from_le_bytes(number(from)?),
            attributes: u64::from_le_bytes(number(from)?),
        })
    }

    /// The order of an index.
    pub(super) fn order(&self, other: &Entry<'_>) -> Ordering {
        self.key().cmp(other.key())
    }

    /// The components of the path, each with whether it is a directory's.
    fn key(&self) -> impl Iterator<Item = (bool, &[u8])> {
        let last = self.path.iter().filter(|&&byte| byte == b'/').count();
        let components = self.path.split(|&byte| byte == b'/').filter(|component| !component.is_empty()).enumerate();
        components.map(move |(at, component)| (at < last || self.kind == Kind::Directory, component))
    }
}

/// Reads entries one by one.
#[derive(Debug, Clone)]
pub(super) struct Records<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        Entry::decode(&mut self.0)
    }
}

/// How many entries these are; `None` unless they are well formed and in order.
pub(super) fn count(records: &[u8]) -> Option<u64> {
    let mut rest = records;
    let mut last: Option<Entry<'_>> = None;
    let mut count = 0;
    while !rest.is_empty() {
        let entry = Entry::decode(&mut rest)?;
        if last.is_some_and(|last| last.order(&entry) != Ordering::Less) {
            return None;
        }
        last = Some(entry);
        count += 1;
    }
    Some(count)
}
