//! What a box's lowest layers are made of, and the packages.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Locked, form};
use crate::image::Digest;

/// What `from` was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// A system built from a package archive in the format of Debian's.
    Archive(Archive),
    /// An image at a registry, by the digest of its manifest or index: `docker.io/library/alpine@sha256:…`.
    Image(#[serde(deserialize_with = "form::image")] String),
    /// A file at a server, or one of the project's own.
    #[serde(rename_all = "lowercase")]
    File(File),
    /// Another recipe of the project, with all that it is made of.
    Recipe(Box<Locked>),
}

/// A file that holds a tree or an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where it was: a URL or a path.
    #[serde(deserialize_with = "form::line")]
    pub at: String,
    /// What it is.
    pub digest: Digest,
}

/// A system from a package archive: all that goes into its layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// Whose system it is, for people: `Debian`.
    #[serde(deserialize_with = "form::line")]
    pub title: String,
    /// The release's codename.
    #[serde(deserialize_with = "form::word")]
    pub codename: String,
    /// The release's version; a suite under development has none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "form::some_line")]
    pub release: Option<String>,
    /// Debian's name of the architecture.
    #[serde(deserialize_with = "form::word")]
    pub arch: String,
    /// The clock of the build, in seconds since 1970: when the newest of the lists was made.
    pub epoch: u64,
    /// The parts of the archive that packages come from.
    #[serde(deserialize_with = "form::words")]
    pub components: Vec<String>,
    /// The package with the archive's keys, if the archive has it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "form::some_name")]
    pub keyring: Option<String>,
    /// The archives.
    pub sites: Vec<Site>,
    /// The packages, by name.
    pub packages: Vec<Deb>,
}

/// An archive that packages come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its base URL, by its own name rather than that of a mirror; no `/` at its end.
    #[serde(deserialize_with = "form::url")]
    pub at: String,
    /// Where what has left the archive can still be had: the base URL of the archive as it was.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "form::some_url")]
    pub snapshot: Option<String>,
    /// The lists that were read.
    pub suites: Vec<Listed>,
}

/// A suite's signed list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The suite.
    #[serde(deserialize_with = "form::word")]
    pub suite: String,
    /// When it was made, as it says.
    #[serde(deserialize_with = "form::line")]
    pub date: String,
    /// The digest of its InRelease.
    pub inrelease: Digest,
}

/// A package of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deb {
    /// Its name.
    #[serde(deserialize_with = "form::name")]
    pub name: String,
    /// Its version.
    #[serde(deserialize_with = "form::version")]
    pub version: String,
    /// Its architecture, or `all`.
    #[serde(deserialize_with = "form::word")]
    pub arch: String,
    /// Which of [`Archive::sites`] it is from, counted from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub site: usize,
    /// Its path below the site.
    #[serde(deserialize_with = "form::deb")]
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// What it is.
    pub digest: Digest,
}

/// Packages that only a package manager can fetch, by what it said of them once they were installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// The package manager's program.
    #[serde(deserialize_with = "form::name")]
    pub manager: String,
    /// The packages, by name.
    pub packages: Vec<Version>,
}

/// A package as it was installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its name.
    #[serde(deserialize_with = "form::name")]
    pub name: String,
    /// Its version, as the manager writes it.
    #[serde(deserialize_with = "form::version")]
    pub version: String,
}

impl Versions {
    /// Reads what a package manager says that there is: a name, a space and a version on each line. What is neither is
    /// something else that it had to say.
    pub fn parse(text: &str) -> BTreeMap<String, String> {
        let pair = |line: &str| {
            let (name, version) = line.trim().split_once(' ')?;
            let version = version.trim();
            (form::is_name(name) && form::is_version(version)).then(|| (name.to_owned(), version.to_owned()))
        };
        text.lines().filter_map(pair).collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(site: &usize) -> bool {
    *site == 0
}

impl Archive {
    /// What no single text shows to be wrong, in all of a box's packages.
    pub(super) fn check(&self, debs: &[&Deb]) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for deb in debs {
            let file = deb.file.rsplit('/').next().unwrap_or_default();
            if self.sites.get(deb.site).is_none() {
                return Err(format!("package {} is from site {}, which there is not", deb.name, deb.site));
            }
            if !names.insert(&deb.name) {
                return Err(format!("package {} stands there twice", deb.name));
            }
            if deb.arch != "all" && deb.arch != self.arch {
                return Err(format!("package {} is for {}, and the system for {}", deb.name, deb.arch, self.arch));
            }
            if !file.ends_with(".deb") || file.split('_').next() != Some(&deb.name) {
                return Err(format!("package {} has the file of another: {file}", deb.name));
            }
        }
        Ok(())
    }
}
