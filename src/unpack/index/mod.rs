//! What a tree holds, file by file, as it was unpacked: to find later what was damaged, and which files of two layers
//! are the same.

mod content;
mod diff;
mod record;
mod scan;

use std::io::{self, Read, Write};

pub(super) use content::Content;
pub use diff::Change;
pub use record::Entry;

pub use crate::sys::fs::Kind;
pub(super) use scan::{Known, attributes, scan};

use super::Error;
use std::os::fd::AsFd;

/// What the serialised form begins with.
const MAGIC: &[u8; 16] = b"envbox index v1\n";
/// Bytes of the checksum that it ends with.
const CHECKSUM: usize = 8;
/// Bytes of an index at the most: of some ten million files.
const LARGEST: u64 = 1 << 30;

/// The entries of a tree, the root included: of each directory first itself, then its files by name, then its
/// subdirectories. Kept as it is written, a hundred bytes a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    records: Vec<u8>,
    entries: u64,
}

impl Index {
    /// Reads a whole tree, which nobody changes meanwhile and in which nothing is mounted.
    ///
    /// # Errors
    /// [`Error::Write`], which names the file that could not be read.
    pub fn scan(root: impl AsFd) -> Result<Self, Error> {
        scan(root.as_fd(), &Known::default())
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.entries
    }

    /// Whether there are none: not even a root.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        record::Records(&self.records)
    }

    /// What is different in a tree that should be the same.
    pub fn diff<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = Change<'a>> {
        diff::Diff::new(&self.records, &now.records)
    }

    /// Writes it down.
    ///
    /// # Errors
    /// The writer's.
    pub fn to_writer(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(&self.records)?;
        out.write_all(&xxhash_rust::xxh3::xxh3_64(&self.records).to_le_bytes())
    }

    /// Reads what [`Self::to_writer`] wrote.
    ///
    /// # Errors
    /// The reader's; `InvalidData` for anything else, or if it is damaged itself.
    pub fn from_reader(input: impl Read) -> io::Result<Self> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is not an index of files, or damaged");
        let mut bytes = Vec::new();
        input.take(LARGEST).read_to_end(&mut bytes)?;
        let (head, records) = bytes.split_at_checked(MAGIC.len()).ok_or_else(damaged)?;
        let (records, checksum) = records.split_last_chunk::<CHECKSUM>().ok_or_else(damaged)?;
        if head != MAGIC || xxhash_rust::xxh3::xxh3_64(records).to_le_bytes() != *checksum {
            return Err(damaged());
        }
        let entries = record::count(records).ok_or_else(damaged)?;
        Ok(Self { records: records.to_vec(), entries })
    }

    fn push(&mut self, entry: &Entry<'_>) {
        entry.encode(&mut self.records);
        self.entries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: Kind) -> Entry<'_> {
        let (mode, modified, content) = (0o4755, (-7, 999_999_999), u128::MAX / 3);
        Entry {
            path: path.as_bytes(),
            kind,
            mode,
            uid: 1000,
            gid: u32::MAX,
            modified,
            size: 1 << 40,
            content,
            attributes: 5,
        }
    }

    fn index(entries: &[Entry<'_>]) -> Index {
        let mut index = Index::default();
        entries.iter().for_each(|entry| index.push(entry));
        index
    }

    #[test]
    fn written_and_read() {
        let entries = [entry("", Kind::Directory), entry("a", Kind::File), entry("d", Kind::Directory)];
        let mut bytes = Vec::new();
        index(&entries).to_writer(&mut bytes).unwrap();
        let read = Index::from_reader(&bytes[..]).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), entries);
        assert_eq!(read.len(), 3);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(Index::from_reader(&altered[..]).is_err(), "{at}");
            assert!(Index::from_reader(&bytes[..at]).is_err(), "cut at {at}");
        }
        let out_of_order = index(&[entry("b", Kind::File), entry("a", Kind::File)]);
        let mut bytes = Vec::new();
        out_of_order.to_writer(&mut bytes).unwrap();
        assert!(Index::from_reader(&bytes[..]).is_err());
    }

    #[test]
    fn differences() {
        let dir = |path| entry(path, Kind::Directory);
        let file = |path| entry(path, Kind::File);
        let was = index(&[dir(""), file("a"), file("b"), file("z"), dir("c"), file("c/x"), dir("c/y"), file("c/y/q")]);
        let changed = Entry { mode: 0o755, ..file("b") };
        let is = index(&[dir(""), file("aa"), changed, file("c"), file("z"), dir("d"), file("d/x")]);
        let changes: Vec<_> = was.diff(&is).collect();
        assert_eq!(
            changes,
            [
                Change::Missing(file("a")),
                Change::Added(file("aa")),
                Change::Changed { was: file("b"), is: changed },
                Change::Added(file("c")),
                Change::Missing(dir("c")),
                Change::Missing(file("c/x")),
                Change::Missing(dir("c/y")),
                Change::Missing(file("c/y/q")),
                Change::Added(dir("d")),
                Change::Added(file("d/x")),
            ]
        );
        assert_eq!(was.diff(&was).count(), 0);
    }
}
