//! A project's recipe: `envbox.yaml`, as it is written ([`Project`]) and as it is meant ([`Environment`]).

pub mod asks;
mod check;
mod command;
mod faults;
mod load;
mod merge;
mod needs;
mod order;
mod place;
mod reach;
mod ready;
mod short;
mod steps;
mod tasks;
mod words;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::settings::{Home, Init, Limits, Mount, Network, Port, Share};
pub use super::yaml::LARGEST;
use super::{BoxConfig, Fault, Text, schema, yaml};
pub use command::Command;
pub use load::Reader;
pub use order::{NoOrder, order};
use place::Written;
pub use ready::{Probe, Ready};
pub use steps::{As, Copied, Run};
pub use tasks::{Restart, Service, Task};

/// The name of the file.
pub const FILE: &str = "envbox.yaml";

/// `envbox.yaml` as it is written. What is not given is the included file's, or as it is by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "envbox.yaml")]
pub struct Project {
    /// Other files of the project, relative to this one, which it is laid over.
    pub include: Vec<Text>,
    /// What the box is made of: a distribution's recipe (`debian:12`), an image at a registry, a tarball, or the path of
    /// another `envbox.yaml`.
    pub from: Option<Text>,
    /// Packages, installed by the distribution's own package manager.
    #[schemars(extend("items" = {"type": "string", "pattern": schema::PACKAGE}))]
    pub packages: Vec<Text>,
    /// Files of the project that are part of the image.
    pub copy: Vec<Copied>,
    /// Commands that make the image what it is, each a layer.
    pub setup: Vec<Run>,
    /// Variables of every program in the box.
    #[schemars(schema_with = "schema::variables")]
    pub env: BTreeMap<String, String>,
    /// How much of the user's home the box sees.
    pub home: Option<Home>,
    /// What of the user's session on the host the box may use.
    pub share: Vec<Share>,
    /// What is mounted into the box.
    pub mounts: Vec<Mount>,
    /// Which network the box has.
    pub network: Option<Network>,
    /// Ports of the host that lead into the box.
    pub ports: Vec<Port>,
    /// How much of the machine the box may use.
    pub limits: Limits,
    /// What is process 1 of the box.
    pub init: Option<Init>,
    /// Whether programs in the box may make boxes, containers and sandboxes of their own: user namespaces.
    pub nesting: Option<bool>,
    /// The signal that ends the init, `SIGRTMIN+3`; that of the image, or of the init, where it is not given.
    pub stop_signal: Option<Text>,
    /// The shell for `enter`; an absolute path.
    #[schemars(extend("pattern" = schema::ABSOLUTE))]
    pub shell: Option<Text>,
    /// Where sessions begin that are started outside of the project: an absolute path in the box.
    #[schemars(extend("pattern" = schema::ABSOLUTE))]
    pub workdir: Option<Text>,
    /// Who sessions are, if not the user: `USER[:GROUP]` of the box.
    pub user: Option<Text>,
    /// Commands to run in the box, by name.
    #[schemars(extend("propertyNames" = {"pattern": schema::NAME}))]
    pub tasks: BTreeMap<String, Task>,
    /// Programs that run in the box in the background, by name.
    #[schemars(extend("propertyNames" = {"pattern": schema::NAME}))]
    pub services: BTreeMap<String, Service>,
    /// Further boxes, by name: each is this recipe with what stands there laid over it.
    #[schemars(extend("propertyNames" = {"pattern": schema::NAME}))]
    pub variants: BTreeMap<String, Self>,
    /// The files, the lowest first; empty for what was not read from any.
    #[serde(skip)]
    written: Vec<Written>,
}

/// One box that a project's recipe describes: everything included and laid over, and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The variant; `None` is the recipe itself.
    pub variant: Option<String>,
    /// What it is made of.
    pub from: String,
    /// Packages, in the order they are written, each once.
    pub packages: Vec<String>,
    /// What is copied into the image.
    pub copy: Vec<Copied>,
    /// What is run to make the image.
    pub setup: Vec<Run>,
    /// How the box lives.
    pub config: BoxConfig,
    /// Tasks.
    pub tasks: BTreeMap<String, Task>,
    /// Services.
    pub services: BTreeMap<String, Service>,
}

impl Project {
    /// Reads an `envbox.yaml`, what it includes not looked at. `file` is what it is called in faults.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Fault> {
        yaml::read(text).map_err(|error| Fault::of_yaml(file, &error))
    }
}
