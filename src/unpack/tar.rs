//! A tarball becomes a tree.

use std::io::{BufRead, Read};
use std::panic::resume_unwind;
use std::thread;

use super::archive::Archive;
use super::index::{self, Known};
use super::member::Kind;
use super::name::clean;
use super::pipe::{Decoded, pipe};
use super::stream::{Decoder, Format};
use super::writer::{Writer, Written};
use super::{Error, Options, Report, Root, Strip, Whiteouts, strip};

/// Unpacks a tar archive (ustar, GNU, PAX), plain or compressed with gzip, xz, zstd or bzip2, which its first bytes tell.
/// Reads the input to its end. `progress` is told now and then how many bytes of it have been read.
///
/// # Errors
/// [`Error`]; the target holds what was unpacked so far.
pub fn tar(
    root: &Root,
    input: impl Read + Send,
    options: &Options,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, Error> {
    let decoder = Decoder::open(input, &options.limits, options.hash_input)
        .map_err(|source| Error::Stream { format: Format::Tar, source })?;
    let format = decoder.format();
    let (pump, chunks) = pipe(progress);
    let (written, decoded) = thread::scope(|scope| {
        let decoding = scope.spawn(move || pump.run(decoder, options.hash_content));
        // Takes the reading end with it when it fails, which ends the other thread.
        let written = write(root, Archive::new(chunks, format, &options.limits), options);
        (written, decoding.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let Written { counts, links, marks, implied, known } = written?;
    let Decoded { input, content } = decoded
        .unwrap_or_else(|| Err(std::io::ErrorKind::UnexpectedEof.into()))
        .map_err(|source| Error::Stream { format, source })?;
    let strip = options.strip == Strip::Auto && options.whiteouts == Whiteouts::Literal;
    let stripped = if strip { strip::lift(root)? } else { None };
    Ok(Report {
        entries: counts.entries,
        bytes: counts.bytes,
        devices_skipped: counts.devices_skipped,
        xattrs_dropped: counts.xattrs_dropped,
        trailing: input.trailing,
        input: input.bytes,
        digest: input.digest,
        content,
        stripped,
        links,
        whiteouts: marks.whiteouts,
        opaque: marks.opaque,
        implied,
        files: known.map(|known| index::scan(root.dir(), &known)).transpose()?,
    })
}

fn write(root: &Root, mut archive: Archive<'_, impl BufRead>, options: &Options) -> Result<Written, Error> {
    let mut writer = Writer::new(root, &options.limits, options.owners);
    writer.whiteouts = options.whiteouts;
    writer.known = options.index.then(Known::default);
    let components = match options.strip {
        Strip::Components(count) => count,
        Strip::Auto | Strip::Never => 0,
    };
    while let Some(member) = archive.next()? {
        writer.count(&member)?;
        let cleaned = |name: &[u8]| clean(name, components).map_err(|what| Error::malformed(&member.name, what));
        let link = if member.kind == Kind::HardLink { cleaned(&member.link)? } else { None };
        if let Some(path) = cleaned(&member.name)? {
            writer.place(member, &path, &link.unwrap_or_default(), &mut archive)?;
        }
    }
    archive.drain()?;
    writer.finish()
}
