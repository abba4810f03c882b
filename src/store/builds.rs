//! What builds keep from one to the next besides their layers.
//!
//! ```text
//! packages/<system>/lock       held by the one build that installs packages there
//! packages/<system>/<name>/    what its package manager keeps; box-root's
//! refs/<hex>.anew              what the layers of the image of this name have in them since it was last built anew
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Error, NameLock, Store, lease, names, private_dir};
use crate::image::Digest;

/// The directories that a package manager keeps, which are nobody else's meanwhile.
#[derive(Debug)]
pub struct PackageCache {
    dir: PathBuf,
    // Held for its lock.
    _lock: File,
}

impl PackageCache {
    /// Where a directory of this path in the root is kept; box-root makes it, in a directory that is the user's own.
    pub fn dir(&self, path: &Path) -> PathBuf {
        let name: Vec<_> = path.iter().skip(1).map(|part| part.to_string_lossy()).collect();
        self.dir.join(name.join("-"))
    }
}

impl Store {
    /// Takes what is kept for a system's package manager. `waiting` is called before this process waits for another that
    /// has it.
    ///
    /// # Errors
    /// [`Error::Make`], [`Error::Write`].
    pub fn package_cache(&self, system: &str, waiting: impl FnOnce()) -> Result<PackageCache, Error> {
        let dir = self.data.join("packages").join(system);
        private_dir(&dir)?;
        let path = dir.join("lock");
        let fail = |source| Error::Write { path: path.clone(), source };
        let mut waiting = Some(waiting);
        loop {
            if let Some(file) = lease::take(&path, &mut waiting).map_err(fail)? {
                // When it was used last, for those who collect it.
                file.set_modified(SystemTime::now()).map_err(fail)?;
                return Ok(PackageCache { dir, _lock: file });
            }
            // Garbage has been collected meanwhile.
            private_dir(&dir)?;
        }
    }

    /// Where package managers' caches are.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn package_caches(&self) -> Result<Vec<PathBuf>, Error> {
        let path = self.data.join("packages");
        let listed = fs::read_dir(&path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        match listed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|source| Error::Read { path, source }),
        }
    }

    /// Takes the caches that were not used for so long out of the store, unless a build has them now; what they were is for
    /// the sweep. Says how many.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Write`].
    pub fn collect_package_caches(&self, idle: Duration, dry_run: bool) -> Result<usize, Error> {
        let mut collected = 0;
        for dir in self.package_caches()? {
            let path = dir.join("lock");
            let Some(lock) = lease::seize(&path).map_err(|source| Error::Read { path: path.clone(), source })? else {
                continue;
            };
            let used = lock.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            if SystemTime::now().duration_since(used).unwrap_or_default() >= idle {
                collected += 1;
                if !dry_run {
                    self.abandon(&dir)?;
                }
            }
        }
        Ok(collected)
    }

    fn anew_file(&self, name: &str) -> PathBuf {
        self.data.join("refs").join(Digest::of(name.as_bytes()).hex()).with_extension("anew")
    }

    /// What tells the layers of an image that was built anew from those there were; `None` if it never was.
    pub fn anew(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.anew_file(name)).ok()
    }

    /// Notes that from now on the layers of an image are those that have this in them.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn keep_anew(&self, name: &NameLock, anew: &str) -> Result<(), Error> {
        self.put(&self.anew_file(name.name()), anew.as_bytes())
    }

    /// Removes those notes whose names are gone. A box may be of an image that has lost its name, and its project finds it by
    /// the note: while there is such an image, all stay.
    pub(super) fn clear_anew(&self) -> Result<(), Error> {
        let (names, unreadable) = self.names()?;
        let named: BTreeSet<Digest> = names.iter().map(|name| name.image).collect();
        if !unreadable.is_empty() || !self.images()?.iter().all(|image| named.contains(image)) {
            return Ok(());
        }
        for name in self.digests_in("refs", ".anew")? {
            let file = self.data.join("refs").join(name.hex());
            if file.exists() {
                continue;
            }
            let held = names::seize(&file)?;
            if held.is_some() && !file.exists() {
                let path = file.with_extension("anew");
                fs::remove_file(&path).map_err(|source| Error::Write { path, source })?;
            }
        }
        Ok(())
    }

    /// Whether the store has an image with all its layers, for a look only.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Read`].
    pub fn has_image(&self, image: &Digest) -> Result<bool, Error> {
        self.image(image)?.map_or(Ok(false), |image| self.has_layers(&image))
    }
}

/// What files of a project were when they were read, and what came of it, so that they need not be read again while they
/// are the same.
#[derive(Debug)]
pub struct Stamps {
    path: PathBuf,
}

impl Stamps {
    /// Those of the files that a project copies.
    pub fn copied(cache: &Path, root: &Path) -> Self {
        Self::of(cache, "copied", root)
    }

    /// That of its lock.
    pub fn lock(cache: &Path, root: &Path) -> Self {
        Self::of(cache, "locks", root)
    }

    fn of(cache: &Path, what: &str, root: &Path) -> Self {
        use std::os::unix::ffi::OsStrExt as _;
        let name = Digest::of(root.as_os_str().as_bytes()).hex();
        Self { path: cache.join(what).join(format!("{name}.json")) }
    }

    /// What was kept; nothing where it cannot be read.
    pub fn read<T: serde::de::DeserializeOwned + Default>(&self) -> T {
        fs::read(&self.path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Keeps it. Whoever reads meanwhile reads the old one or the new one.
    ///
    /// # Errors
    /// Those of writing and renaming a file.
    pub fn write(&self, stamps: &impl serde::Serialize) -> io::Result<()> {
        let dir = self.path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        fs::create_dir_all(dir)?;
        let staged = self.path.with_extension(std::process::id().to_string());
        fs::write(&staged, serde_json::to_vec(stamps)?)?;
        fs::rename(&staged, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Image, Provenance};
    use crate::store::Policy;

    #[test]
    fn a_note_stays_while_a_project_may_find_a_box_by_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("envbox")).unwrap();
        let provenance = Provenance { origin: String::new(), trust: String::new(), title: String::new() };
        let lock = store.lock_name("p", || {}).unwrap();
        let image = store.commit_image(&lock, &Image::new(Vec::new(), provenance), &[]).unwrap();
        store.keep_anew(&lock, "1").unwrap();
        drop(lock);
        let collect = || drop(store.collect(&Policy::default()).unwrap());
        collect();
        assert_eq!(store.anew("p").as_deref(), Some("1"));
        // As long as somebody has the image, which has no name any more.
        store.untag("p").unwrap();
        collect();
        assert_eq!(store.anew("p").as_deref(), Some("1"));
        drop(image);
        collect();
        assert_eq!(store.anew("p"), None);
        assert_eq!(fs::read_dir(store.data.join("refs")).unwrap().count(), 0);
    }
}
