//! Where the view is computed from: the machine's own files, the box's cgroup, its processes.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cgroups::cgroups;
use super::cpuinfo::cpuinfo;
use super::diskstats::diskstats;
use super::flat::Flat;
use super::load::loadavg;
use super::meminfo::{Numbers, meminfo, only_anonymous};
use super::stat::{Stat, stat};
use super::swaps::swaps;
use super::sysinfo::SysInfo;
use super::tasks::Tasks;
use super::time::{Ticks, Work, uptime};
use super::{File, Processors, Shown, Usage};
use crate::sys::root;

/// Open descriptors, which are read anew each time. All of it is the kernel's: nothing in the box can keep a reader waiting.
#[derive(Debug)]
pub struct Sources {
    /// A proc that nothing is mounted over, of the box's pid namespace.
    proc: OwnedFd,
    /// The directory of the box's cgroup, where it has one.
    group: Option<OwnedFd>,
    /// When the box began.
    start: Ticks,
    /// A process that is in the box, and no part of it.
    but: Option<i32>,
    /// Of the time that processes have used: the most that was ever seen. It must not shrink when one of them ends.
    most: [AtomicU64; 2],
}

impl Sources {
    /// What is read of a box that begins now.
    ///
    /// # Errors
    /// Where `proc` says nothing of the time.
    pub fn new(proc: OwnedFd, group: Option<OwnedFd>) -> io::Result<Self> {
        let new = Self { proc, group, start: Ticks(0), but: None, most: Default::default() };
        Ok(Self { start: new.now()?, ..new })
    }

    /// The same descriptors for another process.
    ///
    /// # Errors
    /// fcntl(2)'s.
    pub fn try_clone(&self) -> io::Result<Self> {
        let group = self.group.as_ref().map(OwnedFd::try_clone).transpose()?;
        Ok(Self { proc: self.proc.try_clone()?, group, start: self.start, but: self.but, most: Default::default() })
    }

    /// Leaves out a process that serves the box.
    pub fn leave_out(&mut self, pid: i32) {
        self.but = Some(pid);
    }

