//! The download cache: files by their digest, under `$XDG_CACHE_HOME/envbox`.
//!
//! ```text
//! blobs/sha256/<hex>   downloads that were complete and right when they were put there
//! blobs/staging/       downloads under way, each locked (flock(2)) by the process that writes it; what is named by a
//!                      digest may be gone on with when its process is dead
//! index/<hex>          small signed lists, by the digest of the URL they came from
//! ```
//!
//! Nothing here is synced to disk: the whole cache may be deleted at any time, so its loss costs a download and no more.
//! What a power cut must not do is to pass off a file of holes as a download. Therefore a file that this process did not
//! write itself is hashed when it is opened, and thrown away if it is not what its name says. That costs 1 ms per 1–2 MB,
//! is paid only when a layer is built, and finds bit rot as well.

mod old;
mod part;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::image::{Digest, Hasher};

pub use old::{Amount, Old};

/// The cache could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory of the cache failed: no space, no permission.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// What was written is not what was expected.
    #[error("the content is {actual}, not {expected}")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What arrived.
        actual: Digest,
    },
}

impl Error {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// The download cache.
#[derive(Debug, Clone)]
pub struct Blobs {
    blobs: PathBuf,
    staging: PathBuf,
    index: PathBuf,
}

impl Blobs {
    /// The cache in this directory (`$XDG_CACHE_HOME/envbox`), which need not exist yet.
    pub fn new(cache: &Path) -> Self {
        Self { blobs: cache.join("blobs/sha256"), staging: cache.join("blobs/staging"), index: cache.join("index") }
    }

    /// The file with this digest, read anew and found right; `None` where there is none, or no longer a right one.
    ///
    /// # Errors
    /// [`Error::Io`] if there is one that cannot be read.
    pub fn open(&self, digest: &Digest) -> Result<Option<File>, Error> {
        let path = self.blobs.join(digest.hex());
        let Some(mut file) = self.open_own(digest)? else { return Ok(None) };
        if hash(&mut file).map_err(Error::io("read", &path))? == *digest {
            // It is worth its room; that this cannot be noted is no reason not to use it.
            let _ = file.set_modified(SystemTime::now());
            return Ok(Some(file));
        }
        fs::remove_file(&path).or_else(if_present).map_err(Error::io("remove", &path))?;
        Ok(None)
    }

    /// The file with this digest, unread: for who has put it there in this process.
    ///
    /// # Errors
    /// [`Error::Io`] if there is one that cannot be opened.
    pub fn open_own(&self, digest: &Digest) -> Result<Option<File>, Error> {
        let path = self.blobs.join(digest.hex());
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => file.map(Some).map_err(Error::io("open", &path)),
        }
    }

    /// Begins a new file. It has no name in the cache until [`Staged::commit`].
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn stage(&self) -> Result<Staged, Error> {
        make_dir(&self.staging)?;
        loop {
            let path = self.staging.join(format!("{:016x}", RandomState::new().hash_one(0)));
            let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = match new {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                new => new.map_err(Error::io("create", &path))?,
            };
            file.lock().map_err(Error::io("lock", &path))?;
            // A sweep may have come between the creation and the lock.
            let Ok(reader) = File::open(&path) else { continue };
            if file.metadata().map_err(Error::io("read", &path))?.nlink() > 0 {
                let blobs = self.blobs.clone();
                return Ok(Staged { path, blobs, file, reader, hasher: Hasher::new(), len: 0, kept: false });
            }
        }
    }

    /// A new file without a name, for what is made only to be handed on. It is gone with its last descriptor.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn scratch(&self) -> Result<File, Error> {
        make_dir(&self.staging)?;
        let path = self.staging.join(format!("{:016x}", RandomState::new().hash_one(0)));
        let new = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = new.map_err(Error::io("create", &path))?;
        fs::remove_file(&path).or_else(if_present).map_err(Error::io("remove", &path))?;
        Ok(file)
    }

    /// Removes what dead processes have left half-written, unless it can be gone on with. A staged file whose lock is free
    /// has no owner.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sweep(&self) -> Result<(), Error> {
        let entries = match fs::read_dir(&self.staging) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(Error::io("read", &self.staging))?,
        };
        for entry in entries {
            let path = entry.map_err(Error::io("read", &self.staging))?.path();
            if File::open(&path).is_ok_and(|file| file.try_lock().is_ok() && part::is_rubbish(&path, &file)) {
                fs::remove_file(&path).or_else(if_present).map_err(Error::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// The list that was last kept for this URL. Unchecked: its reader verifies the signature anyway.
    pub fn index(&self, url: &str) -> Option<Vec<u8>> {
        fs::read(self.index_path(url)).ok()
    }

    /// Keeps a list for this URL, in place of the one before.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_index(&self, url: &str, content: &[u8]) -> Result<(), Error> {
        make_dir(&self.index)?;
        let mut staged = self.stage()?;
        staged.write(content)?;
        let path = self.index_path(url);
        fs::rename(&staged.path, &path).map_err(Error::io("write", &path))
    }

    fn index_path(&self, url: &str) -> PathBuf {
        self.index.join(Digest::of(url.as_bytes()).hex())
    }
}

/// A file on its way into the cache. Dropped before [`Staged::commit`], it is gone, unless it came from [`Blobs::resume`].
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    blobs: PathBuf,
    file: File,
    reader: File,
    hasher: Hasher,
    len: u64,
    // What is at `path` outlives this value: a part that another process may go on with, or nothing of ours any more.
    kept: bool,
}

