//! The input as it comes, its digest, and what it decompresses to.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;

use super::Limits;
use super::error::Cap;
use crate::image::{Digest, Hasher};

/// Bytes read from the input at once.
const READ: usize = 128 << 10;
/// What the decoder of an xz stream may allocate: `xz -9` needs 65 MiB (xz(1)). No more than a window of zstd's, which has
/// 128 MiB at the most unless the library is asked for more (zstd.h, `ZSTD_WINDOWLOG_LIMIT_DEFAULT`).
const XZ_MEMORY: u64 = 130 << 20;

/// How an archive is compressed, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Not at all.
    Tar,
    /// RFC 1952.
    Gzip,
    /// The .xz file format.
    Xz,
    /// RFC 8878.
    Zstd,
    /// bzip2(1).
    Bzip2,
    /// ar(5), of a Debian package; never found by the first bytes.
    Ar,
    /// squashfs, which is read by [`super::squashfs`]; never found by the first bytes here.
    Squashfs,
}

impl Format {
    /// Bytes that decide.
    const MAGIC: usize = 6;

    fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A frame, or a skippable one (RFC 8878, section 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::Tar,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tar => "tar",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Ar => "ar",
            Self::Squashfs => "squashfs",
        })
    }
}

/// What is known of an input that was read to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    pub(super) digest: Option<Digest>,
    pub(super) bytes: u64,
    pub(super) trailing: u64,
}

/// The input with a buffer; everything read goes into the digest, if there is to be one.
pub(super) struct Tap<R> {
    input: R,
    hasher: Option<Hasher>,
    buffer: Box<[u8]>,
    filled: std::ops::Range<usize>,
    total: u64,
}

impl<R: Read> Tap<R> {
    fn new(input: R, hashed: bool) -> Self {
        Self { input, hasher: hashed.then(Hasher::new), buffer: vec![0; READ].into(), filled: 0..0, total: 0 }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let read = loop {
            match self.input.read(&mut self.buffer[self.filled.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&self.buffer[self.filled.end..self.filled.end + read]);
        }
        self.filled.end += read;
        self.total += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }

    /// The next bytes, so many unless the input ends before.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.filled.len() < count {
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
            while self.filled.len() < count && self.fill()? > 0 {}
        }
        let end = self.filled.end.min(self.filled.start + count);
        Ok(&self.buffer[self.filled.start..end])
    }

    fn finish(mut self) -> io::Result<Input> {
        let consumed = self.total - u64::try_from(self.filled.len()).unwrap_or(0);
        loop {
            self.filled = 0..0;
            if self.fill()? == 0 {
                let (digest, trailing) = (self.hasher.map(Hasher::finish), self.total - consumed);
                return Ok(Input { digest, bytes: self.total, trailing });
            }
        }
    }
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Tap<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.filled.is_empty() {
            self.filled = 0..0;
            self.fill()?;
        }
        Ok(&self.buffer[self.filled.clone()])
    }

    fn consume(&mut self, count: usize) {
        self.filled.start += count;
    }
}

/// What decodes the member of a compressed stream that one is in.
enum Member<R: Read> {
    Plain(Tap<R>),
    Gzip(GzDecoder<Tap<R>>),
    Xz(XzDecoder<Tap<R>>),
    Zstd(zstd::Decoder<'static, Tap<R>>),
    Bzip2(bzip2::bufread::BzDecoder<Tap<R>>),
    /// Past the last one.
    End(Tap<R>),
    /// Never seen from outside: a member is being exchanged for the next one.
    Between,
}

impl<R: Read> Member<R> {
    fn start(format: Format, tap: Tap<R>) -> io::Result<Self> {
        Ok(match format {
            Format::Tar | Format::Ar | Format::Squashfs => Self::Plain(tap),
            Format::Gzip => Self::Gzip(GzDecoder::new(tap)),
            Format::Xz => {
                Self::Xz(XzDecoder::new_stream(tap, liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?))
            }
            Format::Zstd => Self::Zstd(zstd::Decoder::with_buffer(tap)?.single_frame()),
            Format::Bzip2 => Self::Bzip2(bzip2::bufread::BzDecoder::new(tap)),
        })
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tap) => tap.read(into),
            Self::Gzip(member) => member.read(into),
            Self::Xz(member) => member.read(into),
            Self::Zstd(member) => member.read(into),
            Self::Bzip2(member) => member.read(into),
            Self::End(_) | Self::Between => Ok(0),
        }
    }

    fn into_tap(self) -> Option<Tap<R>> {
        match self {
            Self::Plain(tap) | Self::End(tap) => Some(tap),
            Self::Gzip(member) => Some(member.into_inner()),
            Self::Xz(member) => Some(member.into_inner()),
            Self::Zstd(member) => Some(member.finish()),
            Self::Bzip2(member) => Some(member.into_inner()),
            Self::Between => None,
        }
    }

    fn tap(&self) -> Option<&Tap<R>> {
        match self {
            Self::Plain(tap) | Self::End(tap) => Some(tap),
            Self::Gzip(member) => Some(member.get_ref()),
            Self::Xz(member) => Some(member.get_ref()),
            Self::Zstd(member) => Some(member.get_ref()),
            Self::Bzip2(member) => Some(member.get_ref()),
            Self::Between => None,
        }
    }
}

/// The decompressed stream: all members of the format that the input begins with. What follows the last one, as padding of
/// tapes does, is no part of it.
pub(super) struct Decoder<R: Read> {
    format: Format,
    member: Member<R>,
    out: u64,
    ratio: u64,
    floor: u64,
}

impl<R: Read> Decoder<R> {
    /// Looks at the first bytes. The input is `hashed` on its way where its digest is wanted.
    pub(super) fn open(input: R, limits: &Limits, hashed: bool) -> io::Result<Self> {
        let mut tap = Tap::new(input, hashed);
        let format = Format::of(tap.peek(Format::MAGIC)?);
        let member = Member::start(format, tap)?;
        Ok(Self { format, member, out: 0, ratio: limits.ratio, floor: limits.ratio_floor })
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Bytes of input read so far.
    pub(super) fn consumed(&self) -> u64 {
        self.member.tap().map_or(0, |tap| tap.total)
    }

    /// Reads what is left of the input, for its digest.
    pub(super) fn finish(self) -> io::Result<Input> {
        self.member.into_tap().ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?.finish()
    }

    /// Goes to the next member; `false` where there is none.
    fn next_member(&mut self) -> io::Result<bool> {
        let Some(mut tap) = std::mem::replace(&mut self.member, Member::Between).into_tap() else {
            return Ok(false);
        };
        if self.format == Format::Xz {
            // Stream padding (the .xz file format, section 2.2).
            while tap.peek(4)? == [0; 4] {
                tap.consume(4);
            }
        }
        let more = self.format != Format::Tar && Format::of(tap.peek(Format::MAGIC)?) == self.format;
        self.member = if more { Member::start(self.format, tap)? } else { Member::End(tap) };
        Ok(more)
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self.member.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            self.out += u64::try_from(read).unwrap_or(0);
            if self.out > self.floor && self.out / self.ratio.max(1) > self.consumed() {
                return Err(io::Error::other(Exceeded(Cap::Ratio(self.ratio))));
            }
            if read > 0 || into.is_empty() || !self.next_member()? {
                return Ok(read);
            }
        }
    }
}

/// A cap reached inside a reader, on its way through [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("more than {0}")]
pub(super) struct Exceeded(pub(super) Cap);
