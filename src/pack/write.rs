//! Parts become files in a directory, or members of an archive.

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
    for part in parts {
        let mut write = || match &part.content {
            Content::Bytes(bytes) => builder.append_data(&mut header(part), &part.path, &**bytes),
            Content::File(blob, size) => builder.append_data(&mut header(part), &part.path, whole(blob, *size)?),
        };
        write().map_err(Error::output(&part.path))?;
        progress(part.size());
    }
    builder.finish().map_err(Error::output("the end of the archive"))
}

fn header(part: &Part<'_>) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(part.size());
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
