//! Making what an archive's members say.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;

use super::body::Body;
use super::dirs::{Dir, Dirs};
use super::error::Cap;
use super::index::{Content, Known};
use super::member::{Kind, Member, Meta};
use super::name::{Shown, split};
use super::report::{Counts, Link};
use super::sparse::Map;
use super::whiteout::{Made, Mark, Marks};
use super::{Error, Limits, Owners, Root, Whiteouts, attributes, index};
use crate::sys::fs::{self, Beneath};
use crate::sys::xattr;

/// What to do about a file where one is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// The later one counts.
    Replace,
    /// The earlier one stays.
    Keep,
}

/// A directory whose owner, mode and time are set when everything is in it.
#[derive(Debug, Clone)]
pub(super) struct Deferred {
    pub(super) path: Vec<u8>,
    pub(super) meta: Meta,
}

/// The least mode of the root: without the right to enter it, nobody but root could use the box (Alpine's archives have had
/// such a mode).
pub(super) const ROOT_MODE: u32 = 0o755;

/// What is set for a directory that no member speaks of: the same for every unpacking.
const IMPLIED: Meta = Meta { mode: ROOT_MODE, uid: 0, gid: 0, modified: (0, 0), xattrs: Vec::new() };

/// Writes members into a root.
pub(super) struct Writer<'a> {
    root: &'a Root,
    limits: &'a Limits,
    owners: Owners,
    pub(super) existing: Existing,
    pub(super) whiteouts: Whiteouts,
    dirs: Dirs<'a>,
    marks: Marks,
    links: Vec<Link>,
    /// What is known of the files written, where an index is to be made.
    pub(super) known: Option<Known>,
    pub(super) deferred: Vec<Deferred>,
    pub(super) counts: Counts,
}

