//! The steps that only system boxes have.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use crate::launch::apply::bind_place;
use crate::plan::{BoxPath, Kind};
use crate::sys::fs;
use crate::sys::mount::{self, Attributes, Context};
use crate::sys::root::{self, Open};

/// Mounts an empty file system in memory over a directory, with the trees of some places as they were.
pub(in crate::launch) fn renew(root: &OwnedFd, at: &BoxPath, mode: u32, kept: &[BoxPath]) -> io::Result<()> {
    let mut trees = Vec::new();
    for place in kept {
        match root::open(root, place.as_path(), Open::Path) {
            Ok(there) => trees.push((place, mount::copy_open_tree(there)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let tmpfs = Context::open("tmpfs")?;
    tmpfs.set("mode", format!("{mode:o}"))?;
    let harmless = Attributes::MOUNT_ATTR_NOSUID | Attributes::MOUNT_ATTR_NODEV;
    mount::attach(tmpfs.mount(harmless)?, root::make_dirs(root, at.as_path(), 0o755)?)?;
    for (place, tree) in trees {
        let kind = if fs::status(&tree)?.kind == fs::Kind::Directory { Kind::Directory } else { Kind::File };
        mount::attach(tree, bind_place(root, place, kind)?)?;
    }
    Ok(())
}

/// Writes the box's id, unless there is one. A file without one would have the init ask for what a new machine has to be told
/// (machine-id(5), "First boot semantics").
pub(in crate::launch) fn machine_id(root: &OwnedFd, id: &str) -> io::Result<()> {
    let etc = root::make_dirs(root, Path::new("/etc"), 0o755)?;
    let is_id = |text: &[u8]| text.trim_ascii().len() == 32 && text.trim_ascii().iter().all(u8::is_ascii_hexdigit);
    match root::read(&etc, Path::new("machine-id")) {
        Ok(there) if is_id(&there) => Ok(()),
        _ => root::replace_file(&etc, OsStr::new("machine-id"), format!("{id}\n").as_bytes(), 0o444),
    }
}
