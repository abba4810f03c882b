//! Where this user may make cgroups.

use std::path::PathBuf;

/// A directory of the cgroup2 file system below which the user may make cgroups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// How it was come by.
    pub rung: Rung,
    /// The directory.
    pub base: PathBuf,
    /// The controllers that it can pass on to its children.
    pub controllers: Vec<Controller>,
    /// The cgroup of the caller, to which a keeper goes at its end, so that what it was in can be removed; none where this
    /// user may not move a process there.
    pub home: Option<PathBuf>,
}

impl Ground {
    /// Looks for one.
    pub fn find() -> Option<Self> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split_whitespace().nth(4)?;
        let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let base = PathBuf::from(mount).join(own);
        crate::sys::system::check_writable(&base.join("cgroup.procs")).ok()?;
        let controllers = Controller::parse(&std::fs::read_to_string(base.join("cgroup.controllers")).ok()?);
        Some(Self { rung: Rung::Own, home: Some(base.clone()), base, controllers })
    }
}

/// The rungs of the ladder on which a ground is looked for, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// The cgroup that the caller is in is delegated to the user.
    Own,
}

/// A controller of cgroup2 that limits take (cgroups(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// Processor time.
    Cpu,
    /// Which processors.
    Cpuset,
    /// Memory and swap.
    Memory,
    /// Number of processes.
    Pids,
    /// What disks are read and written.
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
        Self::ALL
            .into_iter()
            .filter(|controller| list.split_whitespace().any(|word| word == controller.name()))
            .collect()
    }
}
