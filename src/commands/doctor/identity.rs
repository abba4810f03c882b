//! Who may map which ids: the range, the helpers, and both together.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::check::{Check, reason};
use super::packages;
use crate::host::{Host, SubIds};
use crate::sys::probe;
use crate::sys::process::SingleThread;
use crate::userns::{self, IdHelpers, Identity, IdentityError};

pub(super) fn checks(proof: &SingleThread, host: &Host) -> Vec<Check> {
    if host.id_helpers() == Ok(IdHelpers::Direct) {
        let map = Identity::of(host).map_or_else(|error| missing(&error), |identity| map_row(proof, &identity));
        return vec![Check::ok("newuidmap", "not needed: root writes maps itself"), map];
    }
    let mut checks: Vec<Check> = ["newuidmap", "newgidmap"].map(|name| program(host, name)).into();
    match Identity::of(host) {
        // The rows above have said so.
        Err(IdentityError::NoHelper(_)) => {
            checks.extend(SubIds::of(&host.user).err().map(|error| missing(&error.into())));
        }
        Err(error) => checks.push(missing(&error)),
        Ok(identity) => {
            checks.push(Check::ok("subordinate ids", ranges(host)));
            checks.push(map_row(proof, &identity));
        }
    }
    checks
}

/// The row that says why there is no map.
fn missing(error: &IdentityError) -> Check {
    let row = Check::missing("subordinate ids", reason(error));
    match error {
        IdentityError::SubIds(error) => row.fix(error.remedies().join("\n")),
        IdentityError::NoHelper(_) => row,
    }
}

fn ranges(host: &Host) -> String {
    SubIds::of(&host.user)
        .map_or_else(|error| error.to_string(), |ids| format!("users {}, groups {}", ids.uid, ids.gid))
}

/// The whole of it, by the way a box takes.
fn map_row(proof: &SingleThread, identity: &Identity) -> Check {
    match userns::run(proof, identity, |_| Ok::<(), io::Error>(())) {
        Ok(()) => Check::ok("id map", "written, and root inside"),
        Err(error) => Check::missing("id map", reason(&error)),
    }
}

fn program(host: &Host, name: &'static str) -> Check {
    let Some(path) = host.find_program(name) else {
        return Check::missing(name, "not found").fix(packages::install_uidmap(host));
    };
    match is_privileged(&path) {
        Ok(true) => Check::ok(name, path.display().to_string()),
        Ok(false) => Check::missing(name, format!("{} has no privilege to write maps", path.display()))
            .fix(format!("sudo chmod u+s {}", path.display())),
        Err(error) => Check::warning(name, format!("{}: {error}", path.display())),
    }
}

/// Distributions give the right either by the setuid bit or by a file capability.
fn is_privileged(path: &Path) -> io::Result<bool> {
    const SETUID: u32 = 0o4000;
    let found = path.metadata()?;
    Ok((found.uid() == 0 && found.mode() & SETUID != 0) || probe::has_capabilities(path)?)
}
