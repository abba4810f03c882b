//! Boxes: `box.yaml`, the image, and the directories of the overlay.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Error, ImageLease, Staging, Store, private_dir, write_synced};
use crate::image::{Digest, Image};
use crate::recipe::settings::Init;
use crate::recipe::{BoxConfig, BoxName, Origin};
use crate::sys::{file, lock};

/// How often it is noted that a box is used.
const USED_EVERY: Duration = Duration::from_secs(86400);

/// Where a box is on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxPaths {
    /// What is written in the box: the overlay's upper directory.
    pub upper: PathBuf,
    /// The overlay's work directory.
    pub work: PathBuf,
    /// An empty directory to mount the root on.
    pub root: PathBuf,
    /// The upper and the work directory of a home that is an overlay. They are made when they are needed:
    /// [`Store::make_home`].
    pub home: [PathBuf; 2],
    /// What envboxes in the box keep: the user's store, the user's cache, the store of box-root. They are made when they are
    /// needed: [`Store::make_nested`].
    pub nested: [PathBuf; 3],
    /// The layers, the lowest first.
    pub layers: Vec<PathBuf>,
}

/// A box as it is on disk.
#[derive(Debug, Clone)]
pub struct StoredBox {
    /// Its name.
    pub name: BoxName,
    /// Its configuration.
    pub config: BoxConfig,
    /// Its image's digest.
    pub digest: Digest,
    /// Its image.
    pub image: Image,
    /// Its directories.
    pub paths: BoxPaths,
}

