//! The tree of a layer becomes a tar stream.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write as _;
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
    out: impl std::io::Write + Send,
    compression: Compression,
    threads: NonZeroUsize,
    progress: &mut dyn FnMut(u64),
) -> Result<Packed, Error> {
    stream::run(out, compression, threads, |out| {
        let mut archive = Archive { out, linked: HashMap::new(), entries: 0, sockets: 0, progress };
        tree::visit(root, |found| archive.add(found))?;
        archive.out.write_all(&[0; 2 * BLOCK]).map_err(Error::Write)?;
        Ok((archive.entries, archive.sockets))
    })
}

/// An archive being written.
struct Archive<'a> {
    out: &'a mut Stream,
    /// Files with several names that have been written, by device and inode: their first names.
    linked: HashMap<(u64, u64), Vec<u8>>,
    entries: u64,
    sockets: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Archive<'_> {
    fn add(&mut self, found: &Visited<'_>) -> Result<(), Error> {
        let Visited { at, name, path, ref status } = *found;
        if status.kind == Kind::CharDevice(0, 0) {
            return self.mark(path, WHITEOUT, name);
        }
        if name.as_bytes().starts_with(WHITEOUT) {
            return Err(Error::Reserved(shown(path)));
        }
        if let Some(first) = self.linked.get(&status.identity) {
            let link = first.clone();
            return self.member(&Member { kind: EntryType::Link, link: &link, ..member(path, status) });
        }
        match status.kind {
            Kind::Directory => {
                let path = if path.is_empty() { b"." } else { path };
                return self.directory(at, &[path, b"/"].concat(), status);
            }
            Kind::File => {
                if !self.file(found)? {
                    return Ok(());
                }
            }
            Kind::Symlink => {
                let link = fs::read_link(at, name).map_err(Error::read("read the symbolic link", path))?;
                self.member(&Member {
                    kind: EntryType::Symlink,
                    link: link.as_bytes(),
                    mode: 0o777,
                    ..member(path, status)
                })?;
            }
            Kind::Fifo => self.member(&Member { kind: EntryType::Fifo, ..member(path, status) })?,
            Kind::CharDevice(major, minor) => {
                self.member(&Member { kind: EntryType::Char, device: (major, minor), ..member(path, status) })?;
            }
            Kind::BlockDevice(major, minor) => {
                self.member(&Member { kind: EntryType::Block, device: (major, minor), ..member(path, status) })?;
            }
            Kind::Socket => {
                self.sockets += 1;
                return Ok(());
            }
        }
        if status.links > 1 {
            self.linked.insert(status.identity, path.to_vec());
        }
        Ok(())
    }

    fn directory(&mut self, dir: BorrowedFd<'_>, name: &[u8], status: &Status) -> Result<(), Error> {
        let Attributes { kept, opaque, .. } = marks::read(dir, name)?;
        self.member(&Member { kind: EntryType::Directory, xattrs: &kept, ..member(name, status) })?;
        if opaque {
            let path = [name.strip_prefix(b"./").unwrap_or(name), OPAQUE].concat();
            self.member(&Member::mark(&path))?;
        }
        Ok(())
    }

    /// Writes a regular file; `false` where it was no file but the mark of a removed one.
    fn file(&mut self, found: &Visited<'_>) -> Result<bool, Error> {
        let path = found.path;
        let mut file = fs::open_file(found.at, found.name).map_err(Error::read("open", path))?;
        let Attributes { kept, whiteout, .. } = marks::read(&file, path)?;
        if whiteout {
            self.mark(path, WHITEOUT, found.name)?;
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
    fn mark(&mut self, path: &[u8], prefix: &[u8], name: &OsStr) -> Result<(), Error> {
        let dir = &path[..path.len() - name.len()];
        self.member(&Member::mark(&[dir, prefix, name.as_bytes()].concat()))
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
