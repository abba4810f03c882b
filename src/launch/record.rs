//! The record of a box's keeper, by which it is told from another process that has its number by now.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::Error;
use super::live::{await_end, ended};
use crate::store::{KeeperRecord, Runtime};
use crate::sys::process::{self, Pid};

/// The record of a keeper whose number is its parent's, which made its pid namespace for it, to know.
pub(super) fn of_child(keeper: Pid, group: Option<PathBuf>) -> KeeperRecord {
    let namespace = fs::metadata("/proc/self/ns/pid_for_children").map(|there| there.ino());
    of(keeper, namespace.unwrap_or_default(), group)
}

/// The record of a keeper.
pub(super) fn of(keeper: Pid, pid_namespace: u64, group: Option<PathBuf>) -> KeeperRecord {
    let start_time = start_time(keeper).unwrap_or_default();
    KeeperRecord { pid: keeper.as_raw(), start_time, boot: boot_id(), group, pid_namespace }
}

/// The keeper of a box that is up. Nobody is asked, so a box that is looked at every second may leave all the same.
pub fn keeper_of(runtime: &Runtime) -> Option<KeeperRecord> {
    // One that is dead and was not collected has still all of its record, and no namespaces.
    let lives = |record: &KeeperRecord| stat_field(Pid::from_raw(record.pid), 3).is_some_and(|state| state != "Z");
    let is_it = |record: &KeeperRecord| start_time(Pid::from_raw(record.pid)) == Some(record.start_time);
    runtime.recorded().filter(|record| lives(record) && is_it(record) && record.boot == boot_id())
}

/// Kills the keeper of a box, and with it all that runs there, if it is the one that was recorded.
///
/// # Errors
/// [`Error::Session`].
pub fn kill(runtime: &Runtime, pid: i32) -> Result<(), Error> {
    let fail = |source| Error::Session { what: "kill the box's keeper", source };
    let pid = Pid::from_raw(pid);
    let keeper = process::pidfd_open(pid).map_err(fail)?;
    // After the pidfd was opened the number cannot change hands any more.
    match runtime.recorded() {
        Some(record) if record.pid == pid.as_raw() && start_time(pid) == Some(record.start_time) => {
            ended(await_end(&keeper, Duration::ZERO).map_err(fail)?, pid)
        }
        _ => Err(Error::Silent { pid: pid.as_raw() }),
    }
}

/// The last keeper may have been killed an instant ago, and its processes may still be on their way out. Two overlays
/// on one upper directory corrupt it, so a new one waits until the old one is gone for good: an init's pidfd becomes
/// readable only after all of its pid namespace has ended (pid_namespaces(7)).
pub(super) fn await_last_keeper(runtime: &Runtime) -> Result<(), Error> {
    let fail = |source| Error::Session { what: "wait for the last keeper's end", source };
    let Some(last) = runtime.recorded() else { return Ok(()) };
    let pid = Pid::from_raw(last.pid);
    let Ok(pidfd) = process::pidfd_open(pid) else { return Ok(()) };
    if start_time(pid) != Some(last.start_time) || boot_id() != last.boot {
        return Ok(());
    }
    // One that does not go has no process left but dead ones, and no mount: it waits for those to be collected.
    await_end(&pidfd, Duration::from_millis(500)).map(drop).map_err(fail)
}

/// What tells this boot of the machine from any other (random(4)).
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// When a process started, in clock ticks since boot (proc_pid_stat(5), field 22).
fn start_time(pid: Pid) -> Option<u64> {
    stat_field(pid, 22)?.parse().ok()
}

/// A field of a process's status, by its number in proc_pid_stat(5), from the third on.
fn stat_field(pid: Pid, number: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    process::stat_field(&stat, number).map(str::to_owned)
}