/// The lock that the maker of a box holds on it.
#[derive(Debug)]
pub struct Owned(#[expect(dead_code, reason = "held for its lock")] fs::File);

fn own(dir: &Path) -> Result<Owned, Error> {
    let path = dir.join("image");
    let locked = fs::File::open(&path).and_then(|file| lock::exclusive(&file).map(|()| file));
    locked.map(Owned).map_err(|source| Error::Write { path, source })
}

impl Store {
    pub(super) fn box_dir(&self, name: &BoxName) -> PathBuf {
        self.data.join("boxes").join(name.as_str())
    }

    /// Whether there is a box of that name.
    pub fn has_box(&self, name: &BoxName) -> bool {
        self.box_dir(name).is_dir()
    }

    /// Makes a box of an image in the store. Costs a few small files, whatever the image. The owner of an ephemeral box
    /// holds what is returned for as long as it needs the box.
    ///
    /// # Errors
    /// [`Error::BoxExists`]; [`Error::Make`] or [`Error::Write`], and then there is no such box.
    pub fn create_box(&self, name: &BoxName, config: &BoxConfig, image: &ImageLease) -> Result<Owned, Error> {
        let staging = self.stage()?;
        let staged = staging.path().join("box");
        for dir in ["upper", "work", "root", "run"] {
            private_dir(&staged.join(dir))?;
        }
        // It will be the box's root directory, and its mode is what the box sees.
        fs::set_permissions(staged.join("upper"), Permissions::from_mode(0o755))
            .map_err(|source| Error::Make { path: staged.join("upper"), source })?;
        write_synced(&staged.join("box.yaml"), config.to_yaml().as_bytes())?;
        write_synced(&staged.join("image"), format!("{}\n", image.digest()).as_bytes())?;
        let target = self.box_dir(name);
        let owned = own(&staged)?;
        match file::rename_new(&staged, &target) {
            Ok(()) => {
                image.touch();
                // The directory is empty now; a failure leaves it to the sweep.
                let _ = fs::remove_dir(staging.path());
                Ok(owned)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Error::BoxExists(name.clone())),
            Err(source) => Err(Error::Make { path: target, source }),
        }
    }

    /// Gives a box another configuration, for the next time it is started.
    ///
    /// # Errors
    /// [`Error::NoBox`], [`Error::Write`].
    pub fn set_config(&self, name: &BoxName, config: &BoxConfig) -> Result<(), Error> {
        let dir = self.box_dir(name);
        match self.put(&dir.join("box.yaml"), config.to_yaml().as_bytes()) {
            Err(Error::Write { .. }) if !dir.is_dir() => Err(Error::NoBox(name.clone())),
            result => result,
        }
    }

    /// Notes that a box is used: for [`Store::box_idle`], which a day more or less is nothing to.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn used_box(&self, name: &BoxName) -> Result<(), Error> {
        if self.box_idle(name) < USED_EVERY {
            return Ok(());
        }
        let path = self.box_dir(name).join("image");
        let touch = || fs::File::open(&path)?.set_modified(SystemTime::now());
        touch().map_err(|source| Error::Write { path: path.clone(), source })
    }

    /// How long a box of a project was not used; no time at all if that is not known.
    pub fn box_idle(&self, name: &BoxName) -> Duration {
        let used = fs::metadata(self.box_dir(name).join("image")).and_then(|found| found.modified());
        used.ok().and_then(|used| SystemTime::now().duration_since(used).ok()).unwrap_or_default()
    }

    /// The boxes of projects that can be read, and where they belong.
    pub fn project_boxes(&self) -> Vec<(BoxName, Origin)> {
        let origin = |name: BoxName| {
            let config = self.box_config(&name)?;
            Some((name, config.project.filter(|_| !config.ephemeral)?))
        };
        super::box_names(&self.data).into_iter().filter_map(origin).collect()
    }

    /// Whether a box is a system box, as far as its `box.yaml` can be read.
    pub(super) fn has_init(&self, name: &BoxName) -> bool {
        self.box_config(name).is_some_and(|config| config.init != Init::None)
    }

    fn box_config(&self, name: &BoxName) -> Option<BoxConfig> {
        BoxConfig::parse(&self.read_of_box(name, "box.yaml").ok()?).ok()
    }

    /// The digest of a box's image.
    ///
    /// # Errors
    /// [`Error::NoBox`], [`Error::Damaged`], [`Error::Read`].
    pub fn box_image(&self, name: &BoxName) -> Result<Digest, Error> {
        let text = self.read_of_box(name, "image")?;
        let path = || self.box_dir(name).join("image");
        text.trim().parse().map_err(|error| Error::Damaged { path: path(), source: Box::new(error) })
    }

    fn read_of_box(&self, name: &BoxName, file: &str) -> Result<String, Error> {
        let dir = self.box_dir(name);
        let path = dir.join(file);
        fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound if !dir.is_dir() => Error::NoBox(name.clone()),
            _ => Error::Read { path, source },
        })
    }

    /// What is written in a box.
    pub fn box_upper(&self, name: &BoxName) -> PathBuf {
        self.box_dir(name).join("upper")
    }

    /// What envboxes in a box keep.
    pub fn box_nested(&self, name: &BoxName) -> PathBuf {
        self.box_dir(name).join("nested")
    }

    /// Reads a box.
    ///
    /// # Errors
    /// [`Error::NoBox`], [`Error::NoImage`], [`Error::Damaged`], [`Error::Read`].
    pub fn open_box(&self, name: &BoxName) -> Result<StoredBox, Error> {
        let dir = self.box_dir(name);
        let damaged = |error| Error::Damaged { path: dir.join("box.yaml"), source: Box::new(error) };
        let config = BoxConfig::parse(&self.read_of_box(name, "box.yaml")?).map_err(damaged)?;
        let digest = self.box_image(name)?;
        let image = self.image(&digest)?.ok_or_else(|| Error::NoImage(name.clone()))?;
        if !self.has_layers(&image)? {
            return Err(Error::NoImage(name.clone()));
        }
        let paths = BoxPaths {
            upper: self.box_upper(name),
            work: dir.join("work"),
            root: dir.join("root"),
            home: ["home", "home-work"].map(|name| dir.join(name)),
            nested: ["data", "cache", "root"].map(|kept| self.box_nested(name).join(kept)),
            layers: image.layers.iter().map(|layer| self.layer_fs(layer)).collect(),
        };
        Ok(StoredBox { name: name.clone(), config, digest, image, paths })
    }

    /// Makes the directories of a home that is an overlay.
    ///
    /// # Errors
    /// [`Error::Make`].
    pub fn make_home(&self, paths: &BoxPaths) -> Result<(), Error> {
        paths.home.iter().try_for_each(|dir| private_dir(dir))
    }

    /// Makes the directories for what envboxes in the box keep.
    ///
    /// # Errors
    /// [`Error::Make`].
    pub fn make_nested(&self, paths: &BoxPaths) -> Result<(), Error> {
        let missing = |dir: &&PathBuf| !dir.is_dir();
        paths.nested.iter().filter(missing).try_for_each(|dir| private_dir(dir))
    }

    /// Ephemeral boxes whose owner is gone. Their names begin with `run-`, so no others are looked at.
    pub fn orphaned_boxes(&self) -> Vec<BoxName> {
        let is_orphan = |name: &BoxName| {
            let ephemeral = self.open_box(name).is_ok_and(|stored| stored.config.ephemeral);
            let unlocked = || fs::File::open(self.box_dir(name).join("image")).and_then(lock::try_exclusive);
            ephemeral && unlocked().unwrap_or(false)
        };
        let names = super::box_names(&self.data).into_iter();
        names.filter(|name| name.as_str().starts_with("run-") && is_orphan(name)).collect()
    }

    /// Takes a box out of the store. What it was is in the staging directory, to be deleted inside the namespace.
    ///
    /// # Errors
    /// [`Error::NoBox`], [`Error::Write`].
    pub fn remove_box(&self, name: &BoxName) -> Result<Staging, Error> {
        if !self.has_box(name) {
            return Err(Error::NoBox(name.clone()));
        }
        let volumes = self.volumes_dir(&super::volumes::Owner::Box(name));
        if volumes.is_dir() {
            self.abandon(&volumes)?;
        }
        self.discard(&self.box_dir(name))
    }
}
