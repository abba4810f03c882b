//! Files that a new tree has in common with trees that are there.
//!
//! A file is taken for the same if it has the same path, owner, mode, size, time and bytes, and if neither has extended
//! attributes. The same path, since two names of one inode would be two hard links in a box that has both: where the paths
//! are the same, one of them hides the other. And the same bytes, read and compared: a hash may be met on purpose, and
//! what is shared reaches other boxes.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::index::{Entry, Index, Kind};
use crate::sys::fs::{self, Beneath, Status};
use crate::sys::{extents, xattr};

/// Bytes of a file that is worth the trouble: below this the time costs more than the room.
const WORTH_IT: u64 = 16 << 10;
/// Bytes compared at once.
const READ: usize = 128 << 10;
/// The name under which a link is made that then takes the file's place.
const ASIDE: &str = ".envbox-shared";

/// Names that a file has at the most when it is shared. ext4 takes 65,000, and others more.
const MOST_LINKS: u64 = 60_000;

/// A file, by device and inode.
type Identity = (u64, u64);

/// What was found to be the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A tree whose files are looked for in others.
#[derive(Debug)]
pub struct Sharing {
    root: OwnedFd,
    /// Files that may yet be found: by directory, each with what it must be.
    wanted: BTreeMap<Vec<u8>, Vec<Wanted>>,
    /// Files of other trees that this one has already under some name.
    taken: HashSet<Identity>,
    shared: Shared,
}

#[derive(Debug)]
struct Wanted {
    name: OsString,
    owner: (u32, u32),
    mode: u32,
    modified: (i64, u32),
    size: u64,
}

impl Wanted {
    fn new(entry: &Entry<'_>, name: &[u8]) -> Self {
        let &Entry { uid, gid, mode, modified, size, .. } = entry;
        Self { name: OsString::from_vec(name.to_vec()), owner: (uid, gid), mode, modified, size }
    }

    /// What the name refers to in either tree, if both are what is wanted.
    fn statuses(&self, place: &Place) -> Option<(Status, Status)> {
        let is = |status: &Status| {
            let same = (self.owner, self.mode, self.modified, self.size)
                == ((status.uid, status.gid), status.mode, status.modified, status.size);
            same && status.kind == fs::Kind::File
        };
        let [ours, theirs] = [&place.ours, &place.theirs].map(|dir| fs::status_at(dir, &self.name).ok().filter(is));
        ours.zip(theirs).filter(|(ours, theirs)| ours.identity != theirs.identity)
    }
}

/// A directory, in either tree.
#[derive(Debug)]
struct Place {
    ours: OwnedFd,
    theirs: OwnedFd,
}

impl Place {
    fn open(ours: BorrowedFd<'_>, theirs: BorrowedFd<'_>, dir: &[u8]) -> io::Result<Self> {
        let open = |root| fs::open_beneath(root, OsStr::from_bytes(dir), Beneath::RealDirectory);
        // Most often it is theirs that is not there.
        let theirs = open(theirs)?;
        Ok(Self { ours: open(ours)?, theirs })
    }
}

/// A name that both trees have, of files that may be the same.
#[derive(Debug)]
struct Match {
    dir: Rc<[u8]>,
    name: OsString,
    ours: Status,
    theirs: Status,
}

impl Sharing {
    /// Begins with a tree that nobody else knows yet, and its index.
    pub fn new(root: OwnedFd, index: &Index) -> Self {
        let mut wanted: BTreeMap<Vec<u8>, Vec<Wanted>> = BTreeMap::new();
        let worth_it = |entry: &Entry<'_>| entry.kind == Kind::File && entry.size >= WORTH_IT && entry.attributes == 0;
        for entry in index.iter().filter(worth_it) {
            let at = entry.path.iter().rposition(|&byte| byte == b'/');
            let (dir, name) = at.map_or((&b"."[..], entry.path), |at| (&entry.path[..at], &entry.path[at + 1..]));
            wanted.entry(dir.to_vec()).or_default().push(Wanted::new(&entry, name));
        }
        Self { root, wanted, taken: HashSet::new(), shared: Shared::default() }
    }

    /// Whether there is anything left to look for.
    pub fn is_done(&self) -> bool {
        self.wanted.is_empty()
    }

    /// What was found so far.
    pub fn shared(&self) -> Shared {
        self.shared
    }

