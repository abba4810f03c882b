//! The controllers that envbox knows.

/// A controller of the version 2 hierarchy (cgroup-v2.rst).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controller {
    /// Shares of processor time.
    Cpu,
    /// Which processors.
    Cpuset,
    /// Memory and swap.
    Memory,
    /// The number of processes.
    Pids,
    /// Rates of reading and writing.
    Io,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Cpu, Self::Cpuset, Self::Memory, Self::Pids, Self::Io];

    /// Its name in `cgroup.controllers`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuset => "cpuset",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Io => "io",
        }
    }

    /// Its name in a hierarchy of version 1 (cgroups(7)).
    pub(super) fn version_1(self) -> &'static str {
        match self {
            Self::Io => "blkio",
            other => other.name(),
        }
    }
}
