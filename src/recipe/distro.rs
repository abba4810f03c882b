//! The recipe of a distribution.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Source, Text};

/// How to get a distribution's root filesystem, and how to live with it: one YAML file. Data only.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The word that users type: `alpine`.
    pub name: Text,
    /// For people: `Alpine Linux`.
    pub title: String,
    /// Other words for it.
    #[serde(default)]
    pub aliases: Vec<Text>,
    /// The distribution's site.
    #[serde(default)]
    pub home: Option<Text>,
    /// Versions, the newest first.
    pub versions: Vec<Version>,
    /// Globs of versions that are not listed and may exist all the same. Such a word is `${version}`, as it is typed.
    #[serde(default)]
    pub unlisted: Vec<Text>,
    /// Machines that it runs on.
    pub architectures: BTreeMap<String, Architecture>,
    /// Variables. Those of the architecture go before these, those of the version before both.
    #[serde(default)]
    pub variables: BTreeMap<String, Text>,
    /// Where it comes from, the best first.
    pub sources: Vec<Source<Text>>,
    /// How its package manager is called.
    #[serde(default)]
    pub packages: Packages,
    /// Shells, the best first; absolute paths.
    #[serde(default)]
    pub shells: Vec<Text>,
    /// The program that is process 1 of a system box; an absolute path.
    #[serde(default)]
    pub init: Option<Text>,
    /// What makes a system box of it.
    #[serde(default)]
    pub system: Option<System>,
    /// What to change in files of the tree, as soon as it is there: unpacked, or built of packages.
    #[serde(default)]
    pub files: Vec<Change<Text>>,
    /// What to run in it, as root of the box, before it is used for the first time.
    #[serde(default)]
    pub setup: Vec<Setup<Text>>,
}

/// A version of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// The word after the colon: `3.23`.
    pub name: Text,
    /// The name by which the version is known without its distribution's: `noble`, `tumbleweed`. No two recipes have the
    /// same.
    #[serde(default)]
    pub codename: Option<Text>,
    /// Other words after the colon.
    #[serde(default)]
    pub aliases: Vec<Text>,
    /// Whether it is the one that is meant where none is named.
    #[serde(default)]
    pub default: bool,
    /// Variables that differ in this version.
    #[serde(default)]
    pub variables: BTreeMap<String, Text>,
}

/// What a distribution calls a machine: `x86_64: amd64` for short, or with other variables that differ there,
/// `x86_64: {arch: amd64, …}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Architecture {
    /// Variables, `arch` among them.
    pub variables: BTreeMap<String, Text>,
}

/// How a package manager is called: argument vectors, to which names of packages are added where there are any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// Fetches the lists of what there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refresh: Vec<String>,
    /// Installs packages, without a question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub install: Vec<String>,
    /// Removes packages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Brings everything up to date, after [`Packages::refresh`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upgrade: Vec<String>,
    /// Deletes what was kept of lists and downloads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clean: Vec<String>,
    /// Prints the packages there are, one a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<String>,
    /// Prints the packages there are with their versions: on each line a name, a space and a version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// What stands between a package's name and the version of it that is to be installed. A package manager without it
    /// installs what it has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// Directories of downloads and lists that are kept from one build to the next, and are no part of any image; absolute
    /// paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// Variables for all of these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

/// A change in a file of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Change<S = String> {
    /// The file is this, whatever it was; belongs to root, mode 0644.
    Write {
        /// The file's absolute path.
        path: S,
        /// What is in it.
        content: S,
    },
    /// Each line that is just `line` becomes `with`. A file without such a line stays as it is.
    Replace {
        /// The file's absolute path.
        path: S,
        /// The line.
        line: S,
        /// What it becomes.
        with: S,
    },
}

/// What a system box has, and the distribution's images may not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// A file that is there where all of it is; an absolute path.
    pub there: String,
    /// Packages, which bring the init and what a login needs.
    pub packages: Vec<String>,
    /// Command lines for the box's `/bin/sh`, as root of the box and without a network, after that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<String>,
}

/// A step of making a system usable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup<S = String> {
    /// A command line for the box's `/bin/sh`.
    pub run: S,
}

impl<'de> Deserialize<'de> for Architecture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrVariables;

        impl<'de> Visitor<'de> for NameOrVariables {
            type Value = Architecture;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the distribution's name of the machine, or a map of variables with `arch`")
            }

            fn visit_str<E>(self, name: &str) -> Result<Architecture, E> {
                Ok(Architecture { variables: BTreeMap::from([("arch".to_owned(), Text::from(name.to_owned()))]) })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Architecture, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(|variables| Architecture { variables })
            }
        }

        deserializer.deserialize_any(NameOrVariables)
    }
}
