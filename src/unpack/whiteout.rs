//! Whiteouts: how a layer says what of the layers below is gone (OCI image-spec, layer.md, "Whiteouts").
//!
//! In an archive they are names. In a tree that an overlay is made of they are device nodes 0:0, which an ordinary user
//! may make since Linux 5.8, and an attribute of directories (Documentation/filesystems/overlayfs.rst, "whiteouts and
//! opaque directories").

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;

use super::dirs::Dirs;
use super::member::Kind;
use super::name::split;
use super::{Error, Root, attributes};
use crate::sys::fs::{self, Beneath};
use crate::sys::xattr;

/// What the name of a whiteout begins with.
const PREFIX: &[u8] = b".wh.";
/// The rest of the name that makes a directory opaque.
const OPAQUE: &[u8] = b".wh..opq";
/// AUFS' own files at the top of a branch, which archives of the first years have in them; they mean nothing.
const AUFS: [&[u8]; 3] = [b".wh..wh.aufs", b".wh..wh.orph", b".wh..wh.plnk"];

/// What a member's name says of the layers below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// What has this path there is gone.
    Gone(Vec<u8>),
    /// Whatever is there beneath this directory is gone.
    Opaque(Vec<u8>),
    /// Nothing.
    Ignored,
}

impl Mark {
    /// Reads a cleaned path; `None` for one that is no whiteout's.
    ///
    /// # Errors
    /// Which rule is broken: no file of a layer has a name that begins with `.wh.`.
    pub(super) fn of(path: &[u8], kind: Kind) -> Result<Option<Self>, &'static str> {
        let (dir, name) = split(path);
        let top = path.split(|&byte| byte == b'/').next().unwrap_or_default();
        if AUFS.contains(&top) {
            return Ok(Some(Self::Ignored));
        }
        if dir.split(|&byte| byte == b'/').any(|component| component.starts_with(PREFIX)) {
            return Err("a whiteout is no directory");
        }
        let Some(gone) = name.strip_prefix(PREFIX) else {
            return Ok(None);
        };
        // AUFS' whiteouts are links to one another.
        if !matches!(kind, Kind::File | Kind::HardLink) {
            return Err("a whiteout is a file");
        }
        match gone {
            OPAQUE => Ok(Some(Self::Opaque(dir.to_vec()))),
            b"" | b"." | b".." => Err("a whiteout of no name"),
            _ if gone.starts_with(PREFIX) => Err("a whiteout of a whiteout"),
            _ if dir.is_empty() => Ok(Some(Self::Gone(gone.to_vec()))),
            _ => Ok(Some(Self::Gone([dir, b"/", gone].concat()))),
        }
    }
}

/// What was made of the whiteouts of a layer.
pub(super) struct Made {
    /// Where there are device nodes now.
    pub(super) whiteouts: Vec<Vec<u8>>,
    /// Whether the root is opaque.
    pub(super) opaque: bool,
}

/// The whiteouts of a layer. They are of the layers below only, wherever in the archive they stand; so they are made when
/// the layer's own files are there, and none of those goes.
#[derive(Debug, Default)]
pub(super) struct Marks {
    gone: BTreeSet<Vec<u8>>,
    opaque: BTreeSet<Vec<u8>>,
}

impl Marks {
    /// Takes one in. The directory that it is about is part of the layer from now on.
    pub(super) fn add(&mut self, mark: Mark, dirs: &mut Dirs<'_>) -> Result<(), Error> {
        match mark {
            Mark::Gone(path) => {
                dirs.parent(split(&path).0)?;
                self.gone.insert(path);
            }
            Mark::Opaque(path) => {
                dirs.parent(&path)?;
                self.opaque.insert(path);
            }
            Mark::Ignored => {}
        }
        Ok(())
    }

