//! What a box uses of the machine: by its cgroup, as far as that counts it, else by its processes.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::proc::{Members, number};

/// What a box has used, and uses. What nobody counts is not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Microseconds of processors' time.
    pub cpu_usec: u64,
    /// Microseconds for which the box was kept from running.
    pub throttled_usec: Option<u64>,
    /// Bytes of memory.
    pub memory: u64,
    /// The most that it was.
    pub memory_peak: Option<u64>,
    /// What it may be.
    pub memory_limit: Option<u64>,
    /// Bytes that are swapped out.
    pub swap: u64,
    /// Processes and threads.
    pub pids: u64,
    /// How many it may be.
    pub pids_limit: Option<u64>,
    /// Bytes that were read from disks.
    pub io_read: u64,
    /// Bytes that were written to them.
    pub io_written: u64,
    /// What has happened to the box.
    #[serde(flatten)]
    pub events: Events,
    /// How much of the last ten seconds some process had to wait.
    pub pressure: Pressure,
    /// Of these figures, those that are the sum over the processes that live now.
    pub summed: Vec<&'static str>,
}

/// What has happened to a box because of its limits; nothing where nobody counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Events {
    /// Processes that were killed since there was no memory left for the box.
    pub oom_kills: Option<u64>,
    /// Times that there could be no more processes.
    pub refused_forks: Option<u64>,
}

/// Percent of the time for which some process had to wait for something (Documentation/accounting/psi.rst, `avg10`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// For a processor.
    pub cpu: Option<f64>,
    /// For memory.
    pub memory: Option<f64>,
    /// For a disk.
    pub io: Option<f64>,
}

impl Events {
    /// Those of the cgroup that limits a box (Documentation/admin-guide/cgroup-v2.rst, `memory.events`, `pids.events`).
    pub fn read(limited: &Path) -> Self {
        let of = |file: &str, key: &str| Some(number(&fs::read_to_string(limited.join(file)).ok()?, key));
        // Before Linux 6.11 a refused fork counts for the cgroup of who forks, and for none above it.
        let refused = ["pids.events", "payload/pids.events"].map(|file| of(file, "max "));
        Self { oom_kills: of("memory.events", "oom_kill "), refused_forks: refused.into_iter().max().flatten() }
    }

    /// What has happened since these.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let less = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before.unwrap_or(0)));
        Self {
            oom_kills: less(self.oom_kills, before.oom_kills),
            refused_forks: less(self.refused_forks, before.refused_forks),
        }
    }
}

impl Usage {
    /// What the box with these processes uses, which is limited by this cgroup if it has one.
    pub fn read(limited: Option<&Path>, members: &mut Members) -> Self {
        let text = |file: &str| fs::read_to_string(limited?.join(file)).ok();
        let value = |file: &str| text(file)?.trim().parse::<u64>().ok();
        // The kernel counts the time of each cgroup; the rest takes its controller.
        let (cpu, io) = (text("cpu.stat"), text("io.stat"));
        let known = [
            ("cpu", cpu.as_deref().map(|cpu| number(cpu, "usage_usec "))),
            ("memory", value("memory.current")),
            ("swap", value("memory.swap.current")),
            ("pids", value("pids.current")),
            ("io_read", io.as_deref().map(|io| total(io, "rbytes="))),
            ("io_written", io.as_deref().map(|io| total(io, "wbytes="))),
        ];
        let needs_sum = known.iter().any(|(_, value)| value.is_none());
        let sum = if needs_sum { members.usage() } else { super::proc::Sum::default() };
        let summed = [sum.cpu, sum.memory, sum.swap, sum.tasks, sum.io[0], sum.io[1]];
        let [cpu_usec, memory, swap, pids, io_read, io_written] =
            std::array::from_fn(|index| known[index].1.unwrap_or(summed[index]));
        Self {
            cpu_usec,
            throttled_usec: cpu
                .as_deref()
                .and_then(|cpu| cpu.contains("throttled_usec ").then(|| number(cpu, "throttled_usec "))),
            memory,
            memory_peak: value("memory.peak"),
            memory_limit: value("memory.max"),
            swap,
            pids,
            pids_limit: value("pids.max"),
            io_read,
            io_written,
            events: limited.map(Events::read).unwrap_or_default(),
            pressure: Pressure {
                cpu: text("cpu.pressure").as_deref().and_then(average),
                memory: text("memory.pressure").as_deref().and_then(average),
                io: text("io.pressure").as_deref().and_then(average),
            },
            summed: known.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect(),
        }
    }
}

/// The sum of a field over all disks of `io.stat`.
fn total(stat: &str, field: &str) -> u64 {
    stat.split_whitespace().filter_map(|word| word.strip_prefix(field)?.parse::<u64>().ok()).sum()
}

fn average(pressure: &str) -> Option<f64> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    some.split_whitespace().find_map(|word| word.strip_prefix("avg10=")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::namespace;
    use crate::sys::process::parent;
    use std::fs::File;

    fn of(files: &[(&str, &str)]) -> Usage {
        let dir = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).unwrap());
        let own = namespace::inode(File::open("/proc/self/ns/pid").unwrap()).unwrap();
        let mut members = Members::new(own, parent());
        Usage::read(Some(dir.path()), &mut members)
    }

    const FILES: [(&str, &str); 10] = [
        ("cpu.stat", "usage_usec 1500\nuser_usec 1000\nnr_throttled 2\nthrottled_usec 70\n"),
        ("memory.current", "4096\n"),
        ("memory.max", "max\n"),
        ("memory.swap.current", "0\n"),
        ("memory.events", "low 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 0\n"),
        ("pids.current", "3\n"),
        ("pids.max", "100\n"),
        ("pids.events", "max 5\n"),
        ("io.stat", "8:0 rbytes=100 wbytes=20 rios=1\n8:16 rbytes=1 wbytes=2\n"),
        ("memory.pressure", "some avg10=1.50 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.10 total=1\n"),
    ];

    #[test]
    fn a_cgroup_with_all_controllers_says_it_all() {
        let usage = of(&FILES);
        assert_eq!(
            (usage.cpu_usec, usage.throttled_usec, usage.memory, usage.memory_limit),
            (1500, Some(70), 4096, None)
        );
        assert_eq!((usage.pids, usage.pids_limit, usage.io_read, usage.io_written), (3, Some(100), 101, 22));
        assert_eq!(usage.events, Events { oom_kills: Some(2), refused_forks: Some(5) });
        assert_eq!((usage.pressure.memory, usage.pressure.cpu), (Some(1.5), None));
        assert!(usage.summed.is_empty());
    }

    #[test]
    fn what_it_does_not_count_is_summed_over_the_processes() {
        let usage = of(&FILES[..1]);
        assert_eq!((usage.cpu_usec, usage.summed), (1500, vec!["memory", "swap", "pids", "io_read", "io_written"]));
        assert!(usage.memory > 4096 && usage.pids > 1);
        assert_eq!(usage.events, Events::default());
    }

    #[test]
    fn what_has_happened_since() {
        let [before, now] =
            [(Some(1), None), (Some(3), Some(2))].map(|(oom_kills, refused_forks)| Events { oom_kills, refused_forks });
        assert_eq!(now.since(&before), Events { oom_kills: Some(2), refused_forks: Some(2) });
        assert_eq!(now.since(&now), Events { oom_kills: Some(0), refused_forks: Some(0) });
    }
}
