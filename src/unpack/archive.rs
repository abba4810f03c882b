//! Reading an archive, member by member.
//!
//! The fields of a header are the `tar` crate's to parse. Its iterator is not used: it takes the header's word for a size
//! where PAX's is malformed, reads extension headers of any length into memory, and knows no sparse files of PAX.

use std::io::{self, BufRead};

use ::tar::{EntryType, GnuExtSparseHeader, Header};

use super::body::Body;
use super::error::Cap;
use super::member::{Kind, Member, Prefix};
use super::pax::{Extended, number};
use super::sparse::{self, Map};
use super::stream::{Exceeded, Format};
use super::{Error, Limits};

const BLOCK: u64 = 512;
type Block = [u8; 512];

/// An archive, of which members come one after the other.
pub(super) struct Archive<'a, S> {
    source: S,
    format: Format,
    limits: &'a Limits,
    /// Bytes of the present member's content not yet read.
    content: u64,
    /// Bytes after it, up to the next block.
    padding: u64,
    /// What a global header said.
    defaults: Extended,
    headers: u64,
    begun: bool,
}

impl<'a, S: BufRead> Archive<'a, S> {
    pub(super) fn new(source: S, format: Format, limits: &'a Limits) -> Self {
        let defaults = Extended::default();
        Self { source, format, limits, content: 0, padding: 0, defaults, headers: 0, begun: false }
    }

