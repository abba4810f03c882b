//! From a stream of bytes to a blob: one thread produces, another digests and compresses, with as many more as there are
//! processors.

use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde::{Deserialize, Serialize};

use super::{Compression, Error, gzip};
use crate::image::{Digest, Hasher};

/// Bytes of a piece. Each is compressed by itself, so this decides what comes out; larger ones compress no better.
const PIECE: usize = 1 << 20;
/// Pieces on their way.
const DEPTH: usize = 4;
/// zstd(1)'s own default.
const ZSTD_LEVEL: i32 = 3;

/// What came of packing a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// The digest of the blob.
    pub blob: Digest,
    /// The digest of the tar stream in it (DiffID).
    pub diff_id: Digest,
    /// Bytes of the blob.
    pub size: u64,
    /// Members of the archive; none where it was only compressed anew.
    pub entries: u64,
    /// Sockets and devices, which are left out: boxes have a `/dev` of their own, and a socket is nothing without its process.
    pub left_out: u64,
}

/// The producing end.
pub(super) struct Stream {
    pieces: SyncSender<Vec<u8>>,
    piece: Vec<u8>,
    filled: usize,
}

/// Compresses what `produce` writes into `out`. What `produce` counted goes into the result.
///
/// # Errors
/// `produce`'s; [`Error::Write`].
pub(super) fn run(
    out: impl Write + Send,
    compression: Compression,
    threads: NonZeroUsize,
    produce: impl FnOnce(&mut Stream) -> Result<(u64, u64), Error>,
) -> Result<Packed, Error> {
    thread::scope(|scope| {
        let (send, pieces) = sync_channel(DEPTH);
        let sealing = scope.spawn(move || seal(&pieces, out, compression, threads));
        let mut stream = Stream { pieces: send, piece: vec![0; PIECE], filled: 0 };
        let produced = produce(&mut stream).and_then(|counts| stream.send().map(|()| counts).map_err(Error::Write));
        drop(stream);
        // Where sealing fails, the producer only finds that nobody takes its pieces any more.
        let (diff_id, blob, size) =
            sealing.join().unwrap_or_else(|panic| resume_unwind(panic)).map_err(Error::Write)?;
        let (entries, left_out) = produced?;
        Ok(Packed { blob, diff_id, size, entries, left_out })
    })
}

impl Stream {
    /// Reads so many bytes of the input, or as many as it has, and says how many there were.
    pub(super) fn copy(&mut self, input: &mut impl Read, count: u64) -> Result<u64, Copy> {
        let mut left = count;
        while left > 0 {
            if self.filled == PIECE {
                self.send().map_err(Copy::Write)?;
            }
            let room = PIECE - self.filled;
            let most = usize::try_from(left).map_or(room, |left| left.min(room));
            match input.read(&mut self.piece[self.filled..self.filled + most]) {
                Ok(0) => break,
                Ok(read) => {
                    self.filled += read;
                    left -= u64::try_from(read).unwrap_or(left);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Copy::Read(error)),
            }
        }
        Ok(count - left)
    }

    fn send(&mut self) -> io::Result<()> {
        let mut piece = std::mem::replace(&mut self.piece, vec![0; PIECE]);
        piece.truncate(self.filled);
        self.filled = 0;
        self.pieces.send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Which side of [`Stream::copy`] failed.
#[derive(Debug)]
pub(super) enum Copy {
    Read(io::Error),
    Write(io::Error),
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filled == PIECE {
            self.send()?;
        }
        let count = bytes.len().min(PIECE - self.filled);
        self.piece[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
        self.filled += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Digests all pieces, compresses them and digests what comes of it: the DiffID, the blob's digest, its size.
fn seal(
    pieces: &Receiver<Vec<u8>>,
    out: impl Write,
    compression: Compression,
    threads: NonZeroUsize,
) -> io::Result<(Digest, Digest, u64)> {
    let mut hasher = Hasher::new();
    let mut out = Tally { out, hasher: Hasher::new(), size: 0 };
    let pieces = pieces.iter().inspect(|piece| hasher.update(piece));
    match compression {
        Compression::Plain => pieces.into_iter().try_for_each(|piece| out.write_all(&piece))?,
        Compression::Gzip => gzip::compress(pieces, &mut out, threads)?,
        Compression::Zstd => zstd(pieces, &mut out, threads)?,
    }
    out.flush()?;
    Ok((hasher.finish(), out.hasher.finish(), out.size))
}

/// The library's own threads give the same bytes however many they are (zstd.h, `ZSTD_c_nbWorkers`).
fn zstd(mut pieces: impl Iterator<Item = Vec<u8>>, out: &mut impl Write, threads: NonZeroUsize) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
    encoder.multithread(u32::try_from(threads.get()).unwrap_or(1))?;
    pieces.try_for_each(|piece| encoder.write_all(&piece))?;
    encoder.finish().map(drop)
}

/// Counts and digests what is written.
struct Tally<W> {
    out: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Write for Tally<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three pieces and a bit, neither constant nor noise.
    fn content() -> Vec<u8> {
        (0..3 * PIECE + 4321).map(|at| u8::try_from((at * at / 977) % 61).unwrap()).collect()
    }

    fn packed(compression: Compression, threads: usize) -> (Packed, Vec<u8>) {
        let mut blob = Vec::new();
        let threads = NonZeroUsize::new(threads).unwrap();
        let produce = |stream: &mut Stream| stream.write_all(&content()).map(|()| (0, 0)).map_err(Error::Write);
        (run(&mut blob, compression, threads, produce).unwrap(), blob)
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
            let (packed, blob) = packed(compression, 3);
            let mut read = Vec::new();
            match compression {
                Compression::Plain => read = blob.clone(),
                Compression::Gzip => drop(flate2::read::GzDecoder::new(&*blob).read_to_end(&mut read).unwrap()),
                Compression::Zstd => read = zstd::decode_all(&*blob).unwrap(),
            }
            assert!(read == content(), "{compression:?}");
            assert_eq!(packed.diff_id, Digest::of(&read));
            assert_eq!((packed.blob, packed.size), (Digest::of(&blob), u64::try_from(blob.len()).unwrap()));
        }
    }

    #[test]
    fn the_number_of_threads_does_not_show() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let one = packed(compression, 1);
            assert_eq!(one, packed(compression, 2), "{compression:?}");
            assert_eq!(one, packed(compression, 7), "{compression:?}");
        }
    }

    #[test]
    fn a_full_disk_is_the_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let threads = NonZeroUsize::MIN;
        for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
            let produce = |stream: &mut Stream| {
                let copied = stream.copy(&mut io::repeat(7), 100 << 20);
                copied.map(|_| (0, 0)).map_err(|_| Error::Changed(String::new()))
            };
            let error = run(Full, compression, threads, produce).unwrap_err();
            assert!(matches!(&error, Error::Write(source) if source.kind() == io::ErrorKind::StorageFull), "{error:?}");
        }
    }
}
