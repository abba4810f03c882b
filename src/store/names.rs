//! The names that images are known by.
//!
//! A name may have any characters; a file name may not. The digest of the name is free of both problems, and the name
//! itself is kept in the file: `refs/<hex>` has one line, the image's digest and the name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::lease::{self, ImageLease};
use super::{Error, Store};
use crate::image::Digest;

/// A name, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name: `debian:trixie`, `docker.io/library/alpine:3.20`, a URL, the place of a file.
    pub name: String,
    /// The image.
    pub image: Digest,
    /// Since when it means this image.
    pub since: SystemTime,
}

/// The lock of a name: nobody else gives it a meaning meanwhile.
#[derive(Debug)]
pub struct NameLock {
    name: String,
    // Held for its lock.
    _file: File,
}

impl NameLock {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Store {
    fn ref_file(&self, name: &str) -> PathBuf {
        self.data.join("refs").join(Digest::of(name.as_bytes()).hex())
    }

    /// Takes the lock of a name, so that of two who want the image that has not been made yet, one makes it and the other
    /// finds it. `waiting` is called before this process waits.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn lock_name(&self, name: &str, waiting: impl FnOnce()) -> Result<NameLock, Error> {
        let path = self.ref_file(name).with_extension("lock");
        let fail = |source| Error::Write { path: path.clone(), source };
        let mut waiting = Some(waiting);
        loop {
            if let Some(file) = lease::take(&path, &mut waiting).map_err(fail)? {
                return Ok(NameLock { name: name.to_owned(), _file: file });
            }
        }
    }

    /// Lets a name mean an image, whatever it meant before.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn tag(&self, name: &NameLock, image: &ImageLease) -> Result<(), Error> {
        let NameLock { name, .. } = name;
        self.put(&self.ref_file(name), format!("{} {name}\n", image.digest()).as_bytes())
    }

    /// Takes a name away from whatever it means, even if that cannot be read; whether there was such a name.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn untag(&self, name: &str) -> Result<bool, Error> {
        let path = self.ref_file(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            result => result.map(|()| true).map_err(|source| Error::Write { path, source }),
        }
    }

    /// Takes a name away if it means this image and nobody is about to give it another meaning; whether it is gone.
    pub(super) fn untag_from(&self, name: &str, image: &Digest) -> Result<bool, Error> {
        let Some(_held) = seize(&self.ref_file(name))? else { return Ok(false) };
        match read(self.ref_file(name))? {
            Some(found) if found.image != *image => Ok(false),
            _ => self.untag(name).map(|_| true),
        }
    }

    /// Removes the lock files of names that are gone.
    pub(super) fn clear_name_locks(&self) -> Result<(), Error> {
        for name in self.digests_in("refs", ".lock")? {
            let path = self.data.join("refs").join(name.hex());
            let lock = path.with_extension("lock");
            let fail = |source| Error::Write { path: lock.clone(), source };
            if path.exists() {
                continue;
            }
            let held = lease::seize(&lock).map_err(fail)?;
            if held.is_some() && !path.exists() {
                fs::remove_file(&lock).map_err(fail)?;
            }
        }
        Ok(())
    }

    /// What a name means, kept in the store, if it is still there with all its layers.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::Read`].
    pub fn resolve(&self, name: &str) -> Result<Option<ImageLease>, Error> {
        match read(self.ref_file(name))? {
            Some(found) => self.lease_image(&found.image),
            None => Ok(None),
        }
    }

    /// All names, in order, and apart from them what is wrong with those that cannot be read.
    ///
    /// # Errors
    /// [`Error::Read`] of the directory.
    pub fn names(&self) -> Result<(Vec<Name>, Vec<Error>), Error> {
        let (mut names, mut damaged) = (Vec::new(), Vec::new());
        for file in self.digests_in("refs", "")? {
            match read(self.data.join("refs").join(file.hex())) {
                Ok(name) => names.extend(name),
                Err(error) => damaged.push(error),
            }
        }
        names.sort_unstable_by(|a: &Name, b| a.name.cmp(&b.name));
        Ok((names, damaged))
    }
}

/// Takes the lock of the name that a file is for, if nobody is about to give it another meaning.
pub(super) fn seize(file: &Path) -> Result<Option<File>, Error> {
    let lock = file.with_extension("lock");
    let _created = File::options().create(true).truncate(false).write(true).open(&lock);
    lease::seize(&lock).map_err(|source| Error::Read { path: lock, source })
}

fn read(path: PathBuf) -> Result<Option<Name>, Error> {
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(Error::Damaged { path, source: error.into() });
        }
        Err(source) => return Err(Error::Read { path, source }),
    };
    let since = fs::metadata(&path).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let parsed = text.strip_suffix('\n').and_then(|line| line.split_once(' '));
    let parsed = parsed.and_then(|(digest, name)| Some((digest.parse().ok()?, name)));
    // The file's own name is a check of the whole line but the digest.
    let is_named = |name: &str| path.file_name().is_some_and(|file| file == &*Digest::of(name.as_bytes()).hex());
    match parsed.filter(|(_, name)| is_named(name)) {
        Some((image, name)) => Ok(Some(Name { name: name.to_owned(), image, since })),
        None => Err(Error::Damaged { path, source: "it has no digest and name".into() }),
    }
}