impl<'a> Writer<'a> {
    pub(super) fn new(root: &'a Root, limits: &'a Limits, owners: Owners) -> Self {
        Self {
            root,
            limits,
            owners,
            existing: Existing::Replace,
            whiteouts: Whiteouts::Literal,
            dirs: Dirs::new(root),
            marks: Marks::default(),
            links: Vec::new(),
            known: None,
            deferred: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Counts a member, whether it is made or left out.
    pub(super) fn count(&mut self, member: &Member) -> Result<(), Error> {
        self.counts.entries += 1;
        let size = member.sparse.as_ref().map_or(member.stored, |map| map.size);
        let longest = member.name.len().max(member.link.len());
        self.counts.bytes = self.counts.bytes.saturating_add(member.stored);
        let limits = self.limits;
        for (exceeded, cap) in [
            (self.counts.entries > limits.entries, Cap::Entries(limits.entries)),
            (longest > limits.path, Cap::Path(limits.path)),
            (size > limits.file, Cap::File(limits.file)),
            (self.counts.bytes > limits.bytes, Cap::Bytes(limits.bytes)),
        ] {
            if exceeded {
                return Err(Error::Limit { cap });
            }
        }
        Ok(())
    }

    /// Makes a member at a cleaned path; `link` is the cleaned path of a hard link's target.
    pub(super) fn place(
        &mut self,
        mut member: Member,
        path: &[u8],
        link: &[u8],
        body: &mut impl Body,
    ) -> Result<(), Error> {
        if self.whiteouts == Whiteouts::Oci
            && let Some(mark) = Mark::of(path, member.kind).map_err(|what| Error::malformed(path, what))?
        {
            return self.marks.add(mark, &mut self.dirs);
        }
        if self.owners == Owners::Root {
            (member.meta.uid, member.meta.gid) = (0, 0);
        }
        self.counts.xattrs_dropped += drop_xattrs(&mut member);
        match member.kind {
            Kind::Device => {
                self.counts.devices_skipped += 1;
                Ok(())
            }
            Kind::Label => Ok(()),
            Kind::Directory => self.directory(path, member.meta),
            _ if path.is_empty() => Err(Error::RootNotDirectory),
            Kind::File => self.file(path, &member, body),
            Kind::Symlink => self.symlink(path, &member),
            Kind::HardLink => self.hard_link(path, link),
            Kind::Fifo => self.fifo(path, &member.meta),
        }
    }

    fn directory(&mut self, path: &[u8], meta: Meta) -> Result<(), Error> {
        if !path.is_empty() {
            let (parent, name) = (self.dirs.parent(split(path).0)?, base(path));
            let made = fs::make_dir(&*parent, name, meta.mode & 0o777);
            match made {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let there = fs::status_at(&*parent, name).map_err(|e| Error::write("look at", path, e))?;
                    if there.is_symlink && self.dirs.resolves(path) {
                        // A distribution's own layout (`lib` is `usr/lib`): the directory it leads to is the member.
                        return Ok(());
                    }
                    if !there.is_dir {
                        self.remove(&parent, path)?;
                        fs::make_dir(&*parent, name, meta.mode & 0o777)
                            .map_err(|e| Error::write("make the directory", path, e))?;
                    }
                }
                Err(error) => return Err(Error::write("make the directory", path, error)),
            }
        }
        self.deferred.push(Deferred { path: path.to_vec(), meta });
        Ok(())
    }

    fn file(&mut self, path: &[u8], member: &Member, body: &mut impl Body) -> Result<(), Error> {
        let (parent, meta) = (self.dirs.parent(split(path).0)?, &member.meta);
        let Some(file) = self.make(&parent, path, |dir, name| fs::create_file(dir, name, meta.mode & 0o777))? else {
            return Ok(());
        };
        let mut content = self.known.is_some().then(Content::default);
        match &member.sparse {
            None => copy(&file, path, body, content.as_mut())?,
            Some(map) => copy_pieces(&file, map, path, body, content.as_mut())?,
        }
        if parent.setgid || (meta.uid, meta.gid) != (0, 0) {
            fs::set_owner(&file, meta.uid, meta.gid).map_err(|error| owner_error(path, meta, error))?;
        }
        set_xattrs(&file, path, meta)?;
        if meta.mode & 0o7000 != 0 {
            fs::set_mode(&file, meta.mode).map_err(|e| Error::write("set the mode of", path, e))?;
        }
        fs::set_modified(&file, meta.modified).map_err(|e| Error::write("set the time of", path, e))?;
        if let (Some(known), Some(content)) = (&mut self.known, content) {
            let failed = |source| Error::write("look at", path, source);
            let attributes = if meta.xattrs.is_empty() { 0 } else { index::attributes(&file).map_err(failed)? };
            known.insert(fs::status(&file).map_err(failed)?.identity, (content.finish(), attributes));
        }
        Ok(())
    }

    fn symlink(&mut self, path: &[u8], member: &Member) -> Result<(), Error> {
        if member.link.is_empty() || member.link.contains(&0) {
            return Err(Error::malformed(path, "the target of a symbolic link is empty or has a NUL byte in it"));
        }
        let target = OsStr::from_bytes(&member.link);
        let parent = self.dirs.parent(split(path).0)?;
        if self.make(&parent, path, |dir, name| fs::make_symlink(target, dir, name))?.is_none() {
            return Ok(());
        }
        named_meta(&parent, path, &member.meta)
    }

    fn fifo(&mut self, path: &[u8], meta: &Meta) -> Result<(), Error> {
        let parent = self.dirs.parent(split(path).0)?;
        // A pipe has no use for setuid and its kin, which its owner would clear.
        if self.make(&parent, path, |dir, name| fs::make_fifo(dir, name, meta.mode & 0o777))?.is_none() {
            return Ok(());
        }
        named_meta(&parent, path, meta)
    }

    fn hard_link(&mut self, path: &[u8], target: &[u8]) -> Result<(), Error> {
        let failed = |source| Error::write("make the hard link", path, source);
        let parent = self.dirs.parent(split(path).0)?;
        let found = self.dirs.existing(split(target).0);
        let found = found.and_then(|from| fs::status_at(&*from, base(target)).map(|there| (from, there)));
        let (from, there) = match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.whiteouts == Whiteouts::Oci => {
                return self.hard_link_below(&parent, path, target);
            }
            result => result.map_err(failed)?,
        };
        let same = |found: fs::Status| found.identity == there.identity;
        if fs::status_at(&*parent, base(path)).is_ok_and(same) {
            return Ok(());
        }
        self.make(&parent, path, |dir, name| fs::hard_link(&*from, base(target), dir, name)).map(drop)
    }

