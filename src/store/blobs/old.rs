//! Downloads that are not worth their room any more.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Blobs, Error, if_present};

/// Which downloads are not worth their room.
#[derive(Debug, Clone, Copy)]
pub struct Old {
    /// Whole ones that were not used for so long.
    pub idle: Duration,
    /// Half ones that nobody has gone on with for so long.
    pub half: Duration,
    /// Of the whole ones, those that were not used for longest, until no more bytes than these are left.
    pub keep: Option<u64>,
    /// Nothing is removed.
    pub dry_run: bool,
}

/// How much there is of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

struct Entry {
    path: PathBuf,
    idle: Duration,
    bytes: u64,
}

impl Blobs {
    /// What the cache takes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn usage(&self) -> Result<Amount, Error> {
        let mut usage = Amount::default();
        for dir in [&self.blobs, &self.staging, &self.index] {
            entries(dir)?.iter().for_each(|entry| usage.add(entry.bytes));
        }
        Ok(usage)
    }

    /// Removes what is old. Whoever reads a file meanwhile reads on, and what is being written is left alone.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn collect(&self, old: &Old) -> Result<Amount, Error> {
        let mut gone = Amount::default();
        let remove = |entry: &Entry| {
            let removed = if old.dry_run { Ok(()) } else { fs::remove_file(&entry.path).or_else(if_present) };
            removed.map_err(Error::io("remove", &entry.path))
        };
        for entry in entries(&self.staging)?.iter().filter(|entry| entry.idle >= old.half) {
            let locked = File::open(&entry.path).and_then(|file| file.try_lock().map(|()| file).map_err(Into::into));
            if let Ok(_locked) = locked {
                remove(entry)?;
                gone.add(entry.bytes);
            }
        }
        let mut whole = [entries(&self.blobs)?, entries(&self.index)?].into_iter().flatten().collect::<Vec<_>>();
        whole.sort_by_key(|entry| entry.idle);
        let mut kept = 0;
        for entry in &whole {
            if entry.idle >= old.idle || old.keep.is_some_and(|most| kept + entry.bytes > most) {
                remove(entry)?;
                gone.add(entry.bytes);
            } else {
                kept += entry.bytes;
            }
        }
        Ok(gone)
    }
}

fn entries(dir: &Path) -> Result<Vec<Entry>, Error> {
    let read = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(Error::io("read", dir))?,
    };
    let now = SystemTime::now();
    let mut found = Vec::new();
    for entry in read {
        let entry = entry.map_err(Error::io("read", dir))?;
        // One that is gone by now needs no room.
        if let Ok(metadata) = entry.metadata() {
            let idle = metadata.modified().ok().and_then(|used| now.duration_since(used).ok()).unwrap_or_default();
            found.push(Entry { path: entry.path(), idle, bytes: metadata.len() });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;

    const DAY: Duration = Duration::from_secs(86400);
    const NEVER: Duration = Duration::MAX;

    fn put(blobs: &Blobs, content: &[u8], days: u32) -> Digest {
        let mut staged = blobs.stage().unwrap();
        staged.write(content).unwrap();
        let digest = staged.commit(None).unwrap().0;
        let file = File::open(blobs.blobs.join(digest.hex())).unwrap();
        file.set_modified(SystemTime::now() - DAY * days).unwrap();
        digest
    }

    #[test]
    fn what_was_not_used_goes_and_what_is_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path());
        let old = Old { idle: DAY * 30, half: DAY * 7, keep: None, dry_run: true };
        assert_eq!(blobs.collect(&old).unwrap(), Amount::default());
        let [young, aged, used] = [(b"young", 1), (b"aged!", 31), (b"used!", 31)].map(|(it, age)| put(&blobs, it, age));
        blobs.open(&used).unwrap().unwrap();
        assert_eq!(blobs.collect(&old).unwrap(), Amount { count: 1, bytes: 5 });
        assert!(blobs.open(&aged).unwrap().is_some(), "a dry run, which has now used it");
        let aged = put(&blobs, b"aged!", 31);
        assert_eq!(blobs.collect(&Old { dry_run: false, ..old }).unwrap().count, 1);
        assert_eq!([young, aged, used].map(|it| blobs.open(&it).unwrap().is_some()), [true, false, true]);

        fs::write(blobs.staging.join("dead"), "half").unwrap();
        let mut alive = blobs.stage().unwrap();
        let now = Old { idle: NEVER, half: Duration::ZERO, keep: None, dry_run: false };
        assert_eq!(blobs.collect(&now).unwrap(), Amount { count: 1, bytes: 4 });
        alive.write(b"abc").unwrap();
        alive.commit(None).unwrap();
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path());
        let all = [(b"1234", 3), (b"5678", 2), (b"90ab", 1)].map(|(it, age)| put(&blobs, it, age));
        let old = Old { idle: NEVER, half: NEVER, keep: Some(8), dry_run: false };
        assert_eq!(blobs.collect(&old).unwrap(), Amount { count: 1, bytes: 4 });
        assert_eq!(all.map(|it| blobs.open(&it).unwrap().is_some()), [false, true, true]);
        assert_eq!(blobs.usage().unwrap(), Amount { count: 2, bytes: 8 });
    }
}
