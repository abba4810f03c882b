//! The steps that make a project's image.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::super::schema;
use super::super::settings::Network;
use super::super::{Place, Text};
use super::command::Command;
use super::short::{Short, either};
use crate::image::Digest;

/// Something that becomes part of the image: `{from: tools/, to: /opt/tools}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// A file or directory of the project, relative to its root; or the URL of a file. What is in a directory goes into
    /// `to`, as with `cp -r from/. to`.
    pub from: Text,
    /// Where it goes: an absolute path in the box. One that ends in `/` is a directory to put a file into.
    #[schemars(extend("pattern" = schema::ABSOLUTE))]
    pub to: Text,
    /// For a URL: what the file's digest has to be.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("pattern" = schema::DIGEST))]
    pub digest: Option<Digest>,
    /// Permission bits of the files, in octal: `"0755"`. Without it, their own.
    #[serde(default)]
    #[schemars(extend("type" = ["string", "integer", "null"], "pattern" = schema::MODE))]
    pub mode: Option<Text>,
}

/// A command that makes the image what it is: a line for the box's `/bin/sh -e`, or with more to say
/// `{run: "make install", as: user}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schemars(rename = "Run", transform = schema::or_line)]
pub struct Run {
    /// The command lines.
    pub run: Text,
    /// Who runs them.
    #[serde(default, rename = "as")]
    pub by: As,
    /// Which network they have: none, unless they ask for the host's.
    #[serde(default = "no_network")]
    #[schemars(extend("enum" = ["host", "none"]))]
    pub network: Network,
    /// Variables for them alone.
    #[serde(default)]
    #[schemars(schema_with = "schema::variables")]
    pub env: BTreeMap<String, String>,
}

fn no_network() -> Network {
    Network::None
}

/// Who runs a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum As {
    /// Root of the box.
    #[default]
    Root,
    /// The user who builds.
    User,
}

impl Short for Run {
    const EXPECTED: &'static str = "a command line, or a map with `run`";

    fn short(command: Command, place: Place) -> Option<Self> {
        match command {
            Command::Line(line) => {
                Some(Self { run: Text::at(line, place), by: As::Root, network: Network::None, env: BTreeMap::new() })
            }
            Command::Words(_) => None,
        }
    }

    fn long<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error> {
        let step = Self::deserialize(map)?;
        if step.network == Network::Private {
            return Err(D::Error::custom("a step has the host's network or none: `network: host`, `network: none`"));
        }
        Ok(step)
    }
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        either(deserializer)
    }
}
