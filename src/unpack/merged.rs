//! Looking things up in layers that lie upon one another, as an overlay does
//! (Documentation/filesystems/overlayfs.rst, "Merged directories").

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::rc::Rc;

use super::{Error, attributes};
use crate::sys::fs::{self, Kind, Status};
use crate::sys::xattr;

/// Layers, the topmost first.
#[derive(Debug)]
pub(super) struct Merged {
    roots: Vec<Rc<OwnedFd>>,
}

/// What has a path.
pub(super) enum Found {
    /// Anything but a directory, in the directory that it is in.
    File {
        at: Rc<OwnedFd>,
        status: Status,
    },
    Directory(Directory),
    Nothing,
}

/// A directory, as the topmost layer that has it has it.
pub(super) struct Directory {
    pub(super) dir: Rc<OwnedFd>,
    pub(super) status: Status,
}

impl Merged {
    pub(super) fn new<'l>(layers: impl Iterator<Item = BorrowedFd<'l>>) -> Result<Self, Error> {
        let roots = layers.map(|layer| layer.try_clone_to_owned().map(Rc::new)).collect::<io::Result<_>>();
        Ok(Self { roots: roots.map_err(|error| Error::write("open the layers below", b"/", error))? })
    }

    /// No layer at all.
    pub(super) fn nothing() -> Self {
        Self { roots: Vec::new() }
    }

    /// The names in the root of any layer, except those that a layer above has a whiteout for.
    pub(super) fn top(&self) -> io::Result<BTreeSet<OsString>> {
        let mut names = BTreeSet::new();
        for root in &self.roots {
            names.extend(fs::list(root)?.into_iter().map(|(name, _)| name));
        }
        let mut seen = BTreeSet::new();
        for name in names {
            if !matches!(self.find(name.as_bytes())?, Found::Nothing) {
                seen.insert(name);
            }
        }
        Ok(seen)
    }

    /// Looks a cleaned path up, symbolic links not followed.
    pub(super) fn find(&self, path: &[u8]) -> io::Result<Found> {
        let mut here = self.roots.clone();
        let mut components = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).peekable();
        while let Some(name) = components.next() {
            match step(&here, OsStr::from_bytes(name))? {
                Step::Into(dirs) => here = dirs,
                Step::File { at, status } if components.peek().is_none() => return Ok(Found::File { at, status }),
                Step::File { .. } | Step::Nothing => return Ok(Found::Nothing),
            }
        }
        let Some(dir) = here.into_iter().next() else { return Ok(Found::Nothing) };
        let status = fs::status(&dir)?;
        Ok(Found::Directory(Directory { dir, status }))
    }
}

enum Step {
    /// The directories of this name that are merged.
    Into(Vec<Rc<OwnedFd>>),
    File {
        at: Rc<OwnedFd>,
        status: Status,
    },
    Nothing,
}

fn step(here: &[Rc<OwnedFd>], name: &OsStr) -> io::Result<Step> {
    let mut merged = Vec::new();
    for dir in here {
        let status = match fs::status_at(dir, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            status => status?,
        };
        match status.kind {
            Kind::Directory => {
                let child = fs::open_child(dir, name)?;
                let opaque = is_opaque(&child)?;
                merged.push(Rc::new(child));
                if opaque {
                    break;
                }
            }
            Kind::Whiteout => break,
            _ if merged.is_empty() => return Ok(Step::File { at: Rc::clone(dir), status }),
            _ => break,
        }
    }
    Ok(if merged.is_empty() { Step::Nothing } else { Step::Into(merged) })
}

fn is_opaque(dir: impl AsFd) -> io::Result<bool> {
    Ok(xattr::list(&dir)?.iter().any(|name| name == attributes::OPAQUE[0]))
}
