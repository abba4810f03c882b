//! What boxes with a network or limits of their own will want.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::check::Check;
use crate::host::Host;
use crate::sys::probe;

/// `CGROUP2_SUPER_MAGIC` (`linux/magic.h`).
const CGROUP2: u64 = 0x6367_7270;

pub(super) fn checks(host: &Host) -> Vec<Check> {
    vec![tun(), cgroup(host)]
}

/// Needed by private networks only.
fn tun() -> Check {
    const NAME: &str = "/dev/net/tun";
    match OpenOptions::new().read(true).write(true).open(NAME) {
        Ok(_) => Check::ok(NAME, "can be opened"),
        Err(error) => {
            let fix = if Path::new(NAME).exists() { "sudo chmod 0666 /dev/net/tun" } else { "sudo modprobe tun" };
            Check::warning(NAME, format!("{error}; only private networks need it")).fix(fix)
        }
    }
}

/// Whether there is a cgroup that limits can be set in: this process's own, or one that the user's systemd would give.
fn cgroup(host: &Host) -> Check {
    const NAME: &str = "cgroup";
    let Some(own) = own_cgroup() else {
        return Check::warning(NAME, "no version 2 hierarchy: limits cannot be set");
    };
    if probe::writable(&own) && probe::writable(&own.join("cgroup.procs")) {
        return Check::ok(NAME, format!("{} is delegated", own.display()));
    }
    let bus = host.var("XDG_RUNTIME_DIR").map(|dir| Path::new(dir).join("systemd/private"));
    if bus.is_some_and(|bus| bus.exists()) {
        return Check::ok(NAME, "the user's systemd can delegate one");
    }
    Check::warning(NAME, "none is delegated: limits cannot be set")
        .fix("systemd-run --user --scope -p Delegate=yes $SHELL")
}

/// The directory of this process's cgroup in the version 2 hierarchy, wherever that is (cgroups(7)).
fn own_cgroup() -> Option<PathBuf> {
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    let root = mounts.into_iter().find(|dir| probe::file_system(dir).is_ok_and(|found| found.magic == CGROUP2))?;
    let listing = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = listing.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(root.join(path))
}
