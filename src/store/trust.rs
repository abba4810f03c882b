//! What the user has agreed that a project may do.
//!
//! One file a project, `trust/<hex>.json`, named by the digest of the project's path: a project that was moved is another
//! one. Boxes never see the store, so none can agree for its user.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, Store, private_dir};
use crate::image::Digest;
use crate::recipe::project::asks::What;
use crate::sys::lock;

/// What was agreed to for a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// The project's directory, without symbolic links.
    pub root: PathBuf,
    /// When it was first agreed to something, in seconds since the epoch.
    pub since: u64,
    /// What was agreed to.
    pub asks: Vec<What>,
}

/// The file. The sum finds what was damaged or edited; who can forge it could as well say yes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    sum: Digest,
    agreed: Agreed,
}

/// Bytes at the most in a record: what thousands of packages come to.
const LARGEST: u64 = 4 << 20;

impl Agreed {
    fn sum(&self) -> Result<Digest, serde_json::Error> {
        Ok(Digest::of(&serde_json::to_vec(self)?))
    }
}

impl Store {
    fn trust_dir(&self) -> PathBuf {
        self.data().join("trust")
    }

    fn trust_file(&self, root: &Path) -> PathBuf {
        let hex = Digest::of(root.as_os_str().as_bytes()).hex();
        self.trust_dir().join(hex).with_extension("json")
    }

    /// What was agreed to for the project in this directory, which is named without symbolic links; `None` where nothing was.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Damaged`] for what this version has not written, or not for this directory.
    pub fn agreed(&self, root: &Path) -> Result<Option<Agreed>, Error> {
        let path = self.trust_file(root);
        let Some(agreed) = read(&path)? else { return Ok(None) };
        if agreed.root != root {
            let source = format!("it is about {}", agreed.root.display()).into();
            return Err(Error::Damaged { path, source });
        }
        Ok(Some(agreed))
    }

    /// Records that the user has agreed to this, besides what there is already. `now` is in seconds since the epoch. A
    /// damaged record is replaced.
    ///
    /// # Errors
    /// [`Error::Make`], [`Error::Read`] and [`Error::Write`].
    pub fn agree(&self, root: &Path, asks: &[What], now: u64) -> Result<(), Error> {
        let _lock = self.lock_trust()?;
        let known = match self.agreed(root) {
            Err(Error::Damaged { .. }) => None,
            known => known?,
        };
        let mut agreed = known.unwrap_or_else(|| Agreed { root: root.to_owned(), since: now, asks: Vec::new() });
        // What they cover need not be kept.
        agreed.asks.retain(|known| !asks.iter().any(|ask| ask.covers(known)));
        agreed.asks.extend_from_slice(asks);
        agreed.asks.sort_unstable();
        agreed.asks.dedup();
        let path = self.trust_file(root);
        let fail = |source| Error::Write { path: path.clone(), source };
        let json = |error: serde_json::Error| fail(error.into());
        let record = Record { sum: agreed.sum().map_err(json)?, agreed };
        let bytes = serde_json::to_vec_pretty(&record).map_err(json)?;
        let staging = self.stage()?;
        let staged = staging.path().join("file");
        write_private(&staged, &bytes).and_then(|()| fs::rename(&staged, &path)).map_err(fail)?;
        // The directory is empty now; a failure leaves it to the sweep.
        let _ = fs::remove_dir(staging.path());
        Ok(())
    }

