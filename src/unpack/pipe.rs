//! Decompression beside writing: one thread decodes, the other writes what came out of it.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::stream::{Decoder, Input};
use crate::image::{Digest, Hasher};

/// Bytes that go from thread to thread at once.
const CHUNK: usize = 256 << 10;
/// How many such are on their way.
const DEPTH: usize = 8;

struct Chunk {
    bytes: Vec<u8>,
    /// Bytes of input that had been read by then.
    consumed: u64,
}

/// What is known when everything has been decoded.
pub(super) struct Decoded {
    pub(super) input: Input,
    /// The digest of what came out.
    pub(super) content: Option<Digest>,
}

/// The decoding end.
pub(super) struct Pump {
    chunks: SyncSender<io::Result<Chunk>>,
    spent: Receiver<Vec<u8>>,
}

/// The end that reads.
pub(super) struct Chunks<'a> {
    chunks: Receiver<io::Result<Chunk>>,
    spent: Sender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
    progress: &'a mut dyn FnMut(u64),
}

/// Both ends. `progress` is told how many bytes of input were read.
pub(super) fn pipe(progress: &mut dyn FnMut(u64)) -> (Pump, Chunks<'_>) {
    let (send_chunks, chunks) = sync_channel(DEPTH);
    let (spent, receive_spent) = channel();
    let reading = Chunks { chunks, spent, current: Vec::new(), at: 0, progress };
    (Pump { chunks: send_chunks, spent: receive_spent }, reading)
}

impl Pump {
    /// Decodes until the end of the input, or until nobody reads any more; `None` then. What comes out is `hashed` where its
    /// digest is wanted.
    pub(super) fn run(self, mut decoder: Decoder<impl Read>, hashed: bool) -> Option<io::Result<Decoded>> {
        let mut hasher = hashed.then(Hasher::new);
        loop {
            let mut bytes = self.spent.try_recv().unwrap_or_default();
            bytes.resize(CHUNK, 0);
            let filled = match fill(&mut decoder, &mut bytes) {
                Ok(0) => break,
                Ok(filled) => filled,
                Err(error) => {
                    // Nobody reads any more where this fails.
                    let _ = self.chunks.send(Err(error));
                    return None;
                }
            };
            bytes.truncate(filled);
            if let Some(hasher) = &mut hasher {
                hasher.update(&bytes);
            }
            self.chunks.send(Ok(Chunk { bytes, consumed: decoder.consumed() })).ok()?;
        }
        let content = hasher.map(Hasher::finish);
        Some(decoder.finish().map(|input| Decoded { input, content }))
    }
}

fn fill(decoder: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match decoder.read(&mut into[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

impl Read for Chunks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Chunks<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.current.len()
            && let Ok(next) = self.chunks.recv()
        {
            let next = next?;
            (self.progress)(next.consumed);
            // The pump may have gone; then nobody wants the buffer.
            let _ = self.spent.send(std::mem::replace(&mut self.current, next.bytes));
            self.at = 0;
        }
        Ok(&self.current[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}
