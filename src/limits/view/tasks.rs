//! What the processes of a box are doing, read off proc (proc_pid_stat(5), proc_pid_statm(5)).

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use super::time::{Ticks, Work};
use crate::sys::{fs, root};

/// All of them together. Processes come and go while they are read: who is gone is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tasks {
    /// Threads that run, or are ready to.
    pub(super) running: u64,
    /// Threads that wait where no signal reaches them, mostly for a disk.
    pub(super) blocked: u64,
    /// Threads.
    pub(super) total: u64,
    /// Bytes of memory that belong to no file. Pages that two processes share since a fork are counted twice, which errs on
    /// the side of what could come to be used; files in memory are not counted, since they are the machine's to reclaim.
    pub(super) anonymous: u64,
    /// The processors' time they have used, with that of their children that have ended.
    pub(super) work: Work,
}

/// Threads of one process that are looked at one by one.
const MOST_THREADS: usize = 4096;

impl Tasks {
    /// Reads those of all processes that an open proc shows, but of the init, which is the keeper, and of `but`.
    pub(super) fn read(proc: impl AsFd, but: Option<i32>) -> Self {
        let proc = proc.as_fd();
        let mut sum = Self::default();
        let names = fs::list(proc).unwrap_or_default().into_iter();
        for pid in names.filter_map(|(name, _)| name.to_str()?.parse::<i32>().ok()).filter(|pid| but != Some(*pid)) {
            let Some(one) = text(proc, &format!("{pid}/stat")).and_then(|stat| One::read(&stat)) else { continue };
            sum.work = plus(sum.work, one.ended);
            if pid != 1 {
                sum.work = plus(sum.work, one.work);
                sum.add(proc, pid, &one);
            }
        }
        sum
    }

    fn add(&mut self, proc: BorrowedFd<'_>, pid: i32, one: &One) {
        self.total += one.threads;
        if one.threads > 1 {
            let dir = format!("{pid}/task");
            let threads =
                root::open(proc, Path::new(&dir), root::Open::Directory).and_then(fs::list).unwrap_or_default();
            for thread in threads.into_iter().take(MOST_THREADS).filter_map(|(name, _)| name.into_string().ok()) {
                let stat = text(proc, &format!("{dir}/{thread}/stat"));
                self.count(stat.and_then(|stat| One::read(&stat)).map_or(' ', |one| one.state));
            }
        } else {
            self.count(one.state);
        }
        self.anonymous +=
            text(proc, &format!("{pid}/statm")).and_then(|statm| own_pages(&statm)).unwrap_or(0) * page_size();
    }

    fn count(&mut self, state: char) {
        self.running += u64::from(state == 'R');
        self.blocked += u64::from(state == 'D');
    }
}

fn text(proc: BorrowedFd<'_>, path: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&root::read(proc, Path::new(path)).ok()?).into_owned())
}

/// The line of one process or thread.
#[derive(Debug, PartialEq, Eq)]
struct One {
    state: char,
    work: Work,
    /// Of its children that it has waited for.
    ended: Work,
    threads: u64,
}

impl One {
    fn read(stat: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, and may contain anything.
        let rest = stat.rsplit_once(')')?.1;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let work = |user: usize, system: usize| {
            Some(Work { user: Ticks(field(user)?), nice: Ticks(0), system: Ticks(field(system)?) })
        };
        Some(Self {
            state: fields.first()?.chars().next()?,
            work: work(14, 15)?,
            ended: work(16, 17)?,
            threads: field(20)?,
        })
    }
}

/// Resident pages without those of files and of shared memory.
fn own_pages(statm: &str) -> Option<u64> {
    let mut fields = statm.split_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = fields.next().zip(fields.next())?;
    Some(resident.ok()?.saturating_sub(shared.ok()?))
}

fn page_size() -> u64 {
    u64::try_from(crate::sys::system::page_size()).unwrap_or(4096)
}

fn plus(a: Work, b: Work) -> Work {
    let sum = |a: Ticks, b: Ticks| Ticks(a.0.saturating_add(b.0));
    Work { user: sum(a.user, b.user), nice: sum(a.nice, b.nice), system: sum(a.system, b.system) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_anything() {
        let stat = "77 (a) R (b) D 1 77 77 0 -1 4194304 100 200 0 0 5 6 70 80 20 0 3 0 1234 4096 1 0";
        let work = |user, system| Work { user: Ticks(user), nice: Ticks(0), system: Ticks(system) };
        assert_eq!(One::read(stat), Some(One { state: 'D', work: work(5, 6), ended: work(70, 80), threads: 3 }));
        assert_eq!((One::read(""), One::read("1 (x"), One::read("1 (x) R 1")), (None, None, None));
        assert_eq!((own_pages("100 30 10 1 0 1 0\n"), own_pages("")), (Some(20), None));
    }

    #[test]
    fn this_one_is_among_them() {
        let proc = root::open_absolute(Path::new("/proc"), root::Open::Directory).unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        let (with, without) = (Tasks::read(&proc, None), Tasks::read(&proc, Some(me)));
        assert!(with.running >= 1 && with.total > 1 && with.anonymous > 0, "{with:?}");
        assert!(with.work.total() > Ticks(0) && without.total > 0, "{without:?}");
    }
}
