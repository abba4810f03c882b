//! Downloads that outlive their process: a part lies in `staging/` under the digest that the whole will have, and whoever
//! locks it goes on with it. One process writes at a time, so two that want the same blob cannot mix it up.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use super::{Blobs, Error, Staged, make_dir};
use crate::image::{Digest, Hasher};

/// How long a part is of use to somebody: who has not come back for it in a week will not.
const YOUNG: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Blobs {
    /// Begins the file that will have this digest, or goes on with what there is of it; `None` while another process (or
    /// another part of this one) is at it. Dropped, it stays for the next who wants it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn resume(&self, digest: &Digest) -> Result<Option<Staged>, Error> {
        make_dir(&self.staging)?;
        let path = self.staging.join(digest.hex());
        loop {
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
            let mut file = file.map_err(Error::io("open", &path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
            }
            // Whoever had the lock may have finished the file or thrown it away.
            if !is_at(&path, &file) {
                continue;
            }
            let (hasher, len) = read_through(&mut file).map_err(Error::io("read", &path))?;
            let reader = File::open(&path).map_err(Error::io("open", &path))?;
            return Ok(Some(Staged { path, blobs: self.blobs.clone(), file, reader, hasher, len, kept: true }));
        }
    }

    /// How many bytes there are of the file with this digest, finished or not. A guess, for progress.
    pub fn present(&self, digest: &Digest) -> u64 {
        let size = |dir: &Path| fs::metadata(dir.join(digest.hex())).map(|found| found.len());
        size(&self.blobs).or_else(|_| size(&self.staging)).unwrap_or(0)
    }
}

impl Staged {
    /// The file, for reading while it grows. It never shrinks unless [`Staged::restart`] is called.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn reader(&self) -> Result<File, Error> {
        File::open(&self.path).map_err(Error::io("open", &self.path))
    }
}

/// Whether a staged file that nobody has locked is of no use any more.
pub(super) fn is_rubbish(path: &Path, file: &File) -> bool {
    let named_by_digest = path.file_name().and_then(|name| Digest::from_hex(name.to_str()?).ok()).is_some();
    let age = || file.metadata().ok()?.modified().ok()?.elapsed().ok();
    is_at(path, file) && !(named_by_digest && age().is_none_or(|age| age < YOUNG))
}

/// Whether this is the file at that path. With the lock held it stays so: only who has it renames or removes the file.
pub(super) fn is_at(path: &Path, file: &File) -> bool {
    let same = |held: fs::Metadata| fs::metadata(path).is_ok_and(|found| found.ino() == held.ino());
    file.metadata().is_ok_and(same)
}

/// Hashes a file to its end, and leaves it there.
fn read_through(file: &mut File) -> io::Result<(Hasher, u64)> {
    let (mut hasher, mut len) = (Hasher::new(), 0);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher, len)),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                len += u64::try_from(read).unwrap_or(0);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Blobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path());
        (dir, blobs)
    }

    #[test]
    fn a_part_is_gone_on_with() {
        let (_dir, blobs) = cache();
        let digest = Digest::of(b"abcdef");
        let mut staged = blobs.resume(&digest).unwrap().unwrap();
        staged.write(b"abc").unwrap();
        assert!(blobs.resume(&digest).unwrap().is_none(), "two at once");
        drop(staged);
        blobs.sweep().unwrap();
        assert_eq!(blobs.present(&digest), 3);
        let mut staged = blobs.resume(&digest).unwrap().unwrap();
        assert_eq!(staged.size(), 3);
        let reader = staged.reader().unwrap();
        staged.write(b"def").unwrap();
        assert_eq!(io::read_to_string(reader).unwrap(), "abcdef");
        staged.commit(Some(&digest)).unwrap();
        assert!(blobs.open(&digest).unwrap().is_some());
        assert_eq!(fs::read_dir(&blobs.staging).unwrap().count(), 0);
    }

    #[test]
    fn a_wrong_part_is_not() {
        let (_dir, blobs) = cache();
        let digest = Digest::of(b"abcdef");
        let mut staged = blobs.resume(&digest).unwrap().unwrap();
        staged.write(b"abcxxx").unwrap();
        assert!(matches!(staged.commit(Some(&digest)), Err(Error::Digest { .. })));
        assert_eq!(blobs.resume(&digest).unwrap().unwrap().size(), 0);
    }

    #[test]
    fn an_old_part_is_rubbish() {
        let (_dir, blobs) = cache();
        let digest = Digest::of(b"abcdef");
        drop(blobs.resume(&digest).unwrap().unwrap());
        let path = blobs.staging.join(digest.hex());
        let file = File::open(&path).unwrap();
        assert!(!is_rubbish(&path, &file));
        file.set_modified(std::time::SystemTime::now() - YOUNG * 2).unwrap();
        drop(file);
        blobs.sweep().unwrap();
        assert!(!path.exists());
    }
}
