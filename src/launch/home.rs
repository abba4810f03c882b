//! A home of the box's own: made once, from what the image has for new users.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use crate::plan::BoxPath;
use crate::sys::root::{self, Open};
use crate::sys::{fs, tree};

/// What an image has for the homes of new users (useradd(8)).
const SKELETON: &str = "/etc/skel";

/// Bytes of a file, and files, that are taken over at the most: what an image has there is a handful of small ones.
const LARGEST: u64 = 1 << 20;
const MOST: usize = 1000;

/// Makes the home, if it is missing. A kill leaves none, or a whole one.
///
/// # Errors
/// Those of making and copying files in the root.
pub(super) fn ensure(root: &OwnedFd, at: &BoxPath, owner: (u32, u32)) -> io::Result<()> {
    let (parent, name) = (at.as_path().parent(), at.as_path().file_name());
    let (parent, name) = parent.zip(name).ok_or(io::ErrorKind::InvalidInput)?;
    match root::open(root, at.as_path(), Open::Directory) {
        // The image's own, or one that was made before.
        Ok(home) => {
            let found = fs::status(&home)?;
            return if (found.uid, found.gid) == owner { Ok(()) } else { fs::set_owner(&home, owner.0, owner.1) };
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let parent = root::make_dirs(root, parent, 0o755)?;
    // A link that leads nowhere is no home.
    root::remove_symlink(&parent, name)?;
    let staged = OsString::from(format!(".{}.envbox", name.display()));
    match tree::remove(parent.as_fd(), &staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::make_dir(&parent, &staged, 0o700)?;
    let home = fs::open_child(&parent, &staged)?;
    fill(root, &home, owner)?;
    fs::set_owner(&home, owner.0, owner.1)?;
    fs::rename(&parent, &staged, &parent, name)
}

/// Copies the skeleton: directories, files and links, as the user's own.
fn fill(root: &OwnedFd, home: &OwnedFd, owner: (u32, u32)) -> io::Result<()> {
    let skeleton = match root::open(root, Path::new(SKELETON), Open::Directory) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        skeleton => skeleton?,
    };
    let mut left = MOST;
    copy_all(&skeleton, home, owner, &mut left)
}

fn copy_all(from: &OwnedFd, to: &OwnedFd, owner: (u32, u32), left: &mut usize) -> io::Result<()> {
    for (name, _) in fs::list(from)? {
        let Some(fewer) = left.checked_sub(1) else { return Ok(()) };
        *left = fewer;
        let found = fs::status_at(from, &name)?;
        match found.kind {
            fs::Kind::Directory => {
                fs::make_dir(to, &name, 0o700)?;
                let (source, made) = (fs::open_child(from, &name)?, fs::open_child(to, &name)?);
                copy_all(&source, &made, owner, left)?;
                fs::set_owner(&made, owner.0, owner.1)?;
                fs::set_mode(&made, found.mode & 0o755)?;
            }
            fs::Kind::File if found.size <= LARGEST => copy_file(from, to, &name, found.mode & 0o755, owner)?,
            fs::Kind::Symlink => {
                fs::make_symlink(&fs::read_link(from, &name)?, to, &name)?;
                fs::set_owner_at(to, &name, owner.0, owner.1)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn copy_file(from: &OwnedFd, to: &OwnedFd, name: &OsStr, mode: u32, owner: (u32, u32)) -> io::Result<()> {
    use std::io::Read as _;
    let mut made = fs::create_file(to, name, mode)?;
    io::copy(&mut fs::open_file(from, name)?.take(LARGEST), &mut made)?;
    fs::set_owner(&made, owner.0, owner.1)?;
    fs::set_mode(&made, mode)
}
