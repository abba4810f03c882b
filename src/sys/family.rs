//! Which process descends from which, as proc has it (proc_pid_stat(5)).

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::process::Pid;
use super::root::{self, Open};
use super::{fs, process};

/// The parents of all processes that a mounted proc shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Family(BTreeMap<i32, i32>);

impl Family {
    /// Reads it from an open `/proc`. Processes come and go meanwhile: who is not there any more is left out.
    ///
    /// # Errors
    /// getdents(2)'s.
    pub fn read(proc: impl AsFd) -> io::Result<Self> {
        let pids = fs::list(&proc)?.into_iter().filter_map(|(name, _)| name.to_str()?.parse::<i32>().ok());
        Ok(Self(pids.filter_map(|pid| Some((pid, parent(&proc, pid)?))).collect()))
    }

    /// The same, of the proc in its usual place.
    ///
    /// # Errors
    /// As [`Family::read`]; open(2)'s.
    pub fn here() -> io::Result<Self> {
        let proc: OwnedFd = root::open_absolute(Path::new("/proc"), Open::Directory)?;
        Self::read(&proc)
    }

    /// Whether a process descends from another.
    pub fn descends(&self, pid: Pid, from: Pid) -> bool {
        let mut at = pid.as_raw();
        // No longer than there are processes: what was read of one that has ended may belong to another of its number.
        for _ in 0..self.0.len() {
            match self.0.get(&at) {
                Some(&parent) if parent == from.as_raw() => return true,
                Some(&parent) => at = parent,
                None => return false,
            }
        }
        false
    }

    /// All descendants of a process.
    pub fn of(&self, ancestor: Pid) -> Vec<Pid> {
        let all = self.0.keys().map(|&pid| Pid::from_raw(pid));
        all.filter(|&pid| pid != process::own_pid() && self.descends(pid, ancestor)).collect()
    }
}

/// Field 4. The second one is the program's name in parentheses, and may contain anything.
fn parent(proc: impl AsFd, pid: i32) -> Option<i32> {
    let stat = root::read(proc, Path::new(&format!("{pid}/stat"))).ok()?;
    let name_ends = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = String::from_utf8_lossy(stat.get(name_ends + 1..)?);
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(parents: &[(i32, i32)]) -> Family {
        Family(parents.iter().copied().collect())
    }

    #[test]
    fn descendants_of_any_degree() {
        let family = family(&[(1, 0), (2, 1), (3, 2), (4, 3), (5, 1), (900_001, 900_002), (900_002, 900_001)]);
        assert_eq!(family.of(Pid::from_raw(2)), [3, 4].map(Pid::from_raw));
        assert!(!family.descends(Pid::from_raw(2), Pid::from_raw(2)));
        assert!(!family.descends(Pid::from_raw(900_001), Pid::from_raw(1)), "a circle has an end");
    }

    #[test]
    fn the_real_one() {
        let family = Family::here().unwrap();
        assert!(family.descends(process::own_pid(), process::parent()));
    }
}
