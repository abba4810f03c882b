//! `envbox.lock`: what an `envbox.yaml` meant on the day it was locked, so that it means the same on every other.
//!
//! Addresses are those that a distribution gives its archive, never those of somebody's mirror: whoever fetches knows the
//! mirror to ask. Whatever is fetched has its digest here, so it does not matter who is asked.

mod agree;
mod base;
mod diff;
mod form;
mod print;
mod upgrade;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use agree::Disagreement;
pub use base::{Archive, Base, Deb, File, Listed, Site, Version, Versions};
pub use diff::{Change, changes};
pub use form::stays_below;
pub use upgrade::{Needs, UpgradeError};

use super::project::Environment;
use super::{Fault, Place};
use crate::image::Digest;

/// The name of the file.
pub const FILE: &str = "envbox.lock";

/// What is written now, and all that can be read.
const VERSION: u32 = 1;

/// The boxes of a project, each with all that it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// What each machine has, by its name in recipes ([`super::Machine`]): whoever locks on one leaves the others alone.
    #[serde(default)]
    machines: BTreeMap<String, Boxes>,
}

/// What a project's boxes are made of on one kind of machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boxes {
    /// The box that the recipe itself describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<Locked>,
    /// Those of its variants, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, Locked>,
}

/// What one box is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// What the recipe said that it is made of.
    #[serde(deserialize_with = "form::line")]
    pub from: String,
    /// The packages that the recipe asked for, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "form::lines")]
    pub wants: Vec<String>,
    /// What [`Locked::from`] was.
    pub base: Base,
    /// What is installed on top of it: what was asked for and what that needs, by name.
    #[serde(default, skip_serializing_if = "Added::is_nothing")]
    pub packages: Added,
    /// The files that the recipe fetches, by URL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<Download>,
}

/// Packages on top of a base.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Added {
    /// None.
    #[default]
    Nothing,
    /// Files from the archives of [`Base::Archive`].
    Debs(Vec<Deb>),
    /// Versions, where only the distribution's package manager knows how to get at the files.
    Versions(Versions),
}

/// A file that a recipe copies from a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Download {
    /// From where.
    #[serde(deserialize_with = "form::url")]
    pub url: String,
    /// What it is.
    pub digest: Digest,
}

impl Added {
    fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }

    /// The packages that are files.
    pub fn debs(&self) -> &[Deb] {
        match self {
            Self::Debs(debs) => debs,
            Self::Nothing | Self::Versions(_) => &[],
        }
    }
}

impl Lock {
    /// A lock of nothing yet.
    pub fn new() -> Self {
        Self { version: VERSION, machines: BTreeMap::new() }
    }

    /// Reads a lock. `file` is what it is called in faults. A lock that can be read is safe to use: names are names, paths
    /// stay below the archive they are in, and every package is of an archive that is there.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Fault> {
        let lock: Self = serde_saphyr::from_str(text).map_err(|error| Fault::of_yaml(file, &error))?;
        let fault = |what| Fault { file: file.to_owned(), place: Place::default(), what };
        if lock.version != VERSION {
            return Err(fault(format!("it is of version {}, and this envbox knows version {VERSION}", lock.version)));
        }
        for (machine, boxes) in &lock.machines {
            if !form::is_word(machine) {
                return Err(fault(format!("`{}` is not the name of a machine", machine.escape_debug())));
            }
            for (name, locked) in boxes.all() {
                locked.check().map_err(|what| fault(format!("{machine}, {}: {what}", shown(name))))?;
            }
        }
        Ok(lock)
    }

    /// The boxes on a machine, if any are locked for it.
    pub fn on(&self, machine: &str) -> Option<&Boxes> {
        self.machines.get(machine)
    }

    /// The machines that there are boxes for.
    pub fn machines(&self) -> impl Iterator<Item = &str> {
        self.machines.keys().map(String::as_str)
    }

    /// Puts a machine's boxes in, in the place of those that were locked for it.
    pub fn put(&mut self, machine: &str, boxes: Boxes) {
        self.machines.insert(machine.to_owned(), boxes);
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self::new()
    }
}

