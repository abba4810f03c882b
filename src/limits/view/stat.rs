//! `/proc/stat` (proc_stat(5)).

use super::tasks::Tasks;
use super::time::{Ticks, Work};
use super::{Processors, Usage};

/// What of this file is not from the host's text.
pub(super) struct Stat<'a> {
    pub(super) cpus: &'a Processors,
    pub(super) usage: &'a Usage,
    pub(super) tasks: &'a Tasks,
    /// When the box began, after the machine did.
    pub(super) start: Ticks,
    /// How long it has been up.
    pub(super) elapsed: Ticks,
    /// Processes it has ever had.
    pub(super) forks: u64,
}

/// The box's processors with the work that was done for it. A cgroup does not say which of them did what, so each has an equal
/// share; what the box has not used of them is idle. Interrupts and context switches are the machine's.
pub(super) fn stat(host: &str, new: &Stat<'_>) -> String {
    host.split_inclusive('\n').filter_map(|line| with_values(line, new)).collect()
}

fn with_values(line: &str, new: &Stat<'_>) -> Option<String> {
    let (key, values) = line.split_once(' ')?;
    let all = new.cpus.count().max(1);
    let text = match key {
        "cpu" => format!("cpu  {}\n", row(values, new.usage.work, new.usage.work.idle(new.elapsed, all))),
        "btime" => format!("btime {}\n", values.trim().parse::<u64>().ok()?.saturating_add(new.start.seconds())),
        "processes" => format!("processes {}\n", new.forks),
        // Whoever reads this runs.
        "procs_running" => format!("procs_running {}\n", new.tasks.running.max(1)),
        "procs_blocked" => format!("procs_blocked {}\n", new.tasks.blocked),
        _ => match key.strip_prefix("cpu").and_then(|number| number.parse::<u32>().ok()) {
            Some(number) if new.cpus.has(number) => {
                let part = |all_of: Ticks| Ticks(share(all_of.0, new.cpus.place(number), all));
                let work = new.usage.work;
                let mine = Work { user: part(work.user), nice: part(work.nice), system: part(work.system) };
                format!("{key} {}\n", row(values, mine, part(work.idle(new.elapsed, all))))
            }
            Some(_) => return None,
            None => line.to_owned(),
        },
    };
    Some(text)
}

/// The part of whoever is at this place among `parts`. The parts add up to the whole, and none ever shrinks as it grows.
fn share(whole: u64, place: usize, parts: usize) -> u64 {
    let (place, parts) = (u64::try_from(place).unwrap_or(0), u64::try_from(parts).unwrap_or(1));
    whole.saturating_add(place) / parts.max(1)
}

/// As many columns as the host has: user, nice, system, idle, and others that no cgroup counts.
fn row(host: &str, work: Work, idle: Ticks) -> String {
    let known = [work.user, work.nice, work.system, idle].map(|ticks| ticks.0);
    let columns = host.split_whitespace().count();
    let values = known.into_iter().chain(std::iter::repeat(0)).take(columns);
    values.map(|value| value.to_string()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "cpu  3398823 55877 971833 2595949 71151 0 9925 4240 0 0\n\
        cpu0 1616002 27853 459822 1419873 26046 0 1031 2154 0 0\ncpu1 1782820 28023 512010 1176076 45104 0 8894 2085 0 0\n\
        cpu3 1 2 3 4 5 6 7 8 0 0\nintr 40490003 0 1\nctxt 79808304\nbtime 1795413467\nprocesses 3099047\n\
        procs_running 3\nprocs_blocked 0\nsoftirq 33444731 0 2532937\n";

    fn seen(host: &str, cpus: &str) -> String {
        let usage = Usage { work: Work { user: Ticks(301), nice: Ticks(0), system: Ticks(50) }, ..Usage::default() };
        let tasks = Tasks { running: 0, blocked: 2, ..Tasks::default() };
        let cpus = &Processors::read(cpus);
        let new = Stat { cpus, usage: &usage, tasks: &tasks, start: Ticks(1250), elapsed: Ticks(1000), forks: 77 };
        stat(host, &new)
    }

    #[test]
    fn the_boxs_processors_do_the_boxs_work() {
        let expected = "cpu  301 0 50 1649 0 0 0 0 0 0\ncpu1 150 0 25 824 0 0 0 0 0 0\ncpu3 151 0 25 825 0 0 0 0 0 0\n\
            intr 40490003 0 1\nctxt 79808304\nbtime 1795413479\nprocesses 77\nprocs_running 1\nprocs_blocked 2\n\
            softirq 33444731 0 2532937\n";
        assert_eq!(seen(HOST, "1,3"), expected);
    }

    #[test]
    fn odd_hosts() {
        // Before Linux 2.6.33 there were fewer columns; a line without a value is none.
        assert_eq!(
            seen("cpu  1 2 3 4 5 6 7\ncpu0 1 2 3 4 5 6 7\n", "0"),
            "cpu  301 0 50 649 0 0 0\ncpu0 301 0 50 649 0 0 0\n"
        );
        assert_eq!(seen("", "0"), "");
    }

    #[test]
    fn shares_add_up() {
        for whole in 0..40 {
            assert_eq!((0..3).map(|place| share(whole, place, 3)).sum::<u64>(), whole);
        }
    }
}
