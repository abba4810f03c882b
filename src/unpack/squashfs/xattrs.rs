//! The extended attributes of a squashfs image, which its reader leaves out (Documentation/filesystems/squashfs.rst,
//! "Xattr table", and fs/squashfs/squashfs_fs.h).

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Seek as _, SeekFrom};

use backhand::v4::inode::InodeInner;
use backhand::v4::metadata;
use backhand::{Squashfs, SquashfsFileReader};

/// What stands for no attributes, and for no table.
const NONE: u32 = u32::MAX;
const NO_TABLE: u64 = u64::MAX;
/// What the numbers of namespaces stand for; a flag says that the value lies elsewhere.
const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
const ELSEWHERE: u16 = 0x100;
/// Bytes of a block of metadata, and of an entry of the table.
const BLOCK: u64 = 8192;
const ENTRY: u64 = 16;
/// Bytes of attributes that are read in all; a root file system has some kilobytes.
const LARGEST: usize = 64 << 20;
/// Bytes of one value (limits.h, `XATTR_SIZE_MAX`).
const LARGEST_VALUE: u32 = 65536;

type List = Vec<(Vec<u8>, Vec<u8>)>;

/// The attributes of files, by the number that an inode has for them.
#[derive(Debug, Default)]
pub(super) struct Xattrs(HashMap<u32, List>);

impl Xattrs {
    /// Reads those that files have.
    pub(super) fn read(image: &mut Squashfs<'_>) -> io::Result<Self> {
        let wanted: BTreeSet<u32> = image.inodes.values().filter_map(|inode| number(&inode.inner)).collect();
        if wanted.is_empty() || image.superblock.xattr_table == NO_TABLE {
            return Ok(Self::default());
        }
        let mut head = [0; 16];
        image.file.seek(SeekFrom::Start(image.superblock.xattr_table))?;
        image.file.read_exact(&mut head)?;
        let (start, count) = (long(&head[..8]), u32::from_le_bytes([head[8], head[9], head[10], head[11]]));
        let mut found = HashMap::new();
        let mut left = LARGEST;
        for number in wanted {
            if number >= count {
                return Err(malformed());
            }
            found.insert(number, list(image, start, number, &mut left)?);
        }
        Ok(Self(found))
    }

    /// A file's.
    pub(super) fn of(&self, file: &SquashfsFileReader) -> List {
        let SquashfsFileReader::Extended(extended) = file else { return List::new() };
        self.0.get(&extended.xattr_index).cloned().unwrap_or_default()
    }
}

fn number(inode: &InodeInner) -> Option<u32> {
    match inode {
        InodeInner::ExtendedFile(file) if file.xattr_index != NONE => Some(file.xattr_index),
        _ => None,
    }
}

/// The list of this number: the table says where it is and how many it has.
fn list(image: &mut Squashfs<'_>, start: u64, number: u32, left: &mut usize) -> io::Result<List> {
    let at = u64::from(number) * ENTRY;
    let mut place = [0; 8];
    image.file.seek(SeekFrom::Start(image.superblock.xattr_table + 16 + at / BLOCK * 8))?;
    image.file.read_exact(&mut place)?;
    let mut table = Stream::at(image, u64::from_le_bytes(place), at % BLOCK)?;
    let entry = table.take(16)?;
    let (reference, count) = (long(&entry[..8]), short(&entry[8..10]));
    let mut stream = Stream::at(image, start.saturating_add(reference >> 16), reference & 0xffff)?;
    let mut list = List::new();
    for _ in 0..count {
        let head = stream.take(4)?;
        let (kind, length) = (short(&head[..2]), short(&head[2..]));
        let prefix = PREFIXES.get(usize::from(kind & 0xff)).ok_or_else(malformed)?;
        let name = [prefix, &*stream.take(length.into())?].concat();
        let mut value = stream.value()?;
        if kind & ELSEWHERE != 0 {
            let reference = value.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)).ok_or_else(malformed)?;
            value = Stream::at(stream.image, start.saturating_add(reference >> 16), reference & 0xffff)?.value()?;
        }
        *left = left.checked_sub(name.len() + value.len()).ok_or_else(malformed)?;
        list.push((name, value));
    }
    Ok(list)
}

/// Blocks of metadata, one after the other.
struct Stream<'i, 'f> {
    image: &'i mut Squashfs<'f>,
    /// Where the next block is.
    next: u64,
    bytes: Vec<u8>,
}

impl<'i, 'f> Stream<'i, 'f> {
    fn at(image: &'i mut Squashfs<'f>, block: u64, offset: u64) -> io::Result<Self> {
        let mut stream = Self { image, next: block, bytes: Vec::new() };
        stream.take(u32::try_from(offset).map_err(|_| malformed())?)?;
        Ok(stream)
    }

    fn take(&mut self, count: u32) -> io::Result<Vec<u8>> {
        let count = usize::try_from(count).map_err(|_| malformed())?;
        while self.bytes.len() < count {
            self.image.file.seek(SeekFrom::Start(self.next))?;
            let block = metadata::read_block(&mut self.image.file, &self.image.superblock, &self.image.kind)?;
            if block.is_empty() {
                return Err(malformed());
            }
            self.next = self.image.file.stream_position()?;
            self.bytes.extend_from_slice(&block);
        }
        let rest = self.bytes.split_off(count);
        Ok(std::mem::replace(&mut self.bytes, rest))
    }

    fn value(&mut self) -> io::Result<Vec<u8>> {
        let size = self.take(4)?;
        let size = size.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)).filter(|size| *size <= LARGEST_VALUE);
        self.take(size.ok_or_else(malformed)?)
    }
}

fn long(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn short(bytes: &[u8]) -> u16 {
    bytes.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its extended attributes are malformed")
}