impl Boxes {
    /// The box of a variant; `None` is the recipe itself.
    pub fn of(&self, variant: Option<&str>) -> Option<&Locked> {
        variant.map_or(self.main.as_ref(), |name| self.variants.get(name))
    }

    /// Puts a box in, in the place of what was locked of it.
    pub fn put(&mut self, variant: Option<&str>, locked: Locked) {
        match variant {
            None => self.main = Some(locked),
            Some(name) => drop(self.variants.insert(name.to_owned(), locked)),
        }
    }

    /// All boxes, the recipe's own first.
    pub fn all(&self) -> impl Iterator<Item = (Option<&str>, &Locked)> {
        let main = self.main.iter().map(|locked| (None, locked));
        main.chain(self.variants.iter().map(|(name, locked)| (Some(name.as_str()), locked)))
    }
}

impl Locked {
    /// What a recipe asks for, sorted as a lock has it: what packages, and which URLs.
    pub fn asked(environment: &Environment) -> (Vec<String>, Vec<String>) {
        let copied = environment.copy.iter().map(|copied| copied.from.as_str());
        let mut urls: Vec<String> = copied.filter(|from| form::is_url(from)).map(str::to_owned).collect();
        let mut wants = environment.packages.clone();
        for list in [&mut wants, &mut urls] {
            list.sort_unstable();
            list.dedup();
        }
        (wants, urls)
    }

    /// What the recipe that this one is made from is made of, if it is made from one.
    pub fn below(&self) -> Option<&Self> {
        match &self.base {
            Base::Recipe(below) => Some(below),
            _ => None,
        }
    }

    /// The lowest recipe's.
    pub fn bottom(&self) -> &Self {
        self.below().map_or(self, Self::bottom)
    }

    /// The archive that all of its packages are files of, those of the recipes below among them.
    pub fn archive(&self) -> Option<&Archive> {
        match &self.base {
            _ if matches!(self.packages, Added::Versions(_)) => None,
            Base::Archive(archive) => Some(archive),
            Base::Recipe(below) => below.archive(),
            Base::Image(_) | Base::File(_) => None,
        }
    }

    /// All packages that are files of its archive.
    pub fn debs(&self) -> Vec<&Deb> {
        let below = match &self.base {
            Base::Archive(archive) => archive.packages.iter().collect(),
            Base::Recipe(below) => below.debs(),
            Base::Image(_) | Base::File(_) => Vec::new(),
        };
        below.into_iter().chain(self.packages.debs()).collect()
    }

    /// The recipe, with the digests of what it fetches.
    #[must_use]
    pub fn pin(&self, environment: &Environment) -> Environment {
        let mut pinned = environment.clone();
        for copied in &mut pinned.copy {
            let known = self.downloads.iter().find(|download| download.url == copied.from.as_str());
            copied.digest = known.map(|download| download.digest).or(copied.digest);
        }
        pinned
    }

    /// How many packages it has.
    pub fn count(&self) -> usize {
        let base = match &self.base {
            Base::Archive(archive) => archive.packages.len(),
            Base::Recipe(below) => below.count(),
            Base::Image(_) | Base::File(_) => 0,
        };
        base + match &self.packages {
            Added::Nothing => 0,
            Added::Debs(debs) => debs.len(),
            Added::Versions(versions) => versions.packages.len(),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self.archive() {
            Some(archive) => archive.check(&self.debs()),
            None if !self.packages.debs().is_empty() => {
                Err("it has packages of an archive, and its base is of none".to_owned())
            }
            None => self.below().map_or(Ok(()), Self::check),
        }
    }
}

/// How a box of a project is called in what people read.
pub fn shown(variant: Option<&str>) -> String {
    variant.map_or_else(|| "main".to_owned(), |name| format!("variant `{}`", name.escape_debug()))
}

#[cfg(test)]
mod tests;
