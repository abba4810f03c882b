//! The steps that make a project's image.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::super::settings::Network;
use super::super::{Place, Text};
use super::command::Command;
use super::short::{Short, either};
use crate::image::Digest;

/// Something that becomes part of the image: `{from: tools/, to: /opt/tools}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// A file or directory of the project, relative to its root; or the URL of a file. What is in a directory goes into
    /// `to`, as with `cp -r from/. to`.
    pub from: Text,
    /// Where it goes: an absolute path in the box. One that ends in `/` is a directory to put a file into.
    pub to: Text,
    /// For a URL: what the file's digest has to be.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// Permission bits of the files, in octal: `"0755"`. Without it, their own.
    #[serde(default)]
    pub mode: Option<Text>,
}

/// A command that makes the image what it is: a line for the box's `/bin/sh -e`, or with more to say
/// `{run: "make install", as: user}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The command lines.
    pub run: Text,
    /// Who runs them.
    pub by: As,
    /// Which network they have: none, unless they ask for the host's.
    pub network: Network,
    /// Variables for them alone.
    pub env: BTreeMap<String, String>,
}

/// Who runs a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum As {
    /// Root of the box.
    #[default]
    Root,
    /// The user who builds.
    User,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongRun {
    run: Text,
    #[serde(default, rename = "as")]
    by: As,
    #[serde(default)]
    network: Option<Network>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

impl Short for Run {
    type Long = LongRun;

    const EXPECTED: &'static str = "a command line, or a map with `run`";

    fn short(command: Command, place: Place) -> Option<Self> {
        match command {
            Command::Line(line) => {
                Some(Self { run: Text::at(line, place), by: As::Root, network: Network::None, env: BTreeMap::new() })
            }
            Command::Words(_) => None,
        }
    }

    fn long(long: LongRun) -> Result<Self, String> {
        let LongRun { run, by, network, env } = long;
        match network.unwrap_or(Network::None) {
            Network::Private => Err("a step has the host's network or none: `network: host`, `network: none`".into()),
            network => Ok(Self { run, by, network, env }),
        }
    }
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        either(deserializer)
    }
}
