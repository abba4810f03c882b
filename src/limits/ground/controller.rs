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

    /// Those that a list in the kernel's format names.
    pub fn parse(list: &str) -> Vec<Self> {
        Self::named(list, Self::name)
    }

    /// Those that a list of names from a hierarchy of version 1 has.
    pub fn parse_version_1(list: &str) -> Vec<Self> {
        Self::named(list, Self::version_1)
    }

    fn named(list: &str, name: fn(Self) -> &'static str) -> Vec<Self> {
        Self::ALL.into_iter().filter(|&one| list.split_whitespace().any(|word| word == name(one))).collect()
    }

    /// Its name in a hierarchy of version 1 (cgroups(7)).
    fn version_1(self) -> &'static str {
        match self {
            Self::Io => "blkio",
            other => other.name(),
        }
    }
}