    /// The next member, or `None` at the end of the archive. What was not read of the last one's content is skipped.
    pub(super) fn next(&mut self) -> Result<Option<Member>, Error> {
        let mut prefix = Prefix::default();
        self.headers = 0;
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                return if prefix.is_empty() { Ok(None) } else { Err(self.cut_short()) };
            };
            let name = || header.path_bytes().into_owned();
            match header.entry_type() {
                EntryType::GNULongName => replace(&mut prefix.long_name, self.long_name(&header)?, &name())?,
                EntryType::GNULongLink => replace(&mut prefix.long_link, self.long_name(&header)?, &name())?,
                EntryType::XHeader => replace(&mut prefix.extended, self.extended(&header)?, &name())?,
                EntryType::XGlobalHeader => self.defaults = self.global(&header)?,
                _ => match self.member(&header, prefix)? {
                    member if member.kind == Kind::Label => prefix = Prefix::default(),
                    member => return Ok(Some(member)),
                },
            }
        }
    }

    /// Reads to the end of the stream, whose checksums come last.
    pub(super) fn drain(&mut self) -> Result<(), Error> {
        loop {
            let count = match self.source.fill_buf() {
                Ok(bytes) => bytes.len(),
                Err(error) => return Err(self.broken(error)),
            };
            if count == 0 {
                return Ok(());
            }
            self.source.consume(count);
        }
    }

    /// The next header; `None` at the end of the archive: a block of zeros, or the end of a stream that has an end of its
    /// own and is thereby known to be whole.
    fn header(&mut self) -> Result<Option<Header>, Error> {
        let mut header = Header::new_old();
        if !self.block(header.as_mut_bytes())? {
            return if self.begun && self.format != Format::Tar { Ok(None) } else { Err(self.cut_short()) };
        }
        if header.as_bytes().iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        // The sum takes its own field for blanks.
        let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
        let bytes = header.as_bytes();
        let expected = sum(&bytes[..148]) + 8 * u32::from(b' ') + sum(&bytes[156..]);
        if header.cksum().ok() != Some(expected) {
            let name = header.path_bytes();
            return Err(if self.begun {
                Error::malformed(&name, "the checksum of its header is wrong")
            } else {
                Error::NotAnArchive
            });
        }
        self.begun = true;
        Ok(Some(header))
    }

    fn member(&mut self, header: &Header, mut prefix: Prefix) -> Result<Member, Error> {
        let pax_sparse = prefix.extended.as_mut().map(|extended| std::mem::take(&mut extended.sparse));
        let pax_sparse = pax_sparse.filter(super::pax::Sparse::is_sparse);
        if let (Some(sparse), Some(extended)) = (&pax_sparse, &mut prefix.extended) {
            // The name beside it is made up, for readers that do not know sparse files.
            extended.path = sparse.name.clone().or(extended.path.take());
        }
        let mut member = Member::new(header, prefix, &self.defaults)?;
        self.expect(member.stored);
        let name = member.name.clone();
        let malformed = |what| Error::malformed(&name, what);
        if header.entry_type().is_gnu_sparse() {
            member.sparse = Some(self.gnu_map(header, member.stored, &name)?);
        } else if let Some(sparse) = pax_sparse {
            if member.kind != Kind::File {
                return Err(malformed("a sparse file that is not a file"));
            }
            let size = sparse.real_size.ok_or_else(|| malformed("a sparse file without a size"))?;
            let map = match (sparse.major.unwrap_or(0), sparse.minor.unwrap_or(0)) {
                (0, _) => sparse.map,
                (1, 0) => self.inline_map(&name)?,
                _ => return Err(malformed("a sparse file of an unknown version")),
            };
            member.stored = self.content;
            member.sparse = Some(Map::from_pairs(size, &map, self.content).map_err(malformed)?);
        }
        Ok(member)
    }

    /// The map of a sparse file in the old GNU format: in the header, and in blocks between it and the content.
    fn gnu_map(&mut self, header: &Header, stored: u64, name: &[u8]) -> Result<Map, Error> {
        let malformed = |what| Error::malformed(name, what);
        let gnu = header.as_gnu().ok_or_else(|| malformed("a GNU sparse file in another format's header"))?;
        let size = gnu.real_size().map_err(|_| malformed("a sparse file without a size"))?;
        let mut pieces = Vec::new();
        sparse::add_gnu(&mut pieces, &gnu.sparse).map_err(malformed)?;
        let mut more = gnu.is_extended();
        while more {
            let mut block = GnuExtSparseHeader::new();
            self.count_headers(BLOCK)?;
            if !self.block(block.as_mut_bytes())? {
                return Err(self.cut_short());
            }
            sparse::add_gnu(&mut pieces, block.sparse()).map_err(malformed)?;
            more = block.is_extended();
        }
        Map::new(size, pieces, stored).map_err(malformed)
    }

    /// The map of a sparse file in PAX format 1.0: decimal numbers, a line each, at the beginning of the content.
    fn inline_map(&mut self, name: &[u8]) -> Result<Vec<u64>, Error> {
        let malformed = || Error::malformed(name, "the map of a sparse file is malformed");
        let mut numbers: Vec<u64> = Vec::new();
        let mut text = Vec::new();
        let mut block = [0; 512];
        loop {
            self.content = self.content.checked_sub(BLOCK).ok_or_else(malformed)?;
            self.count_headers(BLOCK)?;
            if !self.block(&mut block)? {
                return Err(self.cut_short());
            }
            for &byte in &block {
                if byte != b'\n' {
                    text.push(byte);
                    continue;
                }
                numbers.push(number(&text).map_err(|_| malformed())?);
                text.clear();
                // The first number says how many pairs follow.
                if u64::try_from(numbers.len() - 1).ok() == numbers[0].checked_mul(2) {
                    return Ok(numbers.split_off(1));
                }
            }
        }
    }

    /// The content of an extension header.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, Error> {
        let name = header.path_bytes();
        let size = header.entry_size().map_err(|_| Error::malformed(&name, "a number in its header is malformed"))?;
        self.count_headers(size)?;
        self.expect(size);
        let mut data = Vec::new();
        loop {
            let bytes = self.content()?;
            if bytes.is_empty() {
                return Ok(data);
            }
            data.extend_from_slice(bytes);
            let count = bytes.len();
            self.consume(count);
        }
    }

    /// A long name of GNU tar, which ends with a NUL.
    fn long_name(&mut self, header: &Header) -> Result<Vec<u8>, Error> {
        let mut name = self.extension(header)?;
        if name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    fn extended(&mut self, header: &Header) -> Result<Extended, Error> {
        let data = self.extension(header)?;
        Extended::parse(&data).map_err(|what| Error::malformed(&header.path_bytes(), what))
    }

    /// A global header may say whom the members belong to and from when they are. What else it might say, of names and
    /// sizes, would be another authority on those.
    fn global(&mut self, header: &Header) -> Result<Extended, Error> {
        let global = self.extended(header)?;
        if global.path.is_some() || global.link.is_some() || global.size.is_some() || global.sparse.is_sparse() {
            return Err(Error::malformed(&header.path_bytes(), "a global header names or sizes its members"));
        }
        Ok(global)
    }

    fn count_headers(&mut self, bytes: u64) -> Result<(), Error> {
        self.headers = self.headers.saturating_add(bytes);
        let cap = Cap::Headers(self.limits.headers);
        if self.headers > self.limits.headers { Err(Error::Limit { cap }) } else { Ok(()) }
    }

    fn expect(&mut self, size: u64) {
        self.content = size;
        self.padding = (BLOCK - size % BLOCK) % BLOCK;
    }

    /// Skips the rest of the present member.
    fn skip(&mut self) -> Result<(), Error> {
        loop {
            let bytes = self.content()?;
            if bytes.is_empty() {
                break;
            }
            let count = bytes.len();
            self.consume(count);
        }
        self.content = std::mem::take(&mut self.padding);
        while self.content > 0 {
            let count = self.content()?.len();
            self.consume(count);
        }
        Ok(())
    }

    /// Reads one block; `false` at the end of the stream.
    fn block(&mut self, block: &mut Block) -> Result<bool, Error> {
        let mut filled = 0;
        while filled < block.len() {
            let bytes = match self.source.fill_buf() {
                Ok([]) if filled == 0 => return Ok(false),
                Ok([]) => return Err(self.cut_short()),
                Ok(bytes) => bytes,
                Err(error) => return Err(self.broken(error)),
            };
            let count = bytes.len().min(block.len() - filled);
            block[filled..filled + count].copy_from_slice(&bytes[..count]);
            self.source.consume(count);
            filled += count;
        }
        Ok(true)
    }

    fn cut_short(&self) -> Error {
        if self.begun { self.broken(io::ErrorKind::UnexpectedEof.into()) } else { Error::NotAnArchive }
    }

    fn broken(&self, source: io::Error) -> Error {
        match source.get_ref().and_then(|inner| inner.downcast_ref::<Exceeded>()) {
            Some(&Exceeded(cap)) => Error::Limit { cap },
            None => Error::Stream { format: self.format, source },
        }
    }
}

impl<S: BufRead> Body for Archive<'_, S> {
    fn content(&mut self) -> Result<&[u8], Error> {
        if self.content == 0 {
            return Ok(&[]);
        }
        // Twice, for the borrow checker: the second call finds what the first one has read.
        match self.source.fill_buf().map(<[u8]>::is_empty) {
            Ok(false) => {}
            Ok(true) => return Err(self.cut_short()),
            Err(error) => return Err(self.broken(error)),
        }
        let format = self.format;
        let bytes = self.source.fill_buf().map_err(|source| Error::Stream { format, source })?;
        Ok(&bytes[..usize::try_from(self.content).map_or(bytes.len(), |left| left.min(bytes.len()))])
    }

    fn consume(&mut self, count: usize) {
        self.source.consume(count);
        self.content -= u64::try_from(count).unwrap_or(0);
    }
}

/// Sets what may be there once for a member.
fn replace<T>(slot: &mut Option<T>, value: T, name: &[u8]) -> Result<(), Error> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::malformed(name, "two extension headers of a kind for one entry")),
    }
}
