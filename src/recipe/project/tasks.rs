//! What a project runs in its box: tasks, which end, and services, which do not.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::super::settings::Seconds;
use super::super::{Place, Text};
use super::command::Command;
use super::short::{Short, either};

/// A task: a command line, or with more to say `{run: cargo test, needs: [build]}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What it runs; nothing for one that only gathers others.
    pub run: Option<Command>,
    /// For people, one line.
    pub about: Option<String>,
    /// Tasks that have to have succeeded before.
    pub needs: Vec<Text>,
    /// Services that have to be ready before.
    pub services: Vec<Text>,
    /// Variables for it alone.
    pub env: BTreeMap<String, String>,
    /// Where it begins, relative to the project's root.
    pub workdir: Option<Text>,
    /// Who runs it, if not the user: `USER[:GROUP]` of the box.
    pub user: Option<Text>,
}

/// A service: a command line, or with more to say `{run: …, ready: {port: 5432}, restart: on-failure}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What it runs, in the foreground.
    pub run: Command,
    /// How one knows that it is ready; without it, it is as soon as it runs.
    pub ready: Option<Ready>,
    /// What happens when it ends.
    pub restart: Restart,
    /// Services that have to be ready before.
    pub needs: Vec<Text>,
    /// Variables for it alone.
    pub env: BTreeMap<String, String>,
    /// Where it begins, relative to the project's root.
    pub workdir: Option<Text>,
    /// Who runs it, if not the user: `USER[:GROUP]` of the box.
    pub user: Option<Text>,
    /// The signal that asks it to end.
    pub stop_signal: Option<Text>,
    /// Seconds it has to end before it is killed.
    pub stop_time: u32,
}

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

/// What happens when a service ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongTask {
    #[serde(default)]
    run: Option<Command>,
    #[serde(default)]
    about: Option<String>,
    #[serde(default)]
    needs: Vec<Text>,
    #[serde(default)]
    services: Vec<Text>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    workdir: Option<Text>,
    #[serde(default)]
    user: Option<Text>,
}

impl Short for Task {
    type Long = LongTask;

    const EXPECTED: &'static str = "a command line, a list of words, or a map with `run`";

    fn short(command: Command, _: Place) -> Option<Self> {
        Some(Self {
            run: Some(command),
            about: None,
            needs: Vec::new(),
            services: Vec::new(),
            env: BTreeMap::new(),
            workdir: None,
            user: None,
        })
    }

    fn long(long: LongTask) -> Result<Self, String> {
        let LongTask { run, about, needs, services, env, workdir, user } = long;
        if run.is_none() && needs.is_empty() && services.is_empty() {
            return Err("a task has `run`, or `needs` other tasks".into());
        }
        Ok(Self { run, about, needs, services, env, workdir, user })
    }
}

impl<'de> Deserialize<'de> for Task {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        either(deserializer)
    }
}

/// Seconds that a service has to end.
const STOP_TIME: u32 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongService {
    run: Command,
    #[serde(default)]
    ready: Option<Ready>,
    #[serde(default)]
    restart: Restart,
    #[serde(default)]
    needs: Vec<Text>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    workdir: Option<Text>,
    #[serde(default)]
    user: Option<Text>,
    #[serde(default)]
    stop_signal: Option<Text>,
    #[serde(default)]
    stop_time: Option<Seconds>,
}

impl Short for Service {
    type Long = LongService;

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

    fn long(long: LongService) -> Result<Self, String> {
        let LongService { run, ready, restart, needs, env, workdir, user, stop_signal, stop_time } = long;
        let stop_time = stop_time.map_or(STOP_TIME, |time| time.0);
        Ok(Self { run, ready, restart, needs, env, workdir, user, stop_signal, stop_time })
    }
}

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        either(deserializer)
    }
}

/// Seconds between two tries, and those after which there are no more.
const EVERY: u32 = 1;
const WITHIN: u32 = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LongReady {
    #[serde(default)]
    run: Option<Command>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    log: Option<String>,
    #[serde(default)]
    every: Option<Seconds>,
    #[serde(default)]
    within: Option<Seconds>,
}

impl Short for Ready {
    type Long = LongReady;

    const EXPECTED: &'static str = "a command line, or a map with one of `run`, `port`, `file` and `log`";

    fn short(command: Command, _: Place) -> Option<Self> {
        Some(Self { probe: Probe::Run(command), every: EVERY, within: WITHIN })
    }

    fn long(long: LongReady) -> Result<Self, String> {
        let LongReady { run, port, file, log, every, within } = long;
        let probe = match (run, port, file, log) {
            (Some(command), None, None, None) => Probe::Run(command),
            (None, Some(port), None, None) if port > 0 => Probe::Port(port),
            (None, None, Some(file), None) if !file.is_empty() => Probe::File(file),
            (None, None, None, Some(text)) if !text.is_empty() => Probe::Log(text),
            _ => return Err(format!("{} is expected here", Self::EXPECTED)),
        };
        let seconds = |given: Option<Seconds>, usual| given.map_or(usual, |time| time.0).max(1);
        Ok(Self { probe, every: seconds(every, EVERY), within: seconds(within, WITHIN) })
    }
}

impl<'de> Deserialize<'de> for Ready {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        either(deserializer)
    }
}
