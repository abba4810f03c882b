//! What each limit is enforced by on this machine: a cgroup, for the whole box, or else the next best there is for each
//! process by itself.

use serde::Serialize;

use super::{Controller, Processors};
use crate::plan::Bounds;
use crate::recipe::settings::{CpuSet, Limits};
use crate::sys::{bound, id, system};

/// What enforces a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The box's cgroup: all its processes together.
    Cgroup,
    /// The processors that each process may use (sched_setaffinity(2)).
    Affinity,
    /// A limit that each process has (setrlimit(2)).
    Rlimit,
    /// Nothing.
    Nothing,
}

/// A limit, and how it is enforced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Enforced {
    /// Its key in `box.yaml`.
    pub key: &'static str,
    /// As `box.yaml` has it.
    pub value: String,
    /// What enforces it.
    pub by: By,
    /// What is missing to what the user has asked for, if anything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub but: Option<String>,
}

/// What of the machine decides about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// The controllers of the box's cgroup; none without one.
    pub controllers: Vec<Controller>,
    /// The processors that there are for this user.
    pub processors: Vec<u32>,
    /// Whether the processes of a box are counted apart from those of the host.
    pub counts_processes: bool,
    /// Whether the disks that the box is on are known.
    pub has_disks: bool,
}

/// Processes are counted by user namespace since Linux 5.14; before, a box's limit would be one of all that its user runs on
/// the host.
const COUNTING_KERNEL: (u32, u32) = (5, 14);

impl Machine {
    /// This one, for a box with these controllers.
    pub fn here(controllers: Vec<Controller>, has_disks: bool) -> Self {
        Self {
            controllers,
            processors: bound::processors().unwrap_or_default(),
            // The kernel lets its own root have as many as it likes (fork(2), `EAGAIN`).
            counts_processes: system::kernel() >= COUNTING_KERNEL && id::uid() != 0,
            has_disks,
        }
    }

    fn has(&self, controller: Controller) -> bool {
        self.controllers.contains(&controller)
    }
}

/// What each of the limits is enforced by.
pub fn enforced(limits: &Limits, machine: &Machine) -> Vec<Enforced> {
    let all = limits.given().into_iter().map(|(key, value)| {
        let (by, but) = means(key, limits, machine);
        Enforced { key, value, by, but }
    });
    all.collect()
}

fn means(key: &str, limits: &Limits, machine: &Machine) -> (By, Option<String>) {
    let but = |by, text: &str| (by, Some(text.to_owned()));
    match key {
        "memory" | "swap" if machine.has(Controller::Memory) => (By::Cgroup, None),
        "memory" => but(By::Rlimit, "each process by itself, not all together"),
        "cpus" if machine.has(Controller::Cpu) => (By::Cgroup, None),
        "cpus" => whole_processors(limits, machine),
        "cpuset" if allowed(limits, machine).is_empty() => but(By::Nothing, "there are no such processors here"),
        "cpuset" if machine.has(Controller::Cpuset) => (By::Cgroup, None),
        "cpuset" => but(By::Affinity, "as long as no program asks for others"),
        "pids" if machine.has(Controller::Pids) => (By::Cgroup, None),
        "pids" if machine.counts_processes => but(By::Rlimit, "each user of the box by itself, not all together"),
        "io" if machine.has(Controller::Io) && machine.has_disks => (By::Cgroup, None),
        "io" if machine.has(Controller::Io) => but(By::Nothing, "not limited, as the box is on no disk"),
        "nofile" => (By::Rlimit, None),
        _ => but(By::Nothing, "not limited"),
    }
}

/// Without a controller, time is limited to that of whole processors.
fn whole_processors(limits: &Limits, machine: &Machine) -> (By, Option<String>) {
    let there_are = machine.processors.len();
    let whole = limits.cpus.map_or(there_are, whole);
    let processors =
        |count| if count == 1 { "1 whole processor".to_owned() } else { format!("{count} whole processors") };
    match limits.cpus {
        Some(cpus) if usize::try_from(cpus.0 / 1000).is_ok_and(|least| least >= there_are) => (By::Affinity, None),
        _ if whole >= there_are => {
            (By::Nothing, Some(format!("not limited, as there is no more than {}", processors(there_are))))
        }
        _ => (By::Affinity, Some(format!("{}, as long as no program asks for others", processors(whole)))),
    }
}

/// As many processors as give that much time.
fn whole(cpus: crate::recipe::settings::Cpus) -> usize {
    usize::try_from(cpus.0.div_ceil(1000)).unwrap_or(usize::MAX)
}

fn allowed(limits: &Limits, machine: &Machine) -> Vec<u32> {
    let set = limits.cpuset.as_ref().map(|set| Processors::read(set.as_str()));
    let has = |number: &&u32| set.as_ref().is_none_or(|set| set.has(**number));
    machine.processors.iter().filter(has).copied().collect()
}

/// What decides which of the processors a box of this name gets.
pub fn place(name: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(name.as_bytes())
}

/// The processors that a box is to use: those it may, and of them no more than its time is worth, so that programs which count
/// them find as many. Which ones depends on `place`, or all boxes would share the first. None, where it is all there are.
pub fn processors(limits: &Limits, machine: &Machine, place: u64) -> Vec<u32> {
    let allowed = allowed(limits, machine);
    let count = limits.cpus.map_or(allowed.len(), whole).min(allowed.len());
    if count == machine.processors.len() || allowed.is_empty() {
        return Vec::new();
    }
    let first = usize::try_from(place % u64::try_from(allowed.len()).unwrap_or(1)).unwrap_or(0);
    let mut chosen: Vec<u32> = allowed.iter().copied().cycle().skip(first).take(count).collect();
    chosen.sort_unstable();
    chosen
}

