//! Garbage: what no name, no box and no operation needs.
//!
//! Images go first, then the layers that no image is left to need. For either the order is the same: take the exclusive
//! lock of each candidate, without waiting; then read who needs what; then remove what is still needed by nobody. Whoever
//! makes a new use of a thing held its lease before that reading and has written its use down, or finds the thing gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{Error, Name, Store, lease};
use crate::image::Digest;
use crate::recipe::BoxName;
use crate::sys::file;

/// Candidates whose locks are held at once: each is an open file, of which a process may have 1,024 as a rule.
const BATCH: usize = 256;

/// What is garbage.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Images with names, too, if no box has them and none was made of them for so long.
    pub idle: Option<Duration>,
    /// Only these images, and what only they need.
    pub only: Option<BTreeSet<Digest>>,
    /// Boxes that need nothing: those that would have been removed by then.
    pub without: BTreeSet<BoxName>,
    /// Nothing is removed.
    pub dry_run: bool,
}

/// What was garbage.
#[derive(Debug, Default)]
pub struct Collected {
    /// The images, with the names that they had.
    pub images: Vec<(Digest, Vec<String>)>,
    /// The layers.
    pub layers: Vec<Digest>,
    /// Bytes of the files in those layers, as far as that was recorded.
    pub size: u64,
    /// How many things an operation that is under way may need.
    pub busy: usize,
    /// Records that cannot be read. What they may refer to was left alone.
    pub unreadable: Vec<Error>,
}

/// Who needs which image.
#[derive(Debug, Default)]
pub struct Needed {
    /// The names.
    pub names: Vec<Name>,
    /// The boxes.
    pub boxes: Vec<(BoxName, Digest)>,
    /// Names and boxes of which that cannot be read.
    pub unreadable: Vec<Error>,
}

impl Needed {
    /// The names of an image.
    pub fn names_of<'a>(&'a self, image: &'a Digest) -> impl Iterator<Item = &'a Name> {
        self.names.iter().filter(move |name| name.image == *image)
    }

    /// The boxes of an image.
    pub fn boxes_of<'a>(&'a self, image: &'a Digest) -> impl Iterator<Item = &'a BoxName> {
        self.boxes.iter().filter(move |(_, of)| of == image).map(|(name, _)| name)
    }

    fn is_garbage(&self, image: &Digest, idle: bool) -> bool {
        let named = !idle && self.names_of(image).next().is_some();
        self.unreadable.is_empty() && !named && self.boxes_of(image).next().is_none()
    }
}

impl Store {
    /// Reads who needs which image.
    ///
    /// # Errors
    /// [`Error::Read`] of the directories.
    pub fn needed(&self) -> Result<Needed, Error> {
        let (names, mut unreadable) = self.names()?;
        let mut boxes = Vec::new();
        for name in super::box_names(&self.data) {
            match self.box_image(&name) {
                Ok(image) => boxes.push((name, image)),
                // It was removed an instant ago.
                Err(Error::NoBox(_)) => {}
                Err(error) => unreadable.push(error),
            }
        }
        Ok(Needed { names, boxes, unreadable })
    }

    fn needed_but_by(&self, without: &BTreeSet<BoxName>) -> Result<Needed, Error> {
        let mut needed = self.needed()?;
        needed.boxes.retain(|(name, _)| !without.contains(name));
        Ok(needed)
    }

    /// When a box was last made of an image, or the image itself.
    pub fn last_used(&self, image: &Digest) -> Option<SystemTime> {
        fs::metadata(self.image_file(image)).and_then(|found| found.modified()).ok()
    }

