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
    pub pids: Option<u64>,
    /// What is read from disks and written to them: `{read: 50M/s, write: 20M/s}`.
    #[serde(skip_serializing_if = "Io::is_empty")]
    pub io: Io,
    /// Open files of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nofile: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
