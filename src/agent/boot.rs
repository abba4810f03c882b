//! Waiting, in a system box, until its init has started all that it is to start.
//!
//! From inside, since that is where the processes and files are that tell; as root of the box, who sees them all.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::sys::poll;

/// What is waited for.
#[derive(Debug, Args)]
pub(super) struct Booted {
    /// The file that is there as soon as it is known; made by this program where the init does not say so itself
    #[arg(long)]
    mark: PathBuf,
    /// Seconds to wait at the most
    #[arg(long)]
    within: u64,
    /// By what it is seen
    #[arg(long)]
    by: Sign,
    /// Names of processes
    names: Vec<String>,
}

/// By what it is seen that a box has booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sign {
    /// OpenRC's files.
    Runlevel,
    /// A process of one of the names runs.
    Process,
    /// None does, and none has for a moment.
    Settled,
}

/// How often it is looked.
const LOOKS: Duration = Duration::from_millis(10);

/// How long nothing is started between two runlevels, at the most.
const MOMENT: Duration = Duration::from_millis(300);

const SOFTLEVEL: &str = "/run/openrc/softlevel";
const STARTING: &str = "/run/openrc/rc.starting";

/// Waits. The result is 0 as soon as it has booted, and 1 if it has not in time.
///
/// # Errors
/// That the mark cannot be made.
pub(super) fn wait(wanted: &Booted) -> io::Result<u8> {
    let begun = Instant::now();
    let mut since = begun;
    loop {
        if wanted.mark.exists() {
            return Ok(0);
        }
        let seen = match wanted.by {
            Sign::Runlevel => is_default_runlevel(),
            Sign::Process => any_runs(&wanted.names),
            Sign::Settled => {
                if any_runs(&wanted.names) {
                    since = Instant::now();
                }
                since.elapsed() >= MOMENT
            }
        };
        if seen {
            return make(&wanted.mark).map(|()| 0);
        }
        if begun.elapsed() >= Duration::from_secs(wanted.within) {
            return Ok(1);
        }
        poll::wait(&[], Some(LOOKS))?;
    }
}

fn make(mark: &Path) -> io::Result<()> {
    match fs::File::options().write(true).create_new(true).mode(0o644).open(mark) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Whether OpenRC has reached its usual runlevel.
fn is_default_runlevel() -> bool {
    let level = fs::read_to_string(SOFTLEVEL).unwrap_or_default();
    level.trim() == "default" && !Path::new(STARTING).exists()
}

/// Whether a process of one of these names (proc_pid_comm(5)) runs.
fn any_runs(names: &[String]) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    let pids = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    let mut comms = pids.filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok());
    comms.any(|comm| names.iter().any(|name| name == comm.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(by: Sign, within: u64, names: &[&str]) -> (tempfile::TempDir, Booted) {
        let dir = tempfile::tempdir().unwrap();
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let wanted = Booted { mark: dir.path().join("booted"), within, by, names };
        (dir, wanted)
    }

    #[test]
    fn what_is_known_already_is_not_looked_for() {
        let (_dir, wanted) = wanted(Sign::Process, 0, &["no such process"]);
        assert_eq!(wait(&wanted).unwrap(), 1);
        fs::write(&wanted.mark, "").unwrap();
        assert_eq!(wait(&wanted).unwrap(), 0);
    }

    #[test]
    fn processes_tell_by_their_names() {
        // This test's own process has a name that is the program's.
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        let (_dir, runs) = wanted(Sign::Process, 0, &[own.trim_end()]);
        assert_eq!((wait(&runs).unwrap(), runs.mark.exists()), (0, true));
        let (_dir, none) = wanted(Sign::Process, 0, &["no such process"]);
        assert_eq!((wait(&none).unwrap(), none.mark.exists()), (1, false));
        let (_dir, busy) = wanted(Sign::Settled, 0, &[own.trim_end()]);
        assert_eq!(wait(&busy).unwrap(), 1);
        let (_dir, quiet) = wanted(Sign::Settled, 5, &["no such process"]);
        assert_eq!((wait(&quiet).unwrap(), quiet.mark.exists()), (0, true));
    }
}