    /// Removes what is garbage. Layers are moved to where abandoned work is, to be deleted inside the namespace.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Write`]; what was not reached is still there.
    pub fn collect(&self, policy: &Policy) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        let layers = self.collect_images(policy, &mut collected)?;
        self.collect_layers(policy, layers, &mut collected)?;
        if !policy.dry_run {
            self.clear_anew()?;
            self.clear_name_locks()?;
        }
        Ok(collected)
    }

    /// Returns the layers of what it has removed.
    fn collect_images(&self, policy: &Policy, collected: &mut Collected) -> Result<BTreeSet<Digest>, Error> {
        let now = SystemTime::now();
        let is_idle = |image: &Digest| {
            let since = self.last_used(image).map(|used| now.duration_since(used).unwrap_or_default());
            policy.idle.is_some_and(|idle| since.is_some_and(|since| since >= idle))
        };
        let needed = self.needed_but_by(&policy.without)?;
        let wanted = |image: &Digest| policy.only.as_ref().is_none_or(|only| only.contains(image));
        let garbage = |image: &Digest| wanted(image) && needed.is_garbage(image, is_idle(image));
        let candidates: Vec<Digest> = self.images()?.into_iter().filter(garbage).collect();
        let mut layers = BTreeSet::new();
        for batch in candidates.chunks(BATCH) {
            let locked = self.seize_all(batch, |image| self.image_file(image), collected)?;
            let needed = self.needed_but_by(&policy.without)?;
            for image in locked.keys().filter(|image| needed.is_garbage(image, is_idle(image))) {
                // One that is damaged does not say what its layers are; they are found when all layers are looked at.
                layers.extend(self.image(image).ok().flatten().into_iter().flat_map(|image| image.layers));
                let names: Vec<String> = needed.names_of(image).map(|name| name.name.clone()).collect();
                if policy.dry_run || self.remove_image(image, &names)? {
                    collected.images.push((*image, names));
                } else {
                    collected.busy += 1;
                }
            }
        }
        collected.unreadable.extend(needed.unreadable);
        Ok(layers)
    }

    /// Removes an image that is locked, unless one of its names is being given a new meaning.
    fn remove_image(&self, image: &Digest, names: &[String]) -> Result<bool, Error> {
        for name in names {
            if !self.untag_from(name, image)? {
                return Ok(false);
            }
        }
        let path = self.image_file(image);
        fs::remove_file(&path).map(|()| true).map_err(|source| Error::Write { path, source })
    }

    fn collect_layers(&self, policy: &Policy, of: BTreeSet<Digest>, collected: &mut Collected) -> Result<(), Error> {
        // Only what would go is still there to be passed over. What has gone and is there again, somebody has made anew.
        let would_go = collected.images.iter().map(|(image, _)| *image).filter(|_| policy.dry_run);
        let gone: BTreeSet<Digest> = would_go.collect();
        let Some(needed) = self.needed_layers(&gone, collected)? else { return Ok(()) };
        let candidates = if policy.only.is_some() { of.into_iter().collect() } else { self.layers()? };
        let candidates: Vec<Digest> = candidates.into_iter().filter(|layer| !needed.contains(layer)).collect();
        for batch in candidates.chunks(BATCH) {
            let locked = self.seize_all(batch, |layer| self.layer_dir(layer), collected)?;
            let Some(needed) = self.needed_layers(&gone, collected)? else { return Ok(()) };
            for layer in locked.keys().filter(|layer| !needed.contains(layer)) {
                collected.size += self.layer_record(layer).ok().and_then(|record| record.size).unwrap_or(0);
                if !policy.dry_run {
                    self.abandon(&self.layer_dir(layer))?;
                }
                collected.layers.push(*layer);
            }
        }
        Ok(())
    }

    /// The layers that images need, but for these images; `None` if there is one that does not say.
    fn needed_layers(
        &self,
        but: &BTreeSet<Digest>,
        collected: &mut Collected,
    ) -> Result<Option<BTreeSet<Digest>>, Error> {
        let mut needed = BTreeSet::new();
        for image in self.images()?.iter().filter(|image| !but.contains(image)) {
            match self.image(image) {
                Ok(image) => needed.extend(image.into_iter().flat_map(|image| image.layers)),
                Err(error) => {
                    collected.unreadable.push(error);
                    return Ok(None);
                }
            }
        }
        Ok(Some(needed))
    }

    fn seize_all(
        &self,
        batch: &[Digest],
        path: impl Fn(&Digest) -> std::path::PathBuf,
        collected: &mut Collected,
    ) -> Result<BTreeMap<Digest, File>, Error> {
        let mut locked = BTreeMap::new();
        for digest in batch {
            let path = path(digest);
            match lease::seize(&path).map_err(|source| Error::Read { path, source })? {
                Some(file) => drop(locked.insert(*digest, file)),
                None => collected.busy += 1,
            }
        }
        Ok(locked)
    }

    /// Moves a directory to where the next sweep finds it. Unlike [`Store::discard`] this makes nothing new, and so can be
    /// done where the disk is full.
    pub(super) fn abandon(&self, dir: &Path) -> Result<(), Error> {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        for attempt in 0u64.. {
            let place = self.data.join("staging").join(format!("{name}-{attempt}"));
            match file::rename_new(dir, &place) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result.map_err(|source| Error::Write { path: dir.to_owned(), source }),
            }
        }
        Ok(())
    }

    /// Removes the agents of other builds, unless a box is being started with one.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Write`].
    pub fn collect_agents(&self, build: &str, dry_run: bool) -> Result<usize, Error> {
        let dir = self.data.join("agent");
        let fail = |source| Error::Read { path: dir.clone(), source };
        let mut count = 0;
        for entry in fs::read_dir(&dir).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let path = entry.path();
            if entry.file_name() != build && lease::seize(&path).map_err(fail)?.is_some() {
                count += 1;
                if !dry_run {
                    self.abandon(&path)?;
                }
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
