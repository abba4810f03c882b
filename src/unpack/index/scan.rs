//! Reading a tree for its index.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::{Content, Entry, Index};
use crate::sys::fs::Kind;
use crate::sys::tree::{self, Visited};
use crate::sys::{fs, xattr};
use crate::unpack::Error;

/// Bytes read at once.
const READ: usize = 256 << 10;

/// Hashes of content and attributes of files that need not be read again, by their identity.
pub(in crate::unpack) type Known = HashMap<(u64, u64), (u128, u64)>;

/// The index of a tree, in which some files are known.
pub(in crate::unpack) fn scan(root: BorrowedFd<'_>, known: &Known) -> Result<Index, Error> {
    let mut index = Index::default();
    let mut buffer = Vec::new();
    let mut path = Vec::new();
    let scanned = tree::visit(root, &mut |visited| {
        path.clear();
        path.extend_from_slice(visited.path);
        let (content, attributes) = match known.get(&visited.status.identity) {
            Some(&known) if visited.status.kind == Kind::File => known,
            _ => hashes(visited, &mut buffer)?,
        };
        index.push(&entry(visited, content, attributes));
        Ok(())
    });
    scanned.map_err(|source| Error::write("read", &path, source))?;
    Ok(index)
}

fn entry<'a>(visited: &Visited<'a>, content: u128, attributes: u64) -> Entry<'a> {
    let status = &visited.status;
    // Of a directory, it is the file system's own affair.
    let size = if matches!(status.kind, Kind::File | Kind::Symlink) { status.size } else { 0 };
    let fs::Status { kind, mode, uid, gid, modified, .. } = *status;
    Entry { path: visited.path, kind, mode, uid, gid, modified, size, content, attributes }
}

/// The hashes of content and attributes.
fn hashes(visited: &Visited<'_>, buffer: &mut Vec<u8>) -> io::Result<(u128, u64)> {
    match visited.status.kind {
        Kind::File => {
            let file = fs::open_file(visited.at, visited.name)?;
            Ok((content(&file, buffer)?, attributes(&file)?))
        }
        Kind::Directory => Ok((0, attributes(visited.at)?)),
        Kind::Symlink => Ok((xxh3_128(fs::read_link(visited.at, visited.name)?.as_bytes()), 0)),
        Kind::Fifo | Kind::Whiteout | Kind::Other => Ok((0, 0)),
    }
}

fn content(file: &std::fs::File, buffer: &mut Vec<u8>) -> io::Result<u128> {
    buffer.resize(READ, 0);
    let mut content = Content::default();
    let mut at = 0;
    while let Some(data) = fs::next_data(file, at)? {
        content.skip(data.start - at);
        at = data.start;
        while at < data.end {
            let count = usize::try_from(data.end - at).map_or(READ, |left| left.min(READ));
            file.read_exact_at(&mut buffer[..count], at)?;
            content.update(&buffer[..count]);
            at += u64::try_from(count).unwrap_or(0);
        }
    }
    Ok(content.finish())
}

/// The hash of the extended attributes that belong to a tree.
pub(in crate::unpack) fn attributes(fd: impl AsFd) -> io::Result<u64> {
    let mut names = xattr::list(&fd)?;
    names.retain(|name| name.as_bytes().starts_with(b"user.") || name == "security.capability");
    if names.is_empty() {
        return Ok(0);
    }
    names.sort();
    let mut hasher = Xxh3::new();
    for name in &names {
        for bytes in [name.as_bytes(), &xattr::get(&fd, OsStr::new(name))?] {
            hasher.update(&u64::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
            hasher.update(bytes);
        }
    }
    Ok(hasher.digest())
}
