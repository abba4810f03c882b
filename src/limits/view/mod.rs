//! Programs in a box see their limits: the contents of the files under `/proc` and `/sys` that say what a machine has, as they
//! would be on a machine that has just what the box may use, and the answer of sysinfo(2).
//!
//! The contents are made by pure functions, a file each, from the text of the machine's own file and the numbers of the box's
//! cgroup ([`Sources`]). [`serve`] gives them to whoever reads (fuse(4)), and [`Answerer`] answers the system call
//! (seccomp_unotify(2)).

mod answer;
mod cgroups;
mod cpuinfo;
mod diskstats;
mod flat;
mod load;
mod meminfo;
mod server;
mod shown;
mod sources;
mod stat;
mod swaps;
mod sysinfo;
mod tasks;
mod time;

use super::Processors;

pub use answer::Answerer;
pub use load::Load;
pub use server::{ASK, serve};
pub use shown::Shown;
pub use sources::Sources;
pub use sysinfo::SysInfo;
pub use time::{Ticks, Work};

/// A file of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// The processors.
    Cpuinfo,
    /// Memory and swap space.
    Meminfo,
    /// What the processors did.
    Stat,
    /// How long it has been up.
    Uptime,
    /// How much there is to do.
    Loadavg,
    /// Swap space.
    Swaps,
    /// What was read from disks and written to them.
    Diskstats,
    /// The hierarchies of cgroups.
    Cgroups,
    /// The processors by number.
    Online,
    /// How long was waited for what is short: `cpu`, `io`, `memory`.
    Pressure(&'static str),
}

/// Each file, its name in the file system that [`serve`] serves, and the path that it is bound over. Those that the machine
/// does not have, a box has neither.
pub const FILES: [(File, &str, &str); 12] = [
    (File::Cpuinfo, "cpuinfo", "/proc/cpuinfo"),
    (File::Meminfo, "meminfo", "/proc/meminfo"),
    (File::Stat, "stat", "/proc/stat"),
    (File::Uptime, "uptime", "/proc/uptime"),
    (File::Loadavg, "loadavg", "/proc/loadavg"),
    (File::Swaps, "swaps", "/proc/swaps"),
    (File::Diskstats, "diskstats", "/proc/diskstats"),
    (File::Cgroups, "cgroups", "/proc/cgroups"),
    (File::Online, "online", "/sys/devices/system/cpu/online"),
    (File::Pressure("cpu"), "pressure-cpu", "/proc/pressure/cpu"),
    (File::Pressure("io"), "pressure-io", "/proc/pressure/io"),
    (File::Pressure("memory"), "pressure-memory", "/proc/pressure/memory"),
];

/// What a box has used of what it may use.
#[derive(Debug, Clone, Default)]
struct Usage {
    /// Bytes; none where memory is not limited.
    memory_limit: Option<u64>,
    memory_used: u64,
    /// The cgroup's memory.stat.
    memory_stat: flat::Flat,
    /// Bytes; none where swap space is not limited.
    swap_limit: Option<u64>,
    swap_used: u64,
    work: Work,
}
