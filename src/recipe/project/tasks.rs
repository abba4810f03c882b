//! What a project runs in its box: tasks, which end, and services, which do not.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::super::settings::Seconds;
use super::super::{Place, Text, schema};
use super::command::Command;
use super::ready::Ready;
use super::short::{Short, either};

/// A task: a command line, or with more to say `{run: cargo test, needs: [build]}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schemars(rename = "Task", transform = schema::or_command)]
pub struct Task {
    /// What it runs; nothing for one that only gathers others.
    #[serde(default)]
    pub run: Option<Command>,
    /// For people, one line.
    #[serde(default)]
    pub about: Option<String>,
    /// Tasks that have to have succeeded before.
    #[serde(default)]
    pub needs: Vec<Text>,
    /// Services that have to be ready before.
    #[serde(default)]
    pub services: Vec<Text>,
    /// Variables for it alone.
    #[serde(default)]
    #[schemars(schema_with = "schema::variables")]
    pub env: BTreeMap<String, String>,
    /// Where it begins, relative to the project's root.
    #[serde(default)]
    pub workdir: Option<Text>,
    /// Who runs it, if not the user: `USER[:GROUP]` of the box.
    #[serde(default)]
    pub user: Option<Text>,
}

/// A service: a command line, or with more to say `{run: …, ready: {port: 5432}, restart: on-failure}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schemars(rename = "Service", transform = schema::or_command)]
pub struct Service {
    /// What it runs, in the foreground.
    pub run: Command,
    /// How one knows that it is ready; without it, it is as soon as it runs.
    #[serde(default)]
    pub ready: Option<Ready>,
    /// What happens when it ends.
    #[serde(default)]
    pub restart: Restart,
    /// Services that have to be ready before.
    #[serde(default)]
    pub needs: Vec<Text>,
    /// Variables for it alone.
    #[serde(default)]
    #[schemars(schema_with = "schema::variables")]
    pub env: BTreeMap<String, String>,
    /// Where it begins, relative to the project's root.
    #[serde(default)]
    pub workdir: Option<Text>,
    /// Who runs it, if not the user: `USER[:GROUP]` of the box.
    #[serde(default)]
    pub user: Option<Text>,
    /// The signal that asks it to end.
    #[serde(default)]
    pub stop_signal: Option<Text>,
    /// Seconds it has to end before it is killed.
    #[serde(default = "stop_time", deserialize_with = "seconds")]
    #[schemars(with = "Seconds")]
    pub stop_time: u32,
}

/// What happens when a service ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It stays ended.
    No,
    /// It is started again unless its status was 0.
    #[default]
    OnFailure,
    /// It is started again.
    Always,
}

/// A task that runs this, and no more.
impl From<Command> for Task {
    fn from(command: Command) -> Self {
        Self {
            run: Some(command),
            about: None,
            needs: Vec::new(),
            services: Vec::new(),
            env: BTreeMap::new(),
            workdir: None,
            user: None,
        }
    }
}

impl Short for Task {
    const EXPECTED: &'static str = "a command line, a list of words, or a map with `run`";

    fn short(command: Command, _: Place) -> Option<Self> {
        Some(command.into())
    }

    fn long<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error> {
        let task = Self::deserialize(map)?;
        if task.run.is_none() && task.needs.is_empty() && task.services.is_empty() {
            return Err(D::Error::custom("a task has `run`, or `needs` other tasks"));
        }
        Ok(task)
    }
}

impl<'de> Deserialize<'de> for Task {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        either(deserializer)
    }
}

/// Seconds that a service has to end.
const STOP_TIME: u32 = 10;

fn stop_time() -> u32 {
    STOP_TIME
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Seconds::deserialize(deserializer).map(|time| time.0)
}

impl Short for Service {
    const EXPECTED: &'static str = "a command line, a list of words, or a map with `run`";

    fn short(command: Command, _: Place) -> Option<Self> {
        Some(Self {
            run: command,
            ready: None,
            restart: Restart::default(),
            needs: Vec::new(),
            env: BTreeMap::new(),
            workdir: None,
            user: None,
            stop_signal: None,
            stop_time: STOP_TIME,
        })
    }

    fn long<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error> {
        Self::deserialize(map)
    }
}

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        either(deserializer)
    }
}