    /// Makes them.
    pub(super) fn make(mut self, root: &Root) -> Result<Made, Error> {
        for path in &self.opaque {
            let beneath = if path.is_empty() { b"." } else { path.as_slice() };
            let dir = fs::open_beneath(root.dir(), OsStr::from_bytes(beneath), Beneath::Directory);
            if let Some(dir) = unless_replaced(dir, path)? {
                make_opaque(&dir).map_err(|error| Error::write("make opaque", path, error))?;
            }
        }
        let mut made = Vec::new();
        // In order, so that a directory comes before what is beneath it.
        for path in &self.gone {
            if self.hidden(path) {
                // Nothing shows through there, and a list of a directory that is not merged would show the node.
                continue;
            }
            let (parent, name) = split(path);
            let beneath = if parent.is_empty() { b"." } else { parent };
            let parent = fs::open_beneath(root.dir(), OsStr::from_bytes(beneath), Beneath::Directory);
            let Some(parent) = unless_replaced(parent, path)? else { continue };
            let name = OsStr::from_bytes(name);
            let hidden = hide(&parent, name).map_err(|error| Error::write("make the whiteout of", path, error))?;
            match hidden {
                Hidden::Whiteout => made.push(path.clone()),
                Hidden::Opaque => drop(self.opaque.insert(path.clone())),
                Hidden::Replaced => {}
            }
        }
        Ok(Made { whiteouts: made, opaque: self.opaque.contains(&b""[..]) })
    }

    /// Whether the path is beneath an opaque directory.
    fn hidden(&self, path: &[u8]) -> bool {
        let mut dir = path;
        while !dir.is_empty() {
            dir = split(dir).0;
            if self.opaque.contains(dir) {
                return true;
            }
        }
        false
    }
}

/// The directory, unless a later member has put something else in its place.
fn unless_replaced<T>(dir: io::Result<T>, path: &[u8]) -> Result<Option<T>, Error> {
    match dir {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        result => result.map(Some).map_err(|error| Error::write("open the directory of the whiteout", path, error)),
    }
}

/// How something below was hidden.
pub(super) enum Hidden {
    /// By a whiteout.
    Whiteout,
    /// By a directory of the same name, made opaque.
    Opaque,
    /// By a file of the same name, which needs nothing more.
    Replaced,
}

/// Hides what the layers below have of this name; what the layer has itself stays.
pub(super) fn hide(parent: impl AsFd, name: &OsStr) -> io::Result<Hidden> {
    match fs::make_whiteout(&parent, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => {
            made?;
            // Of now, it would be different each time.
            fs::set_modified_at(&parent, name, (0, 0))?;
            return Ok(Hidden::Whiteout);
        }
    }
    if !fs::status_at(&parent, name)?.is_dir {
        return Ok(Hidden::Replaced);
    }
    make_opaque(fs::open_child(&parent, name)?)?;
    Ok(Hidden::Opaque)
}

fn make_opaque(dir: impl AsFd) -> io::Result<()> {
    attributes::OPAQUE.iter().try_for_each(|name| xattr::set(&dir, OsStr::new(name), b"y"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let of = |name: &str| Mark::of(name.as_bytes(), Kind::File);
        assert_eq!(of("a/b"), Ok(None));
        assert_eq!(of(".white"), Ok(None));
        assert_eq!(of(".wh.a"), Ok(Some(Mark::Gone(b"a".to_vec()))));
        assert_eq!(of("d/e/.wh..hidden"), Ok(Some(Mark::Gone(b"d/e/.hidden".to_vec()))));
        assert_eq!(of("d/.wh..wh..opq"), Ok(Some(Mark::Opaque(b"d".to_vec()))));
        assert_eq!(of(".wh..wh..opq"), Ok(Some(Mark::Opaque(Vec::new()))));
        assert_eq!(of(".wh..wh.plnk/12.34"), Ok(Some(Mark::Ignored)));
        for bad in
            [".wh.", ".wh..", ".wh...", ".wh.../x", ".wh..wh.x", ".wh..wh.", ".wh.a/b", "d/.wh..wh.plnk", "d/.wh."]
        {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert!(Mark::of(b".wh.a", Kind::Directory).is_err());
        assert!(Mark::of(b".wh.a", Kind::Symlink).is_err());
        assert_eq!(Mark::of(b".wh.a", Kind::HardLink), Ok(Some(Mark::Gone(b"a".to_vec()))));
    }
}
