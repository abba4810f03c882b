//! The tree of a layer becomes a tar stream.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;

use tar::EntryType;

use super::error::shown;
use super::marks::{self, Attributes, OPAQUE, WHITEOUT};
use super::member::{BLOCK, Member};
use super::stream::{self, Copy, Stream};
use super::{Compression, Error, Packed};
use crate::sys::fs::{self, Kind, Status};
use crate::sys::tree::{self, Visited};

/// Packs a layer's tree as image-spec has it (layer.md): owners as this process sees them, hard links, extended attributes,
/// times to the nanosecond, and the store's marks for removed files as `.wh.` names. `progress` is told how many bytes of
/// files have been read since it was last called.
///
/// # Errors
/// [`Error`]; what was written by then is no layer.
pub fn layer(
    root: BorrowedFd<'_>,
    out: impl io::Write + Send,
    compression: Compression,
    threads: NonZeroUsize,
    progress: &mut dyn FnMut(u64),
) -> Result<Packed, Error> {
    stream::run(out, compression, threads, |out| {
        let mut archive = Archive { out, linked: HashMap::new(), entries: 0, left_out: 0, progress };
        // Its own error goes through the walk as the cause of one of the kernel's kind.
        let walked = tree::visit(root, &mut |found| archive.add(found).map_err(io::Error::other));
        walked.map_err(|error| error.downcast().unwrap_or_else(Error::Walk))?;
        archive.out.write_all(&[0; 2 * BLOCK]).map_err(Error::Write)?;
        Ok((archive.entries, archive.left_out))
    })
}

/// An archive being written.
struct Archive<'a> {
    out: &'a mut Stream,
    /// Files with several names that have been written, by device and inode: their first names.
    linked: HashMap<(u64, u64), Vec<u8>>,
    entries: u64,
    left_out: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Archive<'_> {
    fn add(&mut self, found: &Visited<'_>) -> Result<(), Error> {
        let Visited { path, at, name, ref status } = *found;
        if status.kind == Kind::Whiteout {
            return self.mark(path);
        }
        if path.rsplit(|&byte| byte == b'/').next().is_some_and(|base| base.starts_with(WHITEOUT)) {
            return Err(Error::Reserved(shown(path)));
        }
        if let Some(first) = self.linked.get(&status.identity) {
            let link = first.clone();
            return self.member(&Member { kind: EntryType::Link, link: &link, ..member(path, status) });
        }
        let is_written = match status.kind {
            Kind::Directory => return self.directory(at, path, status),
            Kind::File => self.file(found)?,
            Kind::Symlink => {
                let link = fs::read_link(at, name).map_err(Error::read("read the symbolic link", path))?;
                let link = link.as_bytes();
                self.member(&Member { kind: EntryType::Symlink, link, mode: 0o777, ..member(path, status) })?;
                true
            }
            Kind::Fifo => {
                self.member(&Member { kind: EntryType::Fifo, ..member(path, status) })?;
                true
            }
            Kind::Whiteout | Kind::Other => {
                self.left_out += 1;
                false
            }
        };
        if is_written && status.links > 1 {
            self.linked.insert(status.identity, path.to_vec());
        }
        Ok(())
    }

    fn directory(&mut self, dir: BorrowedFd<'_>, path: &[u8], status: &Status) -> Result<(), Error> {
        let Attributes { kept, opaque, .. } = marks::read(dir, path)?;
        let inside = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        let name: &[u8] = if path.is_empty() { b"./" } else { &inside };
        self.member(&Member { kind: EntryType::Directory, xattrs: &kept, ..member(name, status) })?;
        if opaque {
            self.member(&Member::mark(&[&inside, OPAQUE].concat()))?;
        }
        Ok(())
    }

    /// Writes a regular file; `false` where it was no file but the mark of a removed one.
    fn file(&mut self, found: &Visited<'_>) -> Result<bool, Error> {
        let path = found.path;
        let mut file = fs::open_file(found.at, found.name).map_err(Error::read("open", path))?;
        let Attributes { kept, whiteout, .. } = marks::read(&file, path)?;
        if whiteout {
            self.mark(path)?;
            return Ok(false);
        }
        let size = found.status.size;
        self.member(&Member { size, xattrs: &kept, ..member(path, &found.status) })?;
        let copied = self.out.copy(&mut file, size).map_err(|failed| match failed {
            Copy::Read(source) => Error::read("read", path)(source),
            Copy::Write(source) => Error::Write(source),
        })?;
        if copied != size {
            return Err(Error::Changed(shown(path)));
        }
        let padding = usize::try_from(size.next_multiple_of(512) - size).unwrap_or(0);
        self.out.write_all(&[0; BLOCK][..padding]).map_err(Error::Write)?;
        (self.progress)(size);
        Ok(true)
    }

    /// Writes the mark of a removed file: its name with a prefix.
    fn mark(&mut self, path: &[u8]) -> Result<(), Error> {
        let base = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        self.member(&Member::mark(&[&path[..base], WHITEOUT, &path[base..]].concat()))
    }

    fn member(&mut self, member: &Member<'_>) -> Result<(), Error> {
        self.entries += 1;
        self.out.write_all(&member.headers()).map_err(Error::Write)
    }
}

/// A member without content, of this name and with everything that all kinds of files have.
fn member<'a>(name: &'a [u8], status: &Status) -> Member<'a> {
    let &Status { mode, uid, gid, modified, .. } = status;
    Member { mode, uid, gid, modified, ..Member::mark(name) }
}