impl Staged {
    /// Appends.
    ///
    /// # Errors
    /// [`Error::Io`]: the disk is full, most likely.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.len += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.len
    }

    /// Throws away what was written.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn restart(&mut self) -> Result<(), Error> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(Error::io("truncate", &self.path))?;
        self.hasher = Hasher::new();
        self.len = 0;
        Ok(())
    }

    /// Gives the file its name, and returns the digest and the file, open for reading from its beginning. Two processes
    /// that fetch the same content both succeed: the second name replaces the first, which has the same bytes.
    ///
    /// # Errors
    /// [`Error::Digest`] unless the content is what was `expected`; nothing is left then. [`Error::Io`].
    pub fn commit(mut self, expected: Option<&Digest>) -> Result<(Digest, File), Error> {
        let actual = self.hasher.clone().finish();
        if let Some(&expected) = expected.filter(|&&expected| expected != actual) {
            self.kept = false;
            return Err(Error::Digest { expected, actual });
        }
        make_dir(&self.blobs)?;
        let path = self.blobs.join(actual.hex());
        fs::rename(&self.path, &path).map_err(Error::io("write", &path))?;
        self.kept = true;
        let reader = self.reader.try_clone().map_err(Error::io("open", &path))?;
        Ok((actual, reader))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.kept || (self.len == 0 && part::is_at(&self.path, &self.file)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The digest of a file's content, from its beginning; leaves it rewound.
///
/// # Errors
/// read(2)'s.
pub fn hash(file: &mut File) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    file.rewind()?;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.rewind()?;
    Ok(hasher.finish())
}

fn make_dir(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io("create", path))
}

fn if_present(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Blobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(&dir.path().join("envbox"));
        (dir, blobs)
    }

    fn put(blobs: &Blobs, content: &[u8]) -> Digest {
        let mut staged = blobs.stage().unwrap();
        staged.write(content).unwrap();
        staged.commit(None).unwrap().0
    }

    #[test]
    fn what_is_put_is_found() {
        let (_dir, blobs) = cache();
        let digest = put(&blobs, b"abc");
        assert_eq!(digest, Digest::of(b"abc"));
        assert_eq!(io::read_to_string(blobs.open(&digest).unwrap().unwrap()).unwrap(), "abc");
        assert!(blobs.open(&Digest::of(b"other")).unwrap().is_none());
    }

    #[test]
    fn a_wrong_digest_leaves_nothing() {
        let (_dir, blobs) = cache();
        let mut staged = blobs.stage().unwrap();
        staged.write(b"abc").unwrap();
        assert!(matches!(staged.commit(Some(&Digest::of(b"abd"))), Err(Error::Digest { .. })));
        assert_eq!(fs::read_dir(&blobs.staging).unwrap().count(), 0);
        assert!(blobs.open(&Digest::of(b"abc")).unwrap().is_none());
    }

    #[test]
    fn a_damaged_file_is_no_file() {
        let (_dir, blobs) = cache();
        let digest = put(&blobs, b"abc");
        for damage in [&b"ab"[..], b"ab\0", b""] {
            fs::write(blobs.blobs.join(digest.hex()), damage).unwrap();
            assert!(blobs.open(&digest).unwrap().is_none());
            put(&blobs, b"abc");
            assert!(blobs.open(&digest).unwrap().is_some());
        }
    }

    #[test]
    fn two_writers_of_one_blob_both_succeed() {
        let (_dir, blobs) = cache();
        let mut both = [blobs.stage().unwrap(), blobs.stage().unwrap()];
        both.iter_mut().for_each(|staged| staged.write(b"same").unwrap());
        for staged in both {
            let (_, file) = staged.commit(Some(&Digest::of(b"same"))).unwrap();
            assert_eq!(io::read_to_string(file).unwrap(), "same");
        }
    }

    #[test]
    fn a_sweep_takes_what_the_dead_left_and_nothing_else() {
        let (_dir, blobs) = cache();
        let mut alive = blobs.stage().unwrap();
        fs::write(blobs.staging.join("dead"), "half").unwrap();
        blobs.sweep().unwrap();
        assert!(!blobs.staging.join("dead").exists());
        alive.write(b"abc").unwrap();
        alive.commit(None).unwrap();
    }

    #[test]
    fn restarting_forgets() {
        let (_dir, blobs) = cache();
        let mut staged = blobs.stage().unwrap();
        staged.write(b"wrong").unwrap();
        staged.restart().unwrap();
        staged.write(b"abc").unwrap();
        staged.commit(Some(&Digest::of(b"abc"))).unwrap();
    }

    #[test]
    fn the_last_list_is_kept() {
        let (_dir, blobs) = cache();
        assert_eq!(blobs.index("http://x/InRelease"), None);
        blobs.keep_index("http://x/InRelease", b"one").unwrap();
        blobs.keep_index("http://x/InRelease", b"two").unwrap();
        assert_eq!(blobs.index("http://x/InRelease").unwrap(), b"two");
        assert_eq!(fs::read_dir(&blobs.staging).unwrap().count(), 0);
    }
}
