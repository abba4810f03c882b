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
    /// that are in the base itself are put into its leaf [`OUTSIDE`] first.
    ///
    /// Returns those of `wanted` that the groups then have.
    ///
    /// # Errors
    /// What the kernel says to reading `cgroup.subtree_control`, and to moving processes.
    pub fn enable(&self, wanted: &[Controller]) -> io::Result<Vec<Controller>> {
        let control = self.base.join("cgroup.subtree_control");
        let given = fs::read_to_string(&control)?;
        let has = |given: &str, one: Controller| given.split_whitespace().any(|name| name == one.name());
        let lacking = wanted.iter().filter(|one| self.controllers.contains(one) && !has(&given, **one));
        let lacking: Vec<Controller> = lacking.copied().collect();
        // The root of the hierarchy, which alone has no type, may have both.
        if !lacking.is_empty() && self.base.join("cgroup.type").exists() {
            // Not only when the kernel refuses: it lets a group with processes give out those controllers that know threads,
            // and then takes no process into the groups below.
            put_aside(&self.base)?;
        }
        for controller in lacking {
            // Whether it was refused is seen below.
            let _ = fs::write(&control, format!("+{}", controller.name()));
        }
        let given = fs::read_to_string(&control)?;
        Ok(wanted.iter().copied().filter(|&one| has(&given, one)).collect())
    }
}

/// Moves all processes of a group into its leaf, which is made if there are any.
fn put_aside(base: &Path) -> io::Result<()> {
    /// Processes fork while they are being moved, and a child is where its parent was.
    const ROUNDS: usize = 16;
    let leaf = base.join(OUTSIDE);
    for _ in 0..ROUNDS {
        let listing = fs::read_to_string(base.join("cgroup.procs"))?;
        if listing.is_empty() {
            break;
        }
        match fs::create_dir(&leaf) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
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
