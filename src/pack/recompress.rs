//! A layer that is compressed in one way is compressed in another.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};
use std::num::NonZeroUsize;

use flate2::bufread::MultiGzDecoder;

use super::stream::{self, Copy, Stream};
use super::{Compression, Error, Packed};
use crate::image::Digest;

/// Bytes read at once.
const READ: usize = 128 << 10;

/// Writes the tar stream of a layer with this DiffID compressed in another way. How it is compressed now, its first bytes
/// tell.
///
/// # Errors
/// [`Error::Decompress`], [`Error::DiffId`], [`Error::Write`].
pub fn recompress(
    mut blob: File,
    diff_id: &Digest,
    out: impl io::Write + Send,
    compression: Compression,
    threads: NonZeroUsize,
    progress: &mut dyn FnMut(u64),
) -> Result<Packed, Error> {
    let failed = |source| Error::Decompress { diff_id: *diff_id, source };
    let mut start = [0; 4];
    blob.rewind().and_then(|()| blob.read_exact(&mut start)).and_then(|()| blob.rewind()).map_err(failed)?;
    let blob = BufReader::with_capacity(READ, blob);
    let mut content: Box<dyn Read> = match start {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(blob)),
        // A frame, or a skippable one (RFC 8878, section 3.1.2).
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
            Box::new(zstd::Decoder::with_buffer(blob).map_err(failed)?)
        }
        _ => Box::new(blob),
    };
    let copy = |stream: &mut Stream| loop {
        match stream.copy(&mut content, u64::try_from(READ).unwrap_or(u64::MAX)) {
            Ok(0) => return Ok((0, 0)),
            Ok(copied) => progress(copied),
            Err(Copy::Read(source)) => return Err(failed(source)),
            Err(Copy::Write(source)) => return Err(Error::Write(source)),
        }
    };
    let packed = stream::run(out, compression, threads, copy)?;
    if packed.diff_id == *diff_id {
        Ok(packed)
    } else {
        Err(Error::DiffId { expected: *diff_id, actual: packed.diff_id })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_stream_stays_what_it_is() {
        let content: Vec<u8> = (0..1_500_000u64).map(|at| u8::try_from(at * at % 251).unwrap()).collect();
        let diff_id = Digest::of(&content);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let threads = NonZeroUsize::new(2).unwrap();
        for compression in [Compression::Gzip, Compression::Zstd, Compression::Plain, Compression::Zstd] {
            let next = tempfile::tempfile().unwrap();
            let packed = recompress(file, &diff_id, &next, compression, threads, &mut |_| {}).unwrap();
            assert_eq!(packed.diff_id, diff_id);
            assert_eq!(next.metadata().unwrap().len(), packed.size);
            file = next;
        }
        let wrong = recompress(file, &Digest::of(b""), io::sink(), Compression::Plain, threads, &mut |_| {});
        assert!(matches!(wrong, Err(Error::DiffId { .. })));
    }
}
