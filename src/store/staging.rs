//! Work in progress: directories whose owner holds a lock on them while it lives.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::{Error, Store, lease};

/// A directory under `staging/`, locked by this process. Dropping it gives it up: what is still there is rubbish for the
/// next sweep.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
    // Held for its lock.
    _dir: File,
}

impl Staging {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where an agent binary comes to be, made by box-root.
    ///
    /// # Errors
    /// [`Error::Make`].
    pub fn agent(&self) -> Result<PathBuf, Error> {
        let path = self.path.join("agent");
        super::private_dir(&path)?;
        Ok(path.join("envbox"))
    }

    /// Where the tree of a layer comes to be: box-root makes `fs` in it. The directory around it is the user's own, since
    /// a directory can only be moved by who may write to it (rename(2)).
    ///
    /// # Errors
    /// [`Error::Make`].
    pub fn layer(&self) -> Result<PathBuf, Error> {
        let path = self.path.join("layer");
        super::private_dir(&path)?;
        Ok(path.join("fs"))
    }

    /// The same, as the upper directory of an overlay that is mounted meanwhile: that, its work directory, and an empty one
    /// to mount it on.
    ///
    /// # Errors
    /// [`Error::Make`].
    pub fn layer_on_others(&self) -> Result<[PathBuf; 3], Error> {
        let dirs = [self.layer()?, self.path.join("work"), self.path.join("root")];
        dirs.iter().try_for_each(|dir| super::private_dir(dir))?;
        Ok(dirs)
    }

    /// Where the index of that layer comes to be, beside its tree.
    pub fn layer_index(&self) -> PathBuf {
        self.path.join("layer/index")
    }
}

impl Store {
    /// Makes a staging directory.
    ///
    /// # Errors
    /// [`Error::Make`].
    pub fn stage(&self) -> Result<Staging, Error> {
        let staging = self.data.join("staging");
        let fail = |source| Error::Make { path: staging.clone(), source };
        for attempt in 0u64.. {
            let path = staging.join(format!("{}-{attempt}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(fail(error)),
            }
            // A sweep may have taken it between the two calls; then the next one is tried.
            if let Some(dir) = lease::seize(&path).map_err(fail)? {
                return Ok(Staging { path, _dir: dir });
            }
        }
        Err(fail(io::ErrorKind::AlreadyExists.into()))
    }

    /// Moves a tree out of the way, into a staging directory of its own, where it can be deleted.
    pub(super) fn discard(&self, path: &Path) -> Result<Staging, Error> {
        let staging = self.stage()?;
        let rubbish = staging.path().join("rubbish");
        fs::rename(path, &rubbish).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        Ok(staging)
    }

    /// Whether there is anything that nobody works on any more.
    pub fn has_abandoned(&self) -> bool {
        self.abandoned().is_ok_and(|found| !found.is_empty())
    }

    /// What processes that are gone have left under `staging/`, now owned by this process.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn abandoned(&self) -> Result<Vec<Staging>, Error> {
        let staging = self.data.join("staging");
        let fail = |source| Error::Read { path: staging.clone(), source };
        let mut found = Vec::new();
        for entry in fs::read_dir(&staging).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if let Some(dir) = lease::seize(&path).map_err(fail)? {
                found.push(Staging { path, _dir: dir });
            }
        }
        Ok(found)
    }
}
