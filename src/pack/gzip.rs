//! gzip by several threads: one stream of one member, whose blocks were compressed side by side.
//!
//! Each piece is deflated by itself and ends at a byte (a sync flush, RFC 1951 section 3.2.4 has the empty stored block of
//! it), so the pieces stand one behind the other; their checksums are combined. Any reader of gzip reads it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Half the time of zlib's default level 6, for 2 % more bytes (a Debian root file system).
const LEVEL: Compression = Compression::new(5);
/// Deflate, no name, no time, no operating system (RFC 1952, section 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// A final block with nothing in it.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// A piece that was compressed.
struct Done {
    bytes: Vec<u8>,
    crc: Crc,
}

/// A piece, and where it goes when it is compressed.
type Job = (Vec<u8>, SyncSender<io::Result<Done>>);

/// Compresses the pieces, in their order.
///
/// # Errors
/// `out`'s.
pub(super) fn compress(
    pieces: impl Iterator<Item = Vec<u8>>,
    out: &mut impl Write,
    threads: NonZeroUsize,
) -> io::Result<()> {
    out.write_all(&HEADER)?;
    let crc = thread::scope(|scope| {
        let workers: Vec<SyncSender<Job>> = (0..threads.get())
            .map(|_| {
                let (send, jobs) = sync_channel(2);
                scope.spawn(move || work(&jobs));
                send
            })
            .collect();
        let mut crc = Crc::new();
        let mut waiting: VecDeque<Receiver<io::Result<Done>>> = VecDeque::new();
        for (piece, worker) in pieces.zip(workers.iter().cycle()) {
            if waiting.len() == 2 * workers.len() {
                collect(&mut waiting, out, &mut crc)?;
            }
            let (answer, done) = sync_channel(1);
            waiting.push_back(done);
            worker.send((piece, answer)).map_err(|_| io::Error::other("a thread has ended early"))?;
        }
        while !waiting.is_empty() {
            collect(&mut waiting, out, &mut crc)?;
        }
        Ok::<_, io::Error>(crc)
    })?;
    out.write_all(&LAST_BLOCK)?;
    out.write_all(&crc.sum().to_le_bytes())?;
    out.write_all(&crc.amount().to_le_bytes())
}

/// Writes the piece that comes next.
fn collect(waiting: &mut VecDeque<Receiver<io::Result<Done>>>, out: &mut impl Write, crc: &mut Crc) -> io::Result<()> {
    if let Some(next) = waiting.pop_front() {
        let done = next.recv().map_err(|_| io::Error::other("a thread has ended early"))??;
        out.write_all(&done.bytes)?;
        crc.combine(&done.crc);
    }
    Ok(())
}

fn work(jobs: &Receiver<Job>) {
    let mut deflate = Compress::new(LEVEL, false);
    for (piece, answer) in jobs {
        deflate.reset();
        // Nobody waits for it any more where this fails.
        let _ = answer.send(compressed(&mut deflate, &piece));
    }
}

fn compressed(deflate: &mut Compress, piece: &[u8]) -> io::Result<Done> {
    let mut crc = Crc::new();
    crc.update(piece);
    // Room for what does not shrink (deflateBound(3)), so one call is enough; it says so if not.
    let mut bytes = Vec::with_capacity(piece.len() + piece.len() / 1000 + 1024);
    let status = deflate.compress_vec(piece, &mut bytes, FlushCompress::Sync)?;
    let whole = usize::try_from(deflate.total_in()).is_ok_and(|taken| taken == piece.len());
    if status == Status::Ok && whole && bytes.len() < bytes.capacity() {
        Ok(Done { bytes, crc })
    } else {
        Err(io::Error::other("deflate needs more room than it should"))
    }
}
