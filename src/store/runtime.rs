//! What goes with a running box: its lock, its keeper's socket and record.
//!
//! In the box's own directory, and not in `$XDG_RUNTIME_DIR`: that differs between a login, a cron job and a `su`, and two
//! of them would each start a keeper, and mount one upper directory twice.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Error, Store};
use crate::recipe::settings::Limits;
use crate::recipe::{BoxConfig, BoxName};
use crate::sys::lock;

/// What is known of a running box outside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    name: BoxName,
    dir: PathBuf,
}

/// A keeper, so that it can be told from another process that later has its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperRecord {
    /// Its process id, as the host sees it.
    pub pid: i32,
    /// When it started, in clock ticks since boot (proc_pid_stat(5), field 22).
    pub start_time: u64,
    /// The boot that this was in (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// The inode of its pid namespace, in which all of the box's processes are, or below it.
    #[serde(default)]
    pub pid_namespace: u64,
    /// The box's cgroup, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<PathBuf>,
}

impl KeeperRecord {
    /// Writes it into a file that is empty.
    ///
    /// # Errors
    /// write(2)'s.
    pub fn write(&self, mut file: &File) -> io::Result<()> {
        // Not synced: after a power cut there is no keeper to be found.
        file.write_all(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// What a box was started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Its `box.yaml`, as it was then.
    pub config: BoxConfig,
    /// The limits that are in force. They may be others than the file's: for this start only, or since they were changed.
    pub limits: Limits,
}

/// What has happened to a box because of its limits, as far as its user was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The keeper whose box it is. All is counted anew with another one.
    pub keeper: i32,
    /// Processes that were killed since there was no memory left for the box.
    pub oom_kills: u64,
    /// Times that there could be no more processes.
    pub refused_forks: u64,
}

impl Store {
    /// What goes with a box while it runs, whether it does or not.
    pub fn runtime(&self, name: &BoxName) -> Runtime {
        Runtime { name: name.clone(), dir: self.box_dir(name).join("run") }
    }
}

impl Runtime {
    /// Where the keeper takes connections.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("keeper.sock")
    }

    /// What the box's cgroup is called. Other stores of the user's may have a box of the same name.
    pub fn cgroup_name(&self) -> String {
        use std::os::unix::ffi::OsStrExt as _;
        let place = xxhash_rust::xxh3::xxh3_64(self.dir.as_os_str().as_bytes());
        format!("envbox-{}.{:08x}", self.name, place >> 32)
    }

    /// Where fuse-overlayfs writes its complaints.
    pub fn fuse_log(&self) -> PathBuf {
        self.dir.join("fuse-overlayfs.log")
    }

    /// Where the keeper of a system box writes what its console shows.
    pub fn console_log(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    /// Where the program that serves the box's network has its socket and its log.
    ///
    /// # Errors
    /// [`Error::Write`], where what the last one has left cannot be removed.
    pub fn network_dir(&self) -> Result<PathBuf, Error> {
        remove_if_there(&self.dir.join("network.sock"))?;
        Ok(self.dir.clone())
    }

    fn record_file(&self) -> PathBuf {
        self.dir.join("keeper.json")
    }

    fn settings_file(&self) -> PathBuf {
        self.dir.join("settings.json")
    }

    /// Records what a box is started with. Written under the lock.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn record_settings(&self, settings: &Settings) -> Result<(), Error> {
        // Not synced, as the keeper's record is not; whole, since those who read it take no lock.
        let path = self.settings_file();
        let bytes = serde_json::to_vec(settings).unwrap_or_default();
        let new = self.dir.join("settings.new");
        let written = fs::write(&new, &bytes).and_then(|()| fs::rename(&new, &path)).or_else(|_| {
            // A full disk has room for what takes an old one's place, and the box is started to make more.
            let _ = fs::remove_file(&new);
            fs::write(&path, bytes)
        });
        written.map_err(|source| Error::Write { path, source })
    }

    /// What the box was started with, if the record can be read.
    pub fn settings(&self) -> Option<Settings> {
        serde_json::from_slice(&fs::read(self.settings_file()).ok()?).ok()
    }

    /// The limits that are in force in the box; none, if there is no record.
    pub fn limits(&self) -> Limits {
        self.settings().map(|settings| settings.limits).unwrap_or_default()
    }

