//! Parts become files in a directory, or members of an archive.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, Write};
use std::path::Path;

use tar::{Builder, EntryType, Header};

use super::{Content, Error, Part};

/// Writes the parts into an empty directory.
///
/// # Errors
/// [`Error::Output`].
pub fn directory(dir: &Path, parts: &[Part<'_>], progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
    for part in parts {
        let path = dir.join(&part.path);
        let write = || -> io::Result<()> {
            fs::create_dir_all(path.parent().unwrap_or(dir))?;
            let mut file = File::create_new(&path)?;
            match &part.content {
                Content::Bytes(bytes) => file.write_all(bytes)?,
                // By the kernel, from file to file.
                Content::File(blob, size) => drop(io::copy(&mut whole(blob, *size)?, &mut file)?),
            }
            file.sync_data()
        };
        write().map_err(Error::output(path.display().to_string()))?;
        progress(part.size());
    }
    Ok(())
}

/// Writes the parts as a tar archive, always the same for the same parts.
///
/// # Errors
/// [`Error::Output`].
pub fn archive(mut out: &File, parts: &[Part<'_>], progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
    let mut builder = Builder::new(&mut out);
    let mut dirs = BTreeSet::new();
    for part in parts {
        let mut write = || -> io::Result<()> {
            // skopeo, as an ordinary user, cannot read an archive that leaves its directories to be guessed.
            for (at, _) in part.path.match_indices('/') {
                let dir = &part.path[..=at];
                if dirs.insert(dir) {
                    builder.append_data(&mut header(EntryType::Directory, 0o755, 0), dir, io::empty())?;
                }
            }
            let mut header = header(EntryType::Regular, 0o644, part.size());
            match &part.content {
                Content::Bytes(bytes) => builder.append_data(&mut header, &part.path, &**bytes),
                Content::File(blob, size) => builder.append_data(&mut header, &part.path, whole(blob, *size)?),
            }
        };
        write().map_err(Error::output(&part.path))?;
        progress(part.size());
    }
    builder.finish().map_err(Error::output("the end of the archive"))
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

/// A blob from its beginning: the offset is shared with the process that has written it.
fn whole(mut blob: &File, size: u64) -> io::Result<impl Read> {
    if blob.metadata()?.len() != size {
        return Err(io::Error::other("the file is not as long as it should be"));
    }
    blob.rewind()?;
    Ok(blob)
}