    /// Puts off a hard link to what a layer below has to have.
    fn hard_link_below(&mut self, parent: &Rc<Dir>, path: &[u8], target: &[u8]) -> Result<(), Error> {
        match fs::status_at(&**parent, base(path)) {
            Ok(_) => self.remove(parent, path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::write("look at", path, error)),
        }
        self.links.push(Link { path: path.to_vec(), target: target.to_vec() });
        Ok(())
    }

    /// Makes a new name; what has it already is removed, or stays and `None` is the answer.
    fn make<T>(
        &mut self,
        parent: &Rc<Dir>,
        path: &[u8],
        make: impl Fn(BorrowedFd<'_>, &OsStr) -> io::Result<T>,
    ) -> Result<Option<T>, Error> {
        match make(parent.as_fd(), base(path)) {
            Ok(made) => return Ok(Some(made)),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::write("make", path, error));
            }
            Err(_) if self.existing == Existing::Keep => return Ok(None),
            Err(_) => self.remove(parent, path)?,
        }
        make(parent.as_fd(), base(path)).map(Some).map_err(|error| Error::write("make", path, error))
    }

    /// Removes what is in the way of a new file: anything but a directory with something in it.
    fn remove(&mut self, parent: &Rc<Dir>, path: &[u8]) -> Result<(), Error> {
        self.dirs.forget();
        let removed = match fs::remove_file(&**parent, base(path)) {
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => fs::remove_dir(&**parent, base(path)),
            result => result,
        };
        removed.map_err(|source| Error::write("replace", path, source))
    }

    /// Sets what was left for the end. A directory that is gone by then is passed over.
    pub(super) fn finish(mut self) -> Result<Written, Error> {
        let marks = self.marks.make(self.root)?;
        let spoken_of: HashSet<&[u8]> = self.deferred.iter().map(|dir| dir.path.as_slice()).collect();
        // The root is there without having been made.
        let mut implied = std::mem::take(&mut self.dirs.implied);
        implied.push(Vec::new());
        implied.retain(|path| !spoken_of.contains(path.as_slice()));
        for path in &implied {
            if let Some(dir) = open_deferred(self.root, path)? {
                set_dir(&dir, path, &IMPLIED)?;
            }
        }
        for Deferred { path, meta } in &self.deferred {
            if let Some(dir) = open_deferred(self.root, path)? {
                let closed = path.is_empty() && self.whiteouts == Whiteouts::Literal;
                let mode = if closed { meta.mode | ROOT_MODE } else { meta.mode };
                set_dir(&dir, path, &Meta { mode, ..meta.clone() })?;
            }
        }
        implied.retain(|path| self.whiteouts == Whiteouts::Oci && !path.is_empty());
        Ok(Written { counts: self.counts, links: self.links, marks, implied, known: self.known })
    }
}

/// What came of an archive's members.
pub(super) struct Written {
    pub(super) counts: Counts,
    pub(super) links: Vec<Link>,
    pub(super) marks: Made,
    pub(super) implied: Vec<Vec<u8>>,
    pub(super) known: Option<Known>,
}

