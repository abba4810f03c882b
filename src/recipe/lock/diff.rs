//! What differs between two locks of one box, for people.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::{Added, Base, Locked};

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "change")]
pub enum Change {
    /// It was not there.
    Added {
        /// A package or URL.
        name: String,
        /// Its version, or digest.
        new: String,
    },
    /// It is not there any more.
    Removed {
        /// A package or URL.
        name: String,
        /// Its version, or digest.
        old: String,
    },
    /// It is another.
    Changed {
        /// A package or URL.
        name: String,
        /// Its version, or digest.
        old: String,
        /// As above.
        new: String,
    },
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { name, new } => write!(f, "+ {name} {new}"),
            Self::Removed { name, old } => write!(f, "- {name} {old}"),
            Self::Changed { name, old, new } => write!(f, "~ {name} {old} -> {new}"),
        }
    }
}

/// What differs, by name. Without an old one, all of the new.
pub fn changes(old: Option<&Locked>, new: &Locked) -> Vec<Change> {
    let (old, new) = (old.map(Locked::things).unwrap_or_default(), new.things());
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| match (old.get(name), new.get(name)) {
        (None, Some((new, _))) => Some(Change::Added { name: name.clone(), new: new.clone() }),
        (Some((old, _)), None) => Some(Change::Removed { name: name.clone(), old: old.clone() }),
        (Some(old), Some(new)) if old != new => Some(match old.0 == new.0 {
            false => Change::Changed { name: name.clone(), old: old.0.clone(), new: new.0.clone() },
            // One version, built twice.
            true => Change::Changed { name: name.clone(), old: old.1.clone(), new: new.1.clone() },
        }),
        _ => None,
    };
    names.into_iter().filter_map(change).collect()
}

impl Locked {
    /// All that is locked, by name: what is shown of it, and what tells it from others.
    fn things(&self) -> BTreeMap<String, (String, String)> {
        let mut things = self.below().map(Self::things).unwrap_or_default();
        let mut put =
            |name: &str, shown: &str, whole: String| things.insert(name.to_owned(), (shown.to_owned(), whole));
        match &self.base {
            Base::Archive(archive) => {
                for deb in &archive.packages {
                    put(&deb.name, &deb.version, deb.digest.to_string());
                }
            }
            Base::Image(image) => {
                let (name, digest) = image.split_once('@').unwrap_or((image, ""));
                put(name, digest, String::new());
            }
            Base::Recipe(_) => {}
            Base::File(file) => drop(put(&file.at, &file.digest.to_string(), String::new())),
        }
        match &self.packages {
            Added::Nothing => {}
            Added::Debs(debs) => {
                for deb in debs {
                    put(&deb.name, &deb.version, deb.digest.to_string());
                }
            }
            Added::Versions(versions) => {
                for package in &versions.packages {
                    put(&package.name, &package.version, String::new());
                }
            }
        }
        for download in &self.downloads {
            put(&download.url, &download.digest.to_string(), String::new());
        }
        things
    }
}
