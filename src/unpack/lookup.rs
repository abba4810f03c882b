//! Looking a file up in a box's layers while nothing is mounted, as a program in the box would find it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::merged::{Found, Merged};
use crate::sys::fs;
use crate::sys::root;

/// Symbolic links that are followed on the way to a file: as many as the kernel follows (path_resolution(7)).
const MOST_LINKS: u32 = 40;

/// "Too many levels of symbolic links" (errno(3)).
const ELOOP: i32 = 40;

/// The tree that layers make together. They are an image's, and not to be trusted: no link leads out of them.
#[derive(Debug)]
pub struct Tree(Merged);

/// A file of a [`Tree`].
#[derive(Debug)]
pub struct TreeFile {
    /// Where it is when all links are followed; absolute.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    at: Rc<OwnedFd>,
    name: OsString,
}

impl TreeFile {
    /// What is in it.
    ///
    /// # Errors
    /// openat2(2)'s; `InvalidData` for anything but a regular file of a sane size.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        root::read(self.at.as_ref(), Path::new(&self.name))
    }
}

impl Tree {
    /// The tree of these directories, the lowest first.
    ///
    /// # Errors
    /// open(2)'s.
    pub fn of<'p>(layers: impl Iterator<Item = &'p Path>) -> io::Result<Self> {
        let mut dirs = layers.map(fs::open_dir).collect::<io::Result<Vec<_>>>()?;
        dirs.reverse();
        Merged::new(dirs.iter().map(OwnedFd::as_fd)).map(Self).map_err(io::Error::other)
    }

    /// The file of this path; `None` where there is none, or a device or a socket.
    ///
    /// # Errors
    /// `IsADirectory`; `PermissionDenied` for a directory that its owner shows nobody; `ELOOP` for links that lead nowhere.
    pub fn file(&self, path: &Path) -> io::Result<Option<TreeFile>> {
        let (mut rest, mut here, mut links) = (components(path), PathBuf::from("/"), 0);
        while let Some(part) = rest.pop_front() {
            if part == ".." {
                here.pop();
                continue;
            }
            here.push(&part);
            match self.0.find(here.as_os_str().as_bytes())? {
                Found::Nothing => return Ok(None),
                Found::Directory(_) => {}
                Found::File { at, status } if status.is_symlink => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(io::Error::from_raw_os_error(ELOOP));
                    }
                    let target = PathBuf::from(fs::read_link(at.as_ref(), &part)?);
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    } else {
                        here.pop();
                    }
                    let mut target = components(&target);
                    target.append(&mut rest);
                    rest = target;
                }
                Found::File { at, status } => {
                    let file = (rest.is_empty() && status.kind == fs::Kind::File).then_some((at, status.mode));
                    return Ok(file.map(|(at, mode)| TreeFile { path: here, mode, at, name: part }));
                }
            }
        }
        Err(io::ErrorKind::IsADirectory.into())
    }
}

/// The names on the way to a path.
fn components(path: &Path) -> VecDeque<OsString> {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    names.map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs as std_fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Two layers: a name that ends in `/` is a directory, one with ` -> ` a link, and all others are files.
    fn tree(lower: &[&str], upper: &[&str]) -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().unwrap();
        let layers = [dir.path().join("lower"), dir.path().join("upper")];
        for (layer, names) in layers.iter().zip([lower, upper]) {
            std_fs::create_dir(layer).unwrap();
            for name in names {
                let (name, target) = name.split_once(" -> ").map_or((*name, None), |(name, to)| (name, Some(to)));
                let path = layer.join(name);
                std_fs::create_dir_all(path.parent().unwrap()).unwrap();
                match target {
                    Some(target) => symlink(target, path).unwrap(),
                    None if name.ends_with('/') => std_fs::create_dir_all(path).unwrap(),
                    None => std_fs::write(path, name).unwrap(),
                }
            }
        }
        let tree = Tree::of(layers.iter().map(PathBuf::as_path)).unwrap();
        (dir, tree)
    }

    fn found(tree: &Tree, path: &str) -> Option<String> {
        tree.file(Path::new(path)).unwrap().map(|file| file.path.to_str().unwrap().to_owned())
    }

    #[test]
    fn links_are_followed_from_layer_to_layer() {
        let lower = ["sbin -> usr/sbin", "usr/sbin/init -> ../../lib/systemd/systemd", "lib -> /usr/lib"];
        let (_dir, tree) = tree(&lower, &["usr/lib/systemd/systemd"]);
        assert_eq!(found(&tree, "/sbin/init").as_deref(), Some("/usr/lib/systemd/systemd"));
        let file = tree.file(Path::new("/sbin/init")).unwrap().unwrap();
        assert_eq!(file.read().unwrap(), b"usr/lib/systemd/systemd");
    }

    #[test]
    fn no_link_leads_out() {
        let (_dir, tree) = tree(&["a -> /etc/passwd", "b -> ../../../../../../etc/passwd", "c -> c", "d -> e/"], &[]);
        assert_eq!((found(&tree, "/a"), found(&tree, "/b"), found(&tree, "/d")), (None, None, None));
        assert_eq!(tree.file(Path::new("/c")).unwrap_err().raw_os_error(), Some(ELOOP));
    }

    #[test]
    fn what_is_above_goes_before() {
        let (_dir, tree) = tree(&["sbin/init -> busybox", "sbin/busybox", "x"], &["sbin/init", "x/"]);
        assert_eq!(found(&tree, "/sbin/init").as_deref(), Some("/sbin/init"));
        assert_eq!((found(&tree, "/sbin/init/x"), found(&tree, "/none")), (None, None));
        for dir in ["/x", "/sbin", "/"] {
            assert_eq!(tree.file(Path::new(dir)).unwrap_err().kind(), io::ErrorKind::IsADirectory, "{dir}");
        }
    }
}
