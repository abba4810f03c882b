//! Volumes: directories that boxes have as caches. They belong to a project, whose boxes share them and come and go, or to
//! one plain box.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::{Error, Store, lease, private_dir, write_synced};
use crate::image::Digest;
use crate::recipe::{BoxConfig, BoxName};

/// Whose volumes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// A project's, by its directory.
    Project(&'a Path),
    /// A box's.
    Box(&'a BoxName),
}

impl<'a> Owner<'a> {
    /// Whose volumes a box has.
    pub fn of(name: &'a BoxName, config: &'a BoxConfig) -> Self {
        config.project.as_ref().map_or(Self::Box(name), |origin| Self::Project(&origin.root))
    }

    /// The directory's name. No digest has a `-` in it.
    fn id(&self) -> String {
        match self {
            Self::Project(root) => Digest::of(root.as_os_str().as_bytes()).hex().chars().take(16).collect(),
            Self::Box(name) => format!("box-{name}"),
        }
    }
}

/// The file that says which project volumes belong to. No volume has such a name.
const ROOT: &str = ".root";

impl Store {
    pub(super) fn volumes_dir(&self, owner: &Owner<'_>) -> PathBuf {
        self.data.join("volumes").join(owner.id())
    }

    /// Where a volume is, whether it is there or not.
    pub fn volume(&self, owner: &Owner<'_>, name: &str) -> PathBuf {
        self.volumes_dir(owner).join(name)
    }

    /// Makes volumes, where they are missing. They stay while what is returned is held, or a box has them.
    ///
    /// # Errors
    /// [`Error::Make`], [`Error::Write`].
    pub fn make_volumes(&self, owner: &Owner<'_>, names: &[&str]) -> Result<File, Error> {
        let dir = self.volumes_dir(owner);
        loop {
            private_dir(&dir)?;
            let held = lease::hold(&dir).map_err(|source| Error::Make { path: dir.clone(), source })?;
            // Somebody may have collected it between the two.
            let Some(held) = held else { continue };
            if let Owner::Project(root) = owner {
                let file = dir.join(ROOT);
                if !file.exists() {
                    write_synced(&file, root.as_os_str().as_bytes())?;
                }
            }
            names.iter().try_for_each(|name| private_dir(&dir.join(name)))?;
            return Ok(held);
        }
    }

    /// Removes the volumes of boxes that are not there, and of projects whose directory is gone and that have no box; and
    /// says how many there were. Nothing goes while a box's configuration cannot be read. The boxes of `without` count as gone.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Write`].
    pub fn collect_volumes(&self, without: &BTreeSet<BoxName>, dry_run: bool) -> Result<usize, Error> {
        let dir = self.data.join("volumes");
        let fail = |source| Error::Read { path: dir.clone(), source };
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries.map_err(fail)?,
        };
        let mut count = 0;
        for entry in entries {
            let path = entry.map_err(fail)?.path();
            // Under the lock it is looked at who needs it.
            let Some(_held) = lease::seize(&path).map_err(fail)? else { continue };
            if self.is_needed(&path, without) {
                continue;
            }
            let volumes = fs::read_dir(&path).map_err(fail)?.flatten();
            count += volumes.filter(|volume| volume.file_name() != ROOT).count();
            if !dry_run {
                self.abandon(&path)?;
            }
        }
        Ok(count)
    }

    fn is_needed(&self, dir: &Path, without: &BTreeSet<BoxName>) -> bool {
        let root = fs::read(dir.join(ROOT)).ok().map(|root| PathBuf::from(OsString::from_vec(root)));
        root.is_some_and(|root| root.is_dir())
            || self.volume_owners(without).is_none_or(|ids| ids.contains(dir.file_name().unwrap_or(OsStr::new(""))))
    }

    /// The directories that boxes have volumes in; `None` if a box does not say.
    fn volume_owners(&self, without: &BTreeSet<BoxName>) -> Option<BTreeSet<OsString>> {
        let mut ids = BTreeSet::new();
        for name in super::box_names(&self.data).into_iter().filter(|name| !without.contains(name)) {
            let text = fs::read_to_string(self.box_dir(&name).join("box.yaml"));
            let config = match text {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !self.has_box(&name) => continue,
                text => BoxConfig::parse(&text.ok()?).ok()?,
            };
            ids.insert(Owner::of(&name, &config).id().into());
        }
        Some(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_stay_with_their_project() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("envbox")).unwrap();
        let root = dir.path().join("project");
        fs::create_dir(&root).unwrap();
        let owner = Owner::Project(&root);
        let held = store.make_volumes(&owner, &["cargo", "npm"]).unwrap();
        drop(store.make_volumes(&owner, &["cargo"]).unwrap());
        fs::write(store.volume(&owner, "cargo").join("x"), "").unwrap();
        let collect = |dry_run| store.collect_volumes(&BTreeSet::new(), dry_run);
        assert_eq!(collect(false).unwrap(), 0, "the project is there");
        fs::remove_dir(&root).unwrap();
        assert_eq!(collect(false).unwrap(), 0, "they are held");
        drop(held);
        assert_eq!((collect(true).unwrap(), collect(false).unwrap()), (2, 2));
        assert!(!store.volume(&owner, "cargo").exists());
        assert_eq!(collect(false).unwrap(), 0);
    }

    #[test]
    fn a_plain_boxs_volumes_are_not_a_projects() {
        let name: BoxName = "0123456789abcdef".parse().unwrap();
        assert_ne!(Owner::Box(&name).id(), name.as_str());
        assert_eq!(Owner::Project(Path::new("/p")).id().len(), 16);
    }
}
