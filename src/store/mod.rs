//! Layers, images and boxes on disk: the only code that knows paths under the data directory.
//!
//! Every change is staged in a locked directory, synced, and renamed into place; what a dead owner left in `staging/`
//! has no lock and is swept. Nothing here runs inside a namespace: a tree that belongs to subordinate ids is renamed
//! into `staging/` and handed to a caller who can delete it there.

pub mod blobs;
mod boxes;
mod builds;
mod error;
mod gc;
mod images;
mod layers;
mod lease;
mod names;
mod runtime;
mod staging;
mod trust;
mod volumes;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

pub use boxes::{BoxPaths, Owned, StoredBox};
pub use builds::{PackageCache, Stamps};
pub use error::Error;
pub use gc::{Collected, Needed, Policy};
pub use layers::Aside;
pub use lease::{ImageLease, Lease};
pub use names::{Name, NameLock};
pub use runtime::{KeeperRecord, Runtime, Settings, Told};
pub use staging::Staging;
pub use trust::Agreed;
pub use volumes::Owner as VolumeOwner;

/// One user's store.
#[derive(Debug, Clone)]
pub struct Store {
    data: PathBuf,
}

impl Store {
    /// Opens the store, and makes its directories where they are missing. Nobody else has a look in, whatever the mode was
    /// of a directory that was there before.
    ///
    /// # Errors
    /// [`Error::Make`].
    pub fn open(data: PathBuf) -> Result<Self, Error> {
        let store = Self { data };
        let private = fs::metadata(&store.data).is_ok_and(|found| found.permissions().mode() & 0o077 == 0);
        // One look says that the others are there too: `boxes` is made last.
        if !private || !store.data.join("boxes").is_dir() {
            private_dir(&store.data)?;
            fs::set_permissions(&store.data, fs::Permissions::from_mode(0o700))
                .map_err(|source| Error::Make { path: store.data.clone(), source })?;
            for dir in ["staging", "layers/sha256", "images/sha256", "refs", "agent", "boxes"] {
                private_dir(&store.data.join(dir))?;
            }
        }
        Ok(store)
    }

    /// The data directory, to be hidden from boxes and judged by `doctor`.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where the id map that owns all files of this store is recorded.
    pub fn map_file(&self) -> PathBuf {
        self.data.join("idmap.json")
    }

    /// Records the id map, and whatever tells that it still holds.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn keep_map(&self, record: &impl serde::Serialize) -> Result<(), Error> {
        let path = self.map_file();
        let bytes = serde_json::to_vec_pretty(record)
            .map_err(|error| Error::Write { path: path.clone(), source: error.into() })?;
        self.put(&path, &bytes)
    }

    /// Whether there is no layer, no box, no agent and no package manager's cache: nothing that belongs to a subordinate id.
    pub fn is_empty(&self) -> bool {
        let empty = |dir: &str| fs::read_dir(self.data.join(dir)).map_or(true, |mut entries| entries.next().is_none());
        ["layers/sha256", "boxes", "agent", "packages", "staging"].into_iter().all(empty)
    }

    /// Puts a finished agent directory, `agent` in a staging directory, into its place. If another process was faster,
    /// its agent stays.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn commit_agent(&self, staging: &Staging, agent: &Path) -> Result<(), Error> {
        let place = agent.parent().unwrap_or(agent);
        match crate::sys::file::rename_new(&staging.path().join("agent"), place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            result => result.map_err(|source| Error::Write { path: place.to_owned(), source })?,
        }
        // The directory is empty now; a failure leaves it to the sweep.
        let _ = fs::remove_dir(staging.path());
        Ok(())
    }

    /// Keeps the agent of a build in the store while what is returned is held; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn lease_agent(&self, build: &str) -> Result<Option<fs::File>, Error> {
        let path = self.agent_dir(build);
        lease::hold(&path).map_err(|source| Error::Read { path, source })
    }

    /// The directory of an agent binary: one for each build, since a box may still use the last one's.
    pub fn agent_dir(&self, build: &str) -> PathBuf {
        self.data.join("agent").join(build)
    }
}

/// The names of the boxes, sorted; nothing is opened but the one directory, and nothing is made.
pub fn box_names(data: &Path) -> Vec<crate::recipe::BoxName> {
    let entries = fs::read_dir(data.join("boxes")).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    names.sort_unstable();
    names
}

/// The names of the boxes that have an init, sorted; nothing is made.
pub fn system_boxes(data: &Path) -> Vec<crate::recipe::BoxName> {
    let store = Store { data: data.to_owned() };
    box_names(data).into_iter().filter(|name| store.has_init(name)).collect()
}

/// The names of images that can be read, sorted; nothing is made.
pub fn image_names(data: &Path) -> Vec<String> {
    let store = Store { data: data.to_owned() };
    store.names().map_or_else(|_| Vec::new(), |(names, _)| names.into_iter().map(|name| name.name).collect())
}

/// The projects that something was agreed to for, sorted; nothing is made.
pub fn trusted_projects(data: &Path) -> Vec<PathBuf> {
    let store = Store { data: data.to_owned() };
    store.all_agreed().map_or_else(|_| Vec::new(), |(agreed, _)| agreed.into_iter().map(|one| one.root).collect())
}

fn private_dir(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| Error::Make { path: path.to_owned(), source })
}

/// Writes a small file of a directory that is being staged, and sees it to the disk.
fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    use std::io::Write as _;
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_data()
    };
    write().map_err(|source| Error::Write { path: path.to_owned(), source })
}

impl Store {
    /// Puts a small file into its place, so that a kill or a power cut leaves the old one or the new one, and no third.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let staging = self.stage()?;
        let staged = staging.path().join("file");
        write_synced(&staged, bytes)?;
        fs::rename(&staged, path).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        // The directory is empty now; a failure leaves it to the sweep.
        let _ = fs::remove_dir(staging.path());
        Ok(())
    }
}