    /// The descriptors, to be kept open.
    pub fn fds(&self) -> impl Iterator<Item = std::os::fd::BorrowedFd<'_>> {
        std::iter::once(self.proc.as_fd()).chain(self.group.iter().map(OwnedFd::as_fd))
    }

    /// A proc of the box's pid namespace.
    pub fn proc(&self) -> std::os::fd::BorrowedFd<'_> {
        self.proc.as_fd()
    }

    /// The moment at which the box began.
    pub fn start(&self) -> Ticks {
        self.start
    }

    /// The time since the machine's start.
    ///
    /// # Errors
    /// Where `proc` does not say it.
    pub fn now(&self) -> io::Result<Ticks> {
        let uptime = self.host("uptime")?;
        uptime.split_whitespace().next().and_then(Ticks::from_seconds).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The processors' time that the box has used.
    pub fn worked(&self) -> Ticks {
        self.work(&mut None).total()
    }

    /// How many of the box's tasks want to run, or wait for a disk.
    pub fn active(&self) -> u64 {
        let tasks = self.tasks();
        tasks.running + tasks.blocked
    }

    /// What a file of the view says now.
    ///
    /// # Errors
    /// `NotFound` for one that this machine does not have; read(2)'s.
    pub fn content(&self, file: File, shown: &Shown) -> io::Result<String> {
        let cpus = || self.cpus(shown);
        Ok(match file {
            File::Cpuinfo => cpuinfo(&self.host("cpuinfo")?, &cpus()),
            File::Meminfo => meminfo(&self.host("meminfo")?, &self.usage(&mut None, shown)),
            File::Stat => self.stat(shown)?,
            File::Uptime => uptime(self.now()?.since(self.start), self.work(&mut None), cpus().count()),
            File::Loadavg => loadavg(shown.load, &self.tasks(), self.last_pid()?),
            File::Swaps => {
                let usage = self.usage(&mut None, shown);
                let numbers = Numbers::read(&meminfo(&self.host("meminfo")?, &usage));
                swaps(&self.host("swaps")?, usage.swap_limit, numbers.swap_total, numbers.swap_free)
            }
            File::Diskstats => diskstats(&self.host("diskstats")?, self.group_file("io.stat").as_deref()),
            File::Cgroups => cgroups(&self.host("cgroups")?),
            File::Online => cpus().online(),
            // The same text, of a group or of the machine (Documentation/accounting/psi.rst).
            File::Pressure(of) => match self.group_file(&format!("{of}.pressure")) {
                Some(text) => text,
                None => self.host(&format!("pressure/{of}"))?,
            },
        })
    }

    /// What sysinfo(2) says now.
    ///
    /// # Errors
    /// read(2)'s.
    pub fn sysinfo(&self, shown: &Shown) -> io::Result<SysInfo> {
        let mut tasks = None;
        let usage = self.usage(&mut tasks, shown);
        let memory = Numbers::read(&meminfo(&self.host("meminfo")?, &usage));
        let threads = match self.group_file("pids.current").and_then(|text| text.trim().parse().ok()) {
            Some(threads) => threads,
            None => tasks.unwrap_or_else(|| self.tasks()).total,
        };
        Ok(SysInfo { uptime: self.now()?.since(self.start).seconds(), load: shown.load, memory, threads })
    }

    fn stat(&self, shown: &Shown) -> io::Result<String> {
        let mut tasks = Some(self.tasks());
        let usage = self.usage(&mut tasks, shown);
        let new = Stat {
            cpus: &self.cpus(shown),
            usage: &usage,
            tasks: &tasks.unwrap_or_default(),
            start: self.start,
            elapsed: self.now()?.since(self.start),
            forks: self.last_pid()?,
        };
        Ok(stat(&self.host("stat")?, &new))
    }

    /// The processors that the box has: those of its cgroup, or those that its processes were bound to.
    fn cpus(&self, shown: &Shown) -> Processors {
        let group = self.group_file("cpuset.cpus.effective").map(|list| Processors::read(&list));
        group.filter(|cpus| !cpus.is_empty()).unwrap_or_else(|| shown.cpus.clone())
    }

    /// `tasks` is read if it has to be, and only once.
    fn usage(&self, tasks: &mut Option<Tasks>, shown: &Shown) -> Usage {
        let number = |name: &str| self.group_file(name).map(|text| text.trim().parse::<u64>().ok());
        let work = self.work(tasks);
        // Where there is a controller its limit counts, and "max" is none.
        let swap_limit = number("memory.swap.max").unwrap_or(shown.swap);
        let swap_used = number("memory.swap.current").flatten().unwrap_or(0);
        let Some(memory_used) = number("memory.current").flatten() else {
            let used = tasks.get_or_insert_with(|| self.tasks()).anonymous;
            let memory_stat = only_anonymous(used);
            return Usage { memory_limit: shown.memory, memory_used: used, memory_stat, swap_limit, swap_used, work };
        };
        let memory_limit = number("memory.max").unwrap_or(shown.memory);
        let memory_stat = Flat::read(&self.group_file("memory.stat").unwrap_or_default());
        Usage { memory_limit, memory_used, memory_stat, swap_limit, swap_used, work }
    }

    fn work(&self, tasks: &mut Option<Tasks>) -> Work {
        if let Some(text) = self.group_file("cpu.stat") {
            let stat = Flat::read(&text);
            let nice = stat.get("nice_usec");
            let user = stat.get("user_usec").saturating_sub(nice);
            let [user, nice, system] = [user, nice, stat.get("system_usec")].map(Ticks::from_micros);
            return Work { user, nice, system };
        }
        let seen = tasks.get_or_insert_with(|| self.tasks()).work;
        let most = |most: &AtomicU64, seen: Ticks| Ticks(most.fetch_max(seen.0, Ordering::Relaxed).max(seen.0));
        Work { user: most(&self.most[0], seen.user), nice: Ticks(0), system: most(&self.most[1], seen.system) }
    }

    fn tasks(&self) -> Tasks {
        Tasks::read(&self.proc, self.but)
    }

    /// The newest process id, which is about how many processes the box has ever had: its pid namespace began with it.
    fn last_pid(&self) -> io::Result<u64> {
        let text = self.host("loadavg")?;
        text.split_whitespace().nth(4).and_then(|pid| pid.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// A file of the machine's.
    pub(super) fn host(&self, name: &str) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&root::read(&self.proc, Path::new(name))?).into_owned())
    }

    /// A file of the cgroup's; none where it has no such controller.
    fn group_file(&self, name: &str) -> Option<String> {
        let bytes = root::read(self.group.as_ref()?, Path::new(name)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::FILES;
    use super::*;

    fn sources(group: Option<&[(&str, &str)]>) -> (Sources, Option<tempfile::TempDir>) {
        let open = |path: &Path| root::open_absolute(path, root::Open::Directory).unwrap();
        let dir = group.map(|files| {
            let dir = tempfile::tempdir().unwrap();
            files.iter().for_each(|(name, text)| std::fs::write(dir.path().join(name), text).unwrap());
            dir
        });
        (Sources::new(open(Path::new("/proc")), dir.as_ref().map(|dir| open(dir.path()))).unwrap(), dir)
    }

    fn shown() -> Shown {
        Shown { memory: Some(64 << 20), swap: Some(0), cpus: Processors::read("0"), load: [0; 3] }
    }

    #[test]
    fn every_file_without_a_cgroup() {
        let (sources, _) = sources(None);
        for (file, _, at) in FILES.iter().filter(|(_, _, at)| Path::new(at).exists()) {
            let text = sources.content(*file, &shown()).unwrap();
            assert!(text.ends_with('\n') || text.is_empty(), "{at}: {text}");
        }
        let meminfo = sources.content(File::Meminfo, &shown()).unwrap();
        assert!(meminfo.starts_with("MemTotal:          65536 kB\n"), "{meminfo}");
        assert_eq!(sources.content(File::Online, &shown()).unwrap(), "0\n");
        let again = sources.content(File::Uptime, &shown()).unwrap();
        assert!(again.starts_with("0.") || again.starts_with("1."), "{again}");
        let stat = sources.content(File::Stat, &shown()).unwrap();
        assert!(stat.contains("\ncpu0 ") && !stat.contains("\ncpu1 "), "{stat}");
    }

    /// The files of a cgroup that has all controllers: their format is the kernel's, and this machine may have none.
    #[test]
    fn a_cgroup_counts_more_than_what_was_asked_for() {
        let (sources, _dir) = sources(Some(&[
            ("memory.current", "10485760\n"),
            ("memory.max", "33554432\n"),
            ("memory.stat", "anon 4194304\ninactive_file 2097152\n"),
            ("memory.swap.max", "max\n"),
            ("memory.swap.current", "0\n"),
            ("cpu.stat", "usage_usec 3500000\nuser_usec 3000000\nsystem_usec 500000\n"),
            ("cpuset.cpus.effective", "0\n"),
            ("io.stat", ""),
            ("pids.current", "7\n"),
            ("cpu.pressure", "some avg10=1.00 avg60=0.00 avg300=0.00 total=5\n"),
        ]));
        let meminfo = sources.content(File::Meminfo, &shown()).unwrap();
        assert!(meminfo.starts_with("MemTotal:          32768 kB\nMemFree:           22528 kB\n"), "{meminfo}");
        assert_eq!(sources.content(File::Diskstats, &shown()).unwrap(), "");
        assert!(sources.content(File::Pressure("cpu"), &shown()).unwrap().starts_with("some avg10=1.00"));
        assert_eq!(sources.worked(), Ticks(350));
        let sysinfo = sources.sysinfo(&shown()).unwrap();
        assert_eq!((sysinfo.threads, sysinfo.memory.total), (7, 32 << 20));
    }
}