/// Opens a directory whose metadata is to be set, unless it was replaced by something else since.
pub(super) fn open_deferred(root: &Root, path: &[u8]) -> Result<Option<std::os::fd::OwnedFd>, Error> {
    let beneath = if path.is_empty() { b"." } else { path };
    match fs::open_beneath(root.dir(), OsStr::from_bytes(beneath), Beneath::RealDirectory) {
        Ok(dir) => Ok(Some(dir)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(Error::write("open the directory", path, source)),
    }
}

/// Sets owner, mode and time of a directory.
pub(super) fn set_dir(dir: impl AsFd, path: &[u8], meta: &Meta) -> Result<(), Error> {
    fs::set_owner(&dir, meta.uid, meta.gid).map_err(|error| owner_error(path, meta, error))?;
    set_xattrs(&dir, path, meta)?;
    fs::set_mode(&dir, meta.mode).map_err(|e| Error::write("set the mode of", path, e))?;
    fs::set_modified(&dir, meta.modified).map_err(|e| Error::write("set the time of", path, e))
}

fn base(path: &[u8]) -> &OsStr {
    OsStr::from_bytes(split(path).1)
}

fn owner_error(path: &[u8], meta: &Meta, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidInput => Error::Owner { name: Shown::new(path), uid: meta.uid, gid: meta.gid },
        _ => Error::write("set the owner of", path, error),
    }
}

/// Sets owner and time of what has no descriptor.
fn named_meta(parent: &Dir, path: &[u8], meta: &Meta) -> Result<(), Error> {
    if parent.setgid || (meta.uid, meta.gid) != (0, 0) {
        fs::set_owner_at(parent, base(path), meta.uid, meta.gid).map_err(|error| owner_error(path, meta, error))?;
    }
    fs::set_modified_at(parent, base(path), meta.modified).map_err(|e| Error::write("set the time of", path, e))
}

/// Takes away the attributes that are not an archive's to set, or that mean nothing for such a file, and says how many
/// those were.
fn drop_xattrs(member: &mut Member) -> u64 {
    let before = member.meta.xattrs.len();
    let may_have = matches!(member.kind, Kind::File | Kind::Directory);
    member.meta.xattrs.retain(|(name, _)| may_have && attributes::belongs(name));
    u64::try_from(before - member.meta.xattrs.len()).unwrap_or(0)
}

fn set_xattrs(fd: impl AsFd, path: &[u8], meta: &Meta) -> Result<(), Error> {
    for (name, value) in &meta.xattrs {
        xattr::set(&fd, OsStr::from_bytes(name), value)
            .map_err(|source| Error::write("set an extended attribute of", path, source))?;
    }
    Ok(())
}

fn copy(mut file: &File, path: &[u8], body: &mut impl Body, mut content: Option<&mut Content>) -> Result<(), Error> {
    loop {
        let bytes = body.content()?;
        if bytes.is_empty() {
            return Ok(());
        }
        file.write_all(bytes).map_err(|source| Error::write("write", path, source))?;
        if let Some(content) = &mut content {
            content.update(bytes);
        }
        let count = bytes.len();
        body.consume(count);
    }
}

fn copy_pieces(
    file: &File,
    map: &Map,
    path: &[u8],
    body: &mut impl Body,
    mut content: Option<&mut Content>,
) -> Result<(), Error> {
    let failed = |source| Error::write("write", path, source);
    file.set_len(map.size).map_err(failed)?;
    let mut hashed = 0;
    for &(mut offset, mut left) in &map.pieces {
        if let Some(content) = &mut content {
            content.skip(offset - hashed);
            hashed = offset + left;
        }
        while left > 0 {
            let bytes = body.content()?;
            let bytes = &bytes[..usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))];
            if bytes.is_empty() {
                return Err(Error::malformed(path, "the pieces of a sparse file are not its content"));
            }
            file.write_all_at(bytes, offset).map_err(failed)?;
            if let Some(content) = &mut content {
                content.update(bytes);
            }
            let count = bytes.len();
            body.consume(count);
            offset += u64::try_from(count).unwrap_or(0);
            left -= u64::try_from(count).unwrap_or(left);
        }
    }
    Ok(())
}
