//! How one knows that a service is ready.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::super::settings::Seconds;
use super::super::{Place, schema};
use super::command::Command;
use super::short::{Short, either};

/// How one knows that a service is ready: `pg_isready` for short, or `{port: 5432, within: 60}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// What is tried.
    pub probe: Probe,
    /// Seconds between two tries.
    pub every: u32,
    /// Seconds after which it has failed.
    pub within: u32,
}

/// What is tried to know that a service is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// The command succeeds.
    Run(Command),
    /// The box's port takes TCP connections.
    Port(u16),
    /// The file is there: an absolute path in the box, or relative to where the service begins.
    File(String),
    /// The service has printed a line with this text in it.
    Log(String),
}

/// Seconds between two tries, and those after which there are no more.
const EVERY: u32 = 1;
const WITHIN: u32 = 60;

/// How one knows that a service is ready: one of `run`, `port`, `file` and `log`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ready", transform = one_probe, transform = schema::or_command)]
struct Long {
    /// A command that succeeds.
    #[serde(default)]
    run: Option<Command>,
    /// A port of the box that takes TCP connections.
    #[serde(default)]
    #[schemars(range(min = 1))]
    port: Option<u16>,
    /// A file that is there: an absolute path in the box, or relative to where the service begins.
    #[serde(default)]
    file: Option<String>,
    /// Text of a line that the service has printed.
    #[serde(default)]
    log: Option<String>,
    /// The time between two tries.
    #[serde(default = "every")]
    every: Seconds,
    /// The time after which the service has failed.
    #[serde(default = "within")]
    within: Seconds,
}

fn every() -> Seconds {
    Seconds(EVERY)
}

fn within() -> Seconds {
    Seconds(WITHIN)
}

/// Exactly one of the four probes.
fn one_probe(schema: &mut Schema) {
    schema::exactly_one(schema, &["run", "port", "file", "log"]);
}

impl JsonSchema for Ready {
    fn schema_name() -> Cow<'static, str> {
        Long::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Long::json_schema(generator)
    }
}

impl Short for Ready {
    const EXPECTED: &'static str = "a command line, or a map with one of `run`, `port`, `file` and `log`";

    fn short(command: Command, _: Place) -> Option<Self> {
        Some(Self { probe: Probe::Run(command), every: EVERY, within: WITHIN })
    }

    fn long<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error> {
        let Long { run, port, file, log, every, within } = Long::deserialize(map)?;
        let probe = match (run, port, file, log) {
            (Some(command), None, None, None) => Probe::Run(command),
            (None, Some(port), None, None) if port > 0 => Probe::Port(port),
            (None, None, Some(file), None) if !file.is_empty() => Probe::File(file),
            (None, None, None, Some(text)) if !text.is_empty() => Probe::Log(text),
            _ => return Err(D::Error::custom(format_args!("{} is expected here", Self::EXPECTED))),
        };
        Ok(Self { probe, every: every.0.max(1), within: within.0.max(1) })
    }
}

impl<'de> Deserialize<'de> for Ready {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        either(deserializer)
    }
}