/// The limits as the cgroup is to have them.
pub fn of_group(limits: &Limits, machine: &Machine, place: u64) -> Limits {
    let chosen = processors(limits, machine, place);
    // The kernel takes no number that the machine does not have, and no numbers at all for as many as there are.
    Limits { cpuset: CpuSet::of(&chosen), ..limits.clone() }
}

/// What is left to each process by itself.
pub fn bounds(limits: &Limits, machine: &Machine, place: u64) -> Bounds {
    let without = |controller| !machine.has(controller);
    Bounds {
        processors: if without(Controller::Cpuset) { processors(limits, machine, place) } else { Vec::new() },
        memory: limits.memory.map(|size| size.0).filter(|_| without(Controller::Memory)),
        pids: limits.pids.filter(|_| without(Controller::Pids) && machine.counts_processes),
        nofile: limits.nofile,
    }
}

/// What is to be said of limits that are not enforced as they are meant, if there are any.
pub fn complaint(enforced: &[Enforced]) -> Option<String> {
    let one = |limit: &Enforced| Some(format!("{}: {}", limit.key, limit.but.as_ref()?));
    let all: Vec<String> = enforced.iter().filter_map(one).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::settings::{Cpus, Io, Rate, Size};

    fn machine(controllers: &[Controller], processors: u32) -> Machine {
        Machine {
            controllers: controllers.to_vec(),
            processors: (0..processors).collect(),
            counts_processes: true,
            has_disks: true,
        }
    }

    fn limits() -> Limits {
        Limits {
            memory: Some(Size(512 << 20)),
            swap: Some(Size(0)),
            cpus: Some(Cpus(1500)),
            pids: Some(100),
            io: Io { read: Some(Rate(1 << 20)), write: None },
            nofile: Some(1024),
            ..Limits::default()
        }
    }

    fn means_of(limits: &Limits, machine: &Machine) -> Vec<(&'static str, By, bool)> {
        enforced(limits, machine).into_iter().map(|limit| (limit.key, limit.by, limit.but.is_none())).collect()
    }

    #[test]
    fn what_a_controller_does_is_done_by_it() {
        let machine = machine(&Controller::ALL, 4);
        let all = means_of(&limits(), &machine);
        assert!(all.iter().all(|(key, by, _)| *key == "nofile" || *by == By::Cgroup), "{all:?}");
        assert_eq!(complaint(&enforced(&limits(), &machine)), None);
        assert_eq!(bounds(&limits(), &machine, 7), Bounds { nofile: Some(1024), ..Bounds::default() });
        assert_eq!(of_group(&limits(), &machine, 3).cpuset.unwrap().as_str(), "0,3");
    }

    #[test]
    fn without_controllers_the_next_best_is_done_and_named() {
        let machine = machine(&[], 4);
        let expected = [
            ("memory", By::Rlimit, false),
            ("swap", By::Nothing, false),
            ("cpus", By::Affinity, false),
            ("pids", By::Rlimit, false),
            ("io", By::Nothing, false),
            ("nofile", By::Rlimit, true),
        ];
        assert_eq!(means_of(&limits(), &machine), expected);
        let complaint = complaint(&enforced(&limits(), &machine)).unwrap();
        assert!(
            complaint.starts_with("memory: each process by itself, not all together; swap: not limited; cpus: 2 whole")
        );
        let bounds = bounds(&limits(), &machine, 1);
        assert_eq!((bounds.processors, bounds.memory, bounds.pids), (vec![1, 2], Some(512 << 20), Some(100)));
    }

    #[test]
    fn where_processes_are_counted_for_the_whole_host_there_is_no_limit() {
        let machine = Machine { counts_processes: false, ..machine(&[], 4) };
        let limits = Limits { pids: Some(10), ..Limits::default() };
        assert_eq!(means_of(&limits, &machine), [("pids", By::Nothing, false)]);
        assert_eq!(bounds(&limits, &machine, 0), Bounds::default());
    }

    #[test]
    fn more_time_than_there_is_is_no_limit() {
        let of = |cpus, there_are| {
            let limits = Limits { cpus: Some(Cpus(cpus)), ..Limits::default() };
            let machine = machine(&[], there_are);
            (means_of(&limits, &machine)[0].1, means_of(&limits, &machine)[0].2, processors(&limits, &machine, 0).len())
        };
        assert_eq!(of(1500, 2), (By::Nothing, false, 0));
        assert_eq!((of(2000, 2), of(9000, 2)), ((By::Affinity, true, 0), (By::Affinity, true, 0)));
        assert_eq!((of(1000, 2), of(1001, 4)), ((By::Affinity, false, 1), (By::Affinity, false, 2)));
    }

    #[test]
    fn processors_are_taken_from_those_that_are_allowed() {
        let machine = machine(&[], 4);
        let of = |cpuset: &str, cpus| Limits { cpuset: cpuset.parse().ok(), cpus, ..Limits::default() };
        assert_eq!(processors(&of("1-3", None), &machine, 5), [1, 2, 3]);
        assert_eq!(processors(&of("1-3", Some(Cpus(1500))), &machine, 5), [1, 3]);
        assert_eq!(processors(&of("0-9", None), &machine, 0), [0; 0]);
        assert_eq!(means_of(&of("8-9", None), &machine), [("cpuset", By::Nothing, false)]);
        let group = |set: &str| of_group(&of(set, None), &machine, 0).cpuset.map(|set| set.to_string());
        assert_eq!((group("0-9"), group("8-9"), group("3-9")), (None, None, Some("3".to_owned())));
        assert_eq!(means_of(&of("1", None), &machine), [("cpuset", By::Affinity, false)]);
    }
}
