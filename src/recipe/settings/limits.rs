//! How much of the machine a box may use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CpuSet, Cpus, Io, Size};

/// Limits of a box; what is not given is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory, all processes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Swap space on top of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<Size>,
    /// Processors' time: `1.5` is that of one and a half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Cpus>,
    /// Processors by number: `0-3,5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpuset: Option<CpuSet>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub pids: Option<u64>,
    /// What is read from disks and written to them: `{read: 50M/s, write: 20M/s}`.
    #[serde(skip_serializing_if = "Io::is_empty")]
    pub io: Io,
    /// Open files of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub nofile: Option<u64>,
    /// How much programs in the box see of their limits, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<View>,
    /// What becomes of a limit that this machine cannot enforce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforce: Option<Enforce>,
}

/// How much programs in a box see of its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// The files of `/proc` and `/sys`, and the answers of sysinfo(2).
    #[default]
    Full,
    /// The files alone.
    Files,
    /// Nothing: they see the machine.
    None,
}

/// What becomes of a limit that the machine cannot enforce.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Enforce {
    /// It is named in a note, and the next best is done.
    #[default]
    BestEffort,
    /// The box does not start.
    Require,
}

/// Bytes without which no program starts. Whoever writes `512` has forgotten the unit.
const LEAST_MEMORY: Size = Size(1 << 20);

/// A limit under which nothing could run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {value} is too little for anything to run: it takes {least} at the least", .keys.join(": "))]
pub struct TooLittle {
    /// The keys that lead to it from `limits`: one, or two.
    pub keys: &'static [&'static str],
    value: String,
    least: String,
}

impl Limits {
    /// Whether something could run under them.
    ///
    /// # Errors
    /// The first that is too little.
    pub fn check(&self) -> Result<(), TooLittle> {
        self.too_little().into_iter().next().map_or(Ok(()), Err)
    }

    /// Those under which nothing could run. Whoever takes limits from the user asks this, and so does the start.
    pub fn too_little(&self) -> Vec<TooLittle> {
        type Limit = (&'static [&'static str], Option<u64>, u64, fn(u64) -> String);
        let bytes = |number| Size(number).to_string();
        let count = |number: u64| number.to_string();
        let rate = |rate: Option<super::Rate>| rate.map(|rate| rate.0);
        let all: [Limit; 5] = [
            (&["memory"], self.memory.map(|size| size.0), LEAST_MEMORY.0, bytes),
            (&["pids"], self.pids, 1, count),
            (&["io", "read"], rate(self.io.read), 1, count),
            (&["io", "write"], rate(self.io.write), 1, count),
            (&["nofile"], self.nofile, 1, count),
        ];
        let little = |(keys, given, least, shown): Limit| {
            let given = given.filter(|given| *given < least)?;
            Some(TooLittle { keys, value: shown(given), least: shown(least) })
        };
        all.into_iter().filter_map(little).collect()
    }

    /// How much of them programs in the box see. Where nothing is limited that they could see, that is nothing.
    pub fn seen(&self) -> View {
        let visible = self.memory.is_some() || self.swap.is_some() || self.cpus.is_some() || self.cpuset.is_some();
        if visible { self.view.unwrap_or_default() } else { View::None }
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self { view: self.view, enforce: self.enforce, ..Self::default() }
    }

    /// The limits there are, each by its key and as `box.yaml` has it.
    pub fn given(&self) -> Vec<(&'static str, String)> {
        let io = [("read", self.io.read), ("write", self.io.write)];
        let io: Vec<String> = io.iter().filter_map(|(way, rate)| Some(format!("{way}: {}", (*rate)?))).collect();
        let all = [
            ("memory", self.memory.map(|size| size.to_string())),
            ("swap", self.swap.map(|size| size.to_string())),
            ("cpus", self.cpus.map(|cpus| cpus.to_string())),
            ("cpuset", self.cpuset.as_ref().map(CpuSet::to_string)),
            ("pids", self.pids.map(|pids| pids.to_string())),
            ("io", Some(io.join(", ")).filter(|io| !io.is_empty())),
            ("nofile", self.nofile.map(|nofile| nofile.to_string())),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rate;
    use super::*;

    #[test]
    fn limits_under_which_nothing_could_run() {
        let fault = |limits: Limits| limits.check().map_err(|fault| fault.to_string());
        let memory = |bytes| Limits { memory: Some(Size(bytes)), ..Limits::default() };
        assert_eq!(
            fault(memory(512)),
            Err("memory: 512 is too little for anything to run: it takes 1M at the least".to_owned())
        );
        let none = Io { read: Some(Rate(0)), write: None };
        assert!(fault(Limits { io: none, ..Limits::default() }).unwrap_err().starts_with("io: read: 0 is too little"));
        for limits in [
            memory(0),
            Limits { pids: Some(0), ..Limits::default() },
            Limits { nofile: Some(0), ..Limits::default() },
            Limits { io: none, ..Limits::default() },
        ] {
            assert!(fault(limits.clone()).is_err(), "{limits:?}");
        }
        let some = Limits { swap: Some(Size(0)), pids: Some(1), ..memory(1 << 20) };
        assert_eq!(fault(some), Ok(()));
    }
}