    /// Looks in another tree, which may vanish meanwhile. What cannot be shared stays a file of its own.
    pub fn look_in(&mut self, other: BorrowedFd<'_>) {
        let mut found: BTreeMap<Identity, Vec<Match>> = BTreeMap::new();
        for (dir, files) in &self.wanted {
            let Ok(place) = Place::open(self.root.as_fd(), other, dir) else { continue };
            let dir: Rc<[u8]> = Rc::from(&dir[..]);
            for file in files {
                if let Some((ours, theirs)) = file.statuses(&place) {
                    let (dir, name) = (Rc::clone(&dir), file.name.clone());
                    found.entry(ours.identity).or_default().push(Match { dir, name, ours, theirs });
                }
            }
        }
        for names in found.values() {
            // Where it fails the file stays as it was.
            if self.share(other, names).unwrap_or(false) {
                self.shared.files += 1;
                self.shared.bytes += names[0].ours.size;
                for name in names {
                    if let Some(files) = self.wanted.get_mut(&*name.dir) {
                        files.retain(|file| file.name != name.name);
                    }
                }
            }
        }
        self.wanted.retain(|_, files| !files.is_empty());
    }

    /// Shares one file, of which these are the names that the other tree has as well.
    fn share(&mut self, other: BorrowedFd<'_>, names: &[Match]) -> io::Result<bool> {
        let Match { dir, name, ours, theirs } = &names[0];
        let place = Place::open(self.root.as_fd(), other, dir)?;
        let files = [fs::open_file(&place.ours, name)?, fs::open_file(&place.theirs, name)?];
        for file in &files {
            if !xattr::list(file)?.is_empty() {
                return Ok(false);
            }
        }
        let [our_file, their_file] = &files;
        if let Ok(same) = extents::share(their_file, our_file, ours.size) {
            return Ok(same);
        }
        // All names of the one become names of the other, or none does.
        let all = u64::try_from(names.len()).is_ok_and(|count| count == ours.links);
        let one = names.iter().all(|name| name.theirs.identity == theirs.identity);
        let room = theirs.links + ours.links <= MOST_LINKS;
        let sharable = all && one && room && !self.taken.contains(&theirs.identity);
        if !sharable || !equal(our_file, their_file, ours.size)? {
            return Ok(false);
        }
        self.link(other, names)?;
        self.taken.insert(theirs.identity);
        Ok(true)
    }

    /// Puts another tree's file in the place of one's own, under all its names or none.
    fn link(&self, other: BorrowedFd<'_>, names: &[Match]) -> io::Result<()> {
        let aside = |at: usize| OsString::from(format!("{ASIDE}-{at}"));
        // One directory is open at a time: a file may have more names than a process may have descriptors.
        let each = |names: &[Match], work: &dyn Fn(usize, &OsStr, &Place) -> io::Result<()>| {
            names.iter().enumerate().try_for_each(|(at, Match { dir, name, .. })| {
                let place = Place::open(self.root.as_fd(), other, dir)?;
                let before = fs::status(&place.ours)?.modified;
                work(at, name, &place)?;
                // Another time is a difference that verifying the tree would show.
                fs::set_modified(&place.ours, before)
            })
        };
        let linked = std::cell::Cell::new(0);
        let made = each(names, &|at, name, place| {
            fs::hard_link(&place.theirs, name, &place.ours, &aside(at))?;
            linked.set(at + 1);
            Ok(())
        });
        if let Err(error) = made {
            each(&names[..linked.get()], &|at, _, place| fs::remove_file(&place.ours, &aside(at)))?;
            return Err(error);
        }
        each(names, &|at, name, place| fs::rename(&place.ours, &aside(at), &place.ours, name))
    }
}

