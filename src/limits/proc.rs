//! The processes of a box, in the host's `/proc` (proc(5)). A box is what is in its pid namespace, and in those made in that.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;

use crate::sys::namespace;
use crate::sys::process::Pid;

/// Pid namespaces in one another at the most (pid_namespaces(7)).
const DEEPEST: u32 = 32;

/// The microseconds of a clock tick, as the kernel tells them to programs (`USER_HZ`).
const TICK: u64 = 10_000;

/// Who is in a box.
#[derive(Debug)]
pub struct Members {
    /// By inode, the namespaces that have been looked at, and whether they are the box's.
    known: HashMap<u64, bool>,
    /// The keeper, which is the first process of the namespace and no part of what runs in the box.
    keeper: Pid,
}

impl Members {
    /// Those of the box with this pid namespace, by its inode, whose keeper this is.
    pub fn new(pid_namespace: u64, keeper: Pid) -> Self {
        Self { known: HashMap::from([(pid_namespace, true)]), keeper }
    }

    /// The processes that are there now, but for the keeper and those that are about to become a program: nobody may look
    /// into them yet.
    pub fn list(&mut self) -> Vec<Pid> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid::from_raw);
        pids.filter(|&pid| pid != self.keeper && self.is_in(pid)).collect()
    }

    fn is_in(&mut self, pid: Pid) -> bool {
        let path = format!("/proc/{pid}/ns/pid");
        let Ok(inode) = fs::metadata(&path).map(|found| found.ino()) else { return false };
        if let Some(known) = self.known.get(&inode) {
            return *known;
        }
        let Ok(namespace) = File::open(&path) else { return false };
        let is_in = self.is_below(namespace.into());
        self.known.insert(inode, is_in);
        is_in
    }

    fn is_below(&self, mut namespace: OwnedFd) -> bool {
        for _ in 0..DEEPEST {
            // The host's own has none above it that this process may see.
            let Ok(parent) = namespace::parent(&namespace) else { return false };
            match namespace::inode(&parent).ok().and_then(|inode| self.known.get(&inode)) {
                Some(known) => return *known,
                None => namespace = parent,
            }
        }
        false
    }

    /// What they use, all together.
    pub fn usage(&mut self) -> Sum {
        let keeper = Stat::read(self.keeper).unwrap_or_default();
        // What has no parent left in the box is waited for by the keeper.
        let mut sum = Sum { cpu: keeper.ended * TICK, ..Sum::default() };
        for pid in self.list() {
            sum.add(pid);
        }
        sum
    }
}

/// What some processes use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Microseconds of processors' time, with that of children that have ended.
    pub cpu: u64,
    /// Bytes of memory that are no files': what several share since a fork is counted for each.
    pub memory: u64,
    /// Bytes that are swapped out.
    pub swap: u64,
    /// Threads.
    pub tasks: u64,
    /// Bytes that were read from disks, and written to them.
    pub io: [u64; 2],
}

impl Sum {
    fn add(&mut self, pid: Pid) {
        // It may have ended in between.
        let text = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let stat = Stat::read(pid).unwrap_or_default();
        let (status, io) = (text("status"), text("io"));
        self.cpu += (stat.own + stat.ended) * TICK;
        self.memory += 1024 * (number(&status, "RssAnon:") + number(&status, "RssShmem:"));
        self.swap += 1024 * number(&status, "VmSwap:");
        self.tasks += number(&status, "Threads:");
        self.io[0] += number(&io, "read_bytes:");
        self.io[1] += number(&io, "write_bytes:");
    }
}

/// The number behind a word at the beginning of a line; 0 where there is none.
pub(super) fn number(text: &str, key: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok());
    value.unwrap_or(0)
}

/// The processors' time of a process, in ticks (proc_pid_stat(5), fields 14 to 17).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stat {
    own: u64,
    ended: u64,
}

impl Stat {
    fn read(pid: Pid) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, and may contain anything.
        let mut times =
            stat.rsplit_once(')')?.1.split_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
        let mut two = || Some(times.next()? + times.next()?);
        Some(Self { own: two()?, ended: two()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{own_pid, parent};

    #[test]
    fn a_name_may_be_anything() {
        let stat = "77 (a) R (b) D 1 77 77 0 -1 4194304 100 200 0 0 5 6 70 80 20 0 3 0 1234 4096 1 0";
        assert_eq!(Stat::parse(stat), Some(Stat { own: 11, ended: 150 }));
        assert_eq!((Stat::parse(""), Stat::parse("1 (x) R 1")), (None, None));
        assert_eq!((number("A:\t12 kB\nB: 3\n", "B:"), number("", "B:"), number("B: x", "B:")), (3, 0, 0));
    }

    #[test]
    fn this_process_is_in_its_own_namespace() {
        let mut members = Members::new(namespace::inode(File::open("/proc/self/ns/pid").unwrap()).unwrap(), parent());
        let all = members.list();
        assert!(all.contains(&own_pid()) && !all.contains(&parent()));
        let usage = members.usage();
        assert!(usage.memory > 0 && usage.tasks > 1, "{usage:?}");
    }
}
