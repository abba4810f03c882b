//! The content of a file of a squashfs image.

use std::io::Read;

use backhand::{FilesystemReader, InnerNode, Node, SquashfsFileReader};

use crate::unpack::Error;
use crate::unpack::body::Body;
use crate::unpack::sparse::Map;
use crate::unpack::stream::Format;

/// Bytes read at once.
const BUFFER: usize = 128 << 10;

/// Which parts of a file are not holes: a block of no stored bytes is one.
pub(super) fn map(file: &SquashfsFileReader, block_size: u32) -> Result<Map, &'static str> {
    let (size, block) = (u64::try_from(file.file_len()).unwrap_or(u64::MAX), u64::from(block_size));
    let mut pieces: Vec<(u64, u64)> = Vec::new();
    let mut add = |from: u64, to: u64| match pieces.last_mut() {
        Some((start, length)) if *start + *length == from => *length = to - *start,
        _ => pieces.push((from, to - from)),
    };
    let mut at = 0;
    for stored in file.block_sizes() {
        let end = size.min(at + block);
        if stored.size() != 0 && at < end {
            add(at, end);
        }
        at = end;
    }
    // The rest lies together with others' in a fragment.
    if at < size {
        add(at, size);
    }
    let stored = pieces.iter().map(|(_, length)| length).sum();
    Map::new(size, pieces, stored)
}

/// The bytes of a file that are not in its holes.
pub(super) struct Content<'f> {
    reader: Option<Box<dyn Read + 'f>>,
    pieces: std::vec::IntoIter<(u64, u64)>,
    /// The rest of the present piece.
    left: u64,
    /// How far it has been read.
    at: u64,
    buffer: Vec<u8>,
    consumed: usize,
}

impl<'f> Content<'f> {
    /// Of a file; nothing of anything else.
    pub(super) fn of(files: &'f FilesystemReader<'_>, node: &'f Node<SquashfsFileReader>) -> Result<Self, Error> {
        let (mut reader, mut pieces): (Option<Box<dyn Read + 'f>>, _) = (None, Vec::new());
        if let InnerNode::File(file) = &node.inner {
            let opened = files.file(file).reader_checked();
            reader = Some(Box::new(opened.map_err(|error| broken(error.into()))?));
            let name = node.fullpath.as_os_str().as_encoded_bytes();
            pieces = map(file, files.block_size).map_err(|what| Error::malformed(name, what))?.pieces;
        }
        Ok(Self { reader, pieces: pieces.into_iter(), left: 0, at: 0, buffer: Vec::new(), consumed: 0 })
    }

    /// Reads on, so many bytes at the most.
    fn fill(&mut self, count: u64) -> Result<(), Error> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        self.buffer.resize(usize::try_from(count).map_or(BUFFER, |count| count.min(BUFFER)), 0);
        self.consumed = 0;
        let read = reader.read(&mut self.buffer).map_err(broken)?;
        if read == 0 {
            return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.buffer.truncate(read);
        self.at += u64::try_from(read).unwrap_or(0);
        Ok(())
    }
}

impl Body for Content<'_> {
    fn content(&mut self) -> Result<&[u8], Error> {
        if self.consumed == self.buffer.len() {
            self.buffer.clear();
            self.consumed = 0;
            if self.left == 0 {
                let Some((start, length)) = self.pieces.next() else { return Ok(&[]) };
                while self.at < start {
                    self.fill(start - self.at)?;
                }
                self.left = length;
            }
            self.fill(self.left)?;
            self.left -= u64::try_from(self.buffer.len()).unwrap_or(0);
        }
        Ok(&self.buffer[self.consumed..])
    }

    fn consume(&mut self, count: usize) {
        self.consumed += count;
    }
}

fn broken(source: std::io::Error) -> Error {
    Error::Stream { format: Format::Squashfs, source }
}