fn equal(a: &File, b: &File, size: u64) -> io::Result<bool> {
    let mut buffers = [vec![0; READ], vec![0; READ]];
    let mut at = 0;
    while at < size {
        let count = usize::try_from(size - at).map_or(READ, |left| left.min(READ));
        let [left, right] = buffers.each_mut().map(|buffer| &mut buffer[..count]);
        a.read_exact_at(left, at)?;
        b.read_exact_at(right, at)?;
        if left != right {
            return Ok(false);
        }
        at += u64::try_from(count).unwrap_or(0);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use super::*;

    const BIG: usize = 40_000;

    /// A tree with these files, each with the content that its letter makes, all of one time.
    fn tree(files: &[(&str, u8)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, letter) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, vec![*letter; BIG]).unwrap();
            touch(&path);
        }
        dir
    }

    fn touch(path: &Path) {
        let file = File::open(path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000)).unwrap();
    }

    fn share(mine: &Path, others: &[&Path]) -> (Shared, bool) {
        let before = Index::scan(fs::open_dir(mine).unwrap()).unwrap();
        let mut sharing = Sharing::new(fs::open_dir(mine).unwrap(), &before);
        for other in others {
            sharing.look_in(fs::open_dir(other).unwrap().as_fd());
        }
        let after = Index::scan(fs::open_dir(mine).unwrap()).unwrap();
        assert_eq!(before.diff(&after).collect::<Vec<_>>(), []);
        (sharing.shared(), sharing.is_done())
    }

    fn inode(dir: &tempfile::TempDir, path: &str) -> u64 {
        std::fs::metadata(dir.path().join(path)).unwrap().ino()
    }

    #[test]
    fn the_same_file_is_shared_and_nothing_else_changes() {
        let other = tree(&[("usr/a", b'a'), ("usr/b", b'b'), ("c", b'c'), ("moved", b'd')]);
        let mine = tree(&[("usr/a", b'a'), ("usr/b", b'x'), ("c", b'c'), ("d", b'd')]);
        std::fs::write(mine.path().join("small"), "small").unwrap();
        let (shared, done) = share(mine.path(), &[other.path()]);
        assert_eq!((shared, done), (Shared { files: 2, bytes: 80_000 }, false));
        for (path, same) in [("usr/a", true), ("usr/b", false), ("c", true)] {
            assert_eq!(inode(&mine, path) == inode(&other, path), same, "{path}");
        }
        assert_eq!(share(mine.path(), &[other.path()]).0, Shared::default(), "there is nothing left to do");
    }

    #[test]
    fn a_file_that_differs_in_anything_stays() {
        let other = tree(&[("mode", b'a'), ("time", b'a'), ("xattr", b'a'), ("kind", b'a')]);
        let mine = tree(&[("mode", b'a'), ("time", b'a'), ("xattr", b'a'), ("kind", b'a')]);
        let of = |name: &str| other.path().join(name);
        std::fs::set_permissions(of("mode"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        File::open(of("time")).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
        xattr::set(File::open(of("xattr")).unwrap(), OsStr::new("user.x"), b"y").unwrap();
        std::fs::remove_file(of("kind")).unwrap();
        std::os::unix::fs::symlink("mode", of("kind")).unwrap();
        assert_eq!(share(mine.path(), &[other.path()]).0, Shared::default());
    }

    #[test]
    fn hard_links_stay_what_they_are() {
        let link = |dir: &tempfile::TempDir, old: &str, new: &str| {
            std::fs::hard_link(dir.path().join(old), dir.path().join(new)).unwrap();
        };
        // All names of one file are names of one file there.
        let (other, mine) = (tree(&[("a", b'a'), ("d/x", b'x')]), tree(&[("a", b'a'), ("d/x", b'x')]));
        [&other, &mine].into_iter().for_each(|dir| link(dir, "a", "d/b"));
        assert_eq!(share(mine.path(), &[other.path()]).0.files, 2);
        assert_eq!((inode(&mine, "a"), inode(&mine, "d/b")), (inode(&other, "a"), inode(&other, "a")));
        // Two files here, one there: they do not become one.
        let apart = tree(&[("a", b'a'), ("d/b", b'a')]);
        assert_eq!(share(apart.path(), &[other.path()]).0.files, 1);
        assert_ne!(inode(&apart, "a"), inode(&apart, "d/b"));
        // One here, two there: it is not taken apart.
        let one = tree(&[("a", b'a')]);
        std::fs::create_dir(one.path().join("d")).unwrap();
        link(&one, "a", "d/b");
        let two = tree(&[("a", b'a'), ("d/b", b'a')]);
        assert_eq!(share(one.path(), &[two.path()]).0.files, 0);
        assert_eq!(inode(&one, "a"), inode(&one, "d/b"));
    }

    #[test]
    fn the_way_to_a_file_does_not_lead_out_of_the_tree() {
        let (secret, other) = (tree(&[("a", b'a')]), tree(&[]));
        std::os::unix::fs::symlink(secret.path(), other.path().join("usr")).unwrap();
        let mine = tree(&[("usr/a", b'a')]);
        assert_eq!(share(mine.path(), &[other.path()]).0, Shared::default());
    }
}