    /// Records what the user was told. Of two at once one is lost, and something is told twice.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn record_told(&self, told: &Told) -> Result<(), Error> {
        let path = self.dir.join("told.json");
        fs::write(&path, serde_json::to_vec(told).unwrap_or_default()).map_err(|source| Error::Write { path, source })
    }

    /// What the user was told of the box that this keeper keeps.
    pub fn told(&self, keeper: i32) -> Told {
        let told = fs::read(self.dir.join("told.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        told.filter(|told: &Told| told.keeper == keeper).unwrap_or(Told { keeper, ..Told::default() })
    }

    /// Opens the file that is locked by whoever starts or ends the keeper.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn lock_file(&self) -> Result<File, Error> {
        let path = self.dir.join("lock");
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| Error::Write { path, source })
    }

    /// Takes the lock. `waiting` is called if somebody else has it, before this process waits for them. The box may be
    /// another one by then.
    ///
    /// # Errors
    /// [`Error::NoBox`] if it is gone, [`Error::Write`].
    pub fn lock(&self, waiting: impl FnOnce()) -> Result<File, Error> {
        let path = self.dir.join("lock");
        let fail = |source| Error::Write { path: path.clone(), source };
        let mut waiting = Some(waiting);
        loop {
            // The directory itself is nothing that a box could not do without, and not come back from a backup with.
            match fs::create_dir(&self.dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(Error::NoBox(self.name.clone()));
                }
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fail(error)),
                _ => {}
            }
            let file = match self.lock_file() {
                // It was removed an instant ago, with its box.
                Err(Error::Write { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
                file => file?,
            };
            if !lock::try_exclusive(&file).map_err(fail)? {
                waiting.take().into_iter().for_each(|waiting| waiting());
                lock::exclusive(&file).map_err(fail)?;
            }
            // A lock on a file that was removed with its box while we waited keeps nobody out.
            let held = file.metadata().map_err(fail)?;
            if fs::metadata(&path).is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())) {
                return Ok(file);
            }
        }
    }

    /// Takes the lock if nobody has it. The box may have been removed meanwhile, and is nobody's then.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn try_lock(&self) -> Result<Option<File>, Error> {
        let file = self.lock_file()?;
        let locked =
            lock::try_exclusive(&file).map_err(|source| Error::Write { path: self.dir.join("lock"), source })?;
        Ok(locked.then_some(file))
    }

    /// Records the keeper. Written under the lock.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn record(&self, keeper: &KeeperRecord) -> Result<(), Error> {
        let file = self.new_record()?;
        keeper.write(&file).map_err(|source| Error::Write { path: self.record_file(), source })
    }

    /// Opens the record of a keeper to be, which is empty as yet: whoever writes it may not be this user.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn new_record(&self) -> Result<File, Error> {
        let path = self.record_file();
        File::create(&path).map_err(|source| Error::Write { path, source })
    }

    /// The keeper that was recorded last, if the record can be read.
    pub fn recorded(&self) -> Option<KeeperRecord> {
        serde_json::from_slice(&fs::read(self.record_file()).ok()?).ok()
    }

    fn group_file(&self) -> PathBuf {
        self.dir.join("cgroup")
    }

    /// Notes a cgroup that is about to be made for the box, so that it is found whoever is killed meanwhile.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn note_group(&self, dir: &Path) -> Result<(), Error> {
        use std::os::unix::ffi::OsStrExt as _;
        let path = self.group_file();
        fs::write(&path, dir.as_os_str().as_bytes()).map_err(|source| Error::Write { path, source })
    }

    /// The cgroup that was last made for the box, or was about to be, unless it is known to be gone.
    pub fn noted_group(&self) -> Option<PathBuf> {
        use std::os::unix::ffi::OsStringExt as _;
        let bytes = fs::read(self.group_file()).ok()?;
        (!bytes.is_empty()).then(|| OsString::from_vec(bytes).into())
    }

    /// Forgets the cgroup, which is gone.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn forget_group(&self) -> Result<(), Error> {
        remove_if_there(&self.group_file())
    }

    /// Removes what a keeper that is gone has left, under the lock.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn clear(&self) -> Result<(), Error> {
        remove_if_there(&self.socket())?;
        remove_if_there(&self.record_file())
    }
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(|source| Error::Write { path: path.to_owned(), source }),
    }
}