    /// Takes back what was agreed to for the project in this directory; says whether there was anything.
    ///
    /// # Errors
    /// [`Error::Make`] and [`Error::Write`].
    pub fn disagree(&self, root: &Path) -> Result<bool, Error> {
        let _lock = self.lock_trust()?;
        let path = self.trust_file(root);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            result => result.map(|()| true).map_err(|source| Error::Write { path, source }),
        }
    }

    /// All records, by the project's path; and those that cannot be read.
    ///
    /// # Errors
    /// [`Error::Read`] of the directory.
    pub fn all_agreed(&self) -> Result<(Vec<Agreed>, Vec<Error>), Error> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for path in self.trust_files()? {
            match read(&path) {
                Ok(agreed) => good.extend(agreed),
                Err(error) => bad.push(error),
            }
        }
        good.sort_by(|a, b| a.root.cmp(&b.root));
        Ok((good, bad))
    }

    /// Takes back everything, damaged records included. The result is how many there were.
    ///
    /// # Errors
    /// [`Error::Make`], [`Error::Read`] and [`Error::Write`].
    pub fn disagree_with_all(&self) -> Result<usize, Error> {
        let _lock = self.lock_trust()?;
        let files = self.trust_files()?;
        for path in &files {
            fs::remove_file(path).map_err(|source| Error::Write { path: path.clone(), source })?;
        }
        Ok(files.len())
    }

    fn trust_files(&self) -> Result<Vec<PathBuf>, Error> {
        let dir = self.trust_dir();
        let listed = fs::read_dir(&dir).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut files: Vec<PathBuf> = match listed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(|source| Error::Read { path: dir, source })?,
        };
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        Ok(files)
    }

    /// One lock for all records: they are changed in microseconds, and by people.
    fn lock_trust(&self) -> Result<File, Error> {
        let dir = self.trust_dir();
        private_dir(&dir)?;
        let path = dir.join("lock");
        let open = || File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let locked = open().and_then(|file| lock::exclusive(&file).map(|()| file));
        locked.map_err(|source| Error::Write { path, source })
    }
}

fn read(path: &Path) -> Result<Option<Agreed>, Error> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        result => result.map_err(|source| Error::Read { path: path.to_owned(), source })?,
    };
    let damaged = |source: Box<dyn std::error::Error + Send + Sync>| Error::Damaged { path: path.to_owned(), source };
    let Record { sum, agreed } = serde_json::from_slice(&bytes).map_err(|error| damaged(error.into()))?;
    if agreed.sum().map_err(|error| damaged(error.into()))? != sum {
        return Err(damaged("its sum does not agree".into()));
    }
    Ok(Some(agreed))
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn package(name: &str) -> What {
        What::Package { name: name.to_owned() }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("data")).unwrap();
        (dir, store)
    }

    #[test]
    fn what_is_agreed_to_adds_up_until_it_is_taken_back() {
        let (_dir, store) = store();
        let root = Path::new("/p");
        assert_eq!(store.agreed(root).unwrap(), None);
        store.agree(root, &[package("b"), What::Home { write: false }], 7).unwrap();
        store.agree(root, &[package("a"), What::Home { write: true }], 9).unwrap();
        let agreed = store.agreed(root).unwrap().unwrap();
        assert_eq!(agreed.asks, [What::Home { write: true }, package("a"), package("b")]);
        assert_eq!(agreed.since, 7);
        assert_eq!(store.agreed(Path::new("/q")).unwrap(), None);
        let mode = fs::metadata(store.trust_file(root)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(store.disagree(root).unwrap() && !store.disagree(root).unwrap());
        store.agree(root, &[package("a")], 9).unwrap();
        assert_eq!((store.disagree_with_all().unwrap(), store.agreed(root).unwrap()), (1, None));
        assert_eq!(fs::read_dir(store.data().join("staging")).unwrap().count(), 0);
    }

    #[test]
    fn an_edited_or_moved_record_agrees_to_nothing() {
        let (_dir, store) = store();
        let root = Path::new("/p");
        store.agree(root, &[package("a")], 7).unwrap();
        let file = store.trust_file(root);
        let good = fs::read_to_string(&file).unwrap();
        fs::copy(&file, store.trust_file(Path::new("/q"))).unwrap();
        assert!(matches!(store.agreed(Path::new("/q")), Err(Error::Damaged { .. })));
        for bad in [good.replace("\"a\"", "\"b\""), good[..20].to_owned(), String::new(), "[".repeat(100_000)] {
            fs::write(&file, bad).unwrap();
            assert!(matches!(store.agreed(root), Err(Error::Damaged { .. })));
        }
        store.agree(root, &[package("c")], 8).unwrap();
        assert_eq!(store.agreed(root).unwrap().unwrap().asks, [package("c")]);
    }
}
