//! Giving controllers to the groups of a directory.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::{Controller, Ground};

/// The leaf for the processes of a ground that are not in boxes: a group that gives controllers to those in it has no
/// processes of its own (cgroup-v2.rst, "No Internal Process Constraint").
pub const OUTSIDE: &str = "envbox-outside";

impl Ground {
    /// Gives the groups in the base these controllers, each by itself, so that one that is refused costs no other. Processes
    /// that are in the base itself are put into its leaf [`OUTSIDE`] where they stand in the way.
    ///
    /// Returns those of `wanted` that the groups then have.
    ///
    /// # Errors
    /// What the kernel says to reading `cgroup.subtree_control`, and to moving processes.
    pub fn enable(&self, wanted: &[Controller]) -> io::Result<Vec<Controller>> {
        let control = self.base.join("cgroup.subtree_control");
        for &controller in wanted.iter().filter(|one| self.controllers.contains(one)) {
            let give = || fs::write(&control, format!("+{}", controller.name()));
            if give().is_err_and(|error| error.kind() == ErrorKind::ResourceBusy) {
                put_aside(&self.base)?;
                // What still refuses it is seen below.
                let _ = give();
            }
        }
        let given = fs::read_to_string(&control)?;
        let has = |one: &&Controller| given.split_whitespace().any(|name| name == one.name());
        Ok(wanted.iter().filter(has).copied().collect())
    }
}

/// Moves all processes of a group into its leaf.
fn put_aside(base: &Path) -> io::Result<()> {
    /// Processes fork while they are being moved, and a child is where its parent was.
    const ROUNDS: usize = 16;
    let leaf = base.join(OUTSIDE);
    match fs::create_dir(&leaf) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    for _ in 0..ROUNDS {
        let listing = fs::read_to_string(base.join("cgroup.procs"))?;
        if listing.is_empty() {
            break;
        }
        for pid in listing.lines() {
            match fs::write(leaf.join("cgroup.procs"), pid) {
                // It has ended meanwhile.
                Err(error) if error.raw_os_error() == Some(ESRCH) => {}
                moved => moved?,
            }
        }
    }
    Ok(())
}

/// kill(2)'s "no such process", for which std has no name.
const ESRCH: i32 = 3;
