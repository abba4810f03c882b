//! Who may map which ids: the range, the helpers, and both together.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::check::{Check, reason};
use super::packages;
use crate::host::{Host, IdHelpers, Range, SubIds};
use crate::sys::probe;
use crate::sys::process::SingleThread;
use crate::userns::{self, IdMap};

pub(super) fn checks(proof: &SingleThread, host: &Host) -> Vec<Check> {
    let helpers = host.id_helpers();
    if let Ok(IdHelpers::Direct) = helpers {
        let map = map_of(host).map_or_else(|check| *check, |map| map_row(proof, &map, &IdHelpers::Direct));
        return vec![Check::ok("newuidmap", "not needed: root writes maps itself"), map];
    }
    let mut checks: Vec<Check> = ["newuidmap", "newgidmap"].map(|name| program(host, name)).into();
    match map_of(host) {
        Err(check) => checks.push(*check),
        Ok(map) => {
            checks.push(Check::ok("subordinate ids", ranges(host)));
            checks.extend(helpers.ok().map(|helpers| map_row(proof, &map, &helpers)));
        }
    }
    checks
}

/// The map that boxes would have, or the row that says why there is none.
pub(super) fn map_of(host: &Host) -> Result<IdMap, Box<Check>> {
    let ids = match host.id_helpers() {
        Ok(IdHelpers::Direct) => Ok(SubIds::of_root(&host.user)),
        _ => SubIds::of(&host.user),
    };
    match ids {
        Ok(ids) => Ok(IdMap::keep_id(host.user.uid, host.user.gid, ids.uid.start, ids.gid.start)),
        Err(error) => Err(Box::new(Check::missing("subordinate ids", reason(&error)).fix(error.remedy()))),
    }
}

fn ranges(host: &Host) -> String {
    let text = |Range { start, count }: Range| format!("{start}:{count}");
    SubIds::of(&host.user)
        .map_or_else(|error| error.to_string(), |ids| format!("users {}, groups {}", text(ids.uid), text(ids.gid)))
}

/// The whole of it, by the way a box takes.
fn map_row(proof: &SingleThread, map: &IdMap, helpers: &IdHelpers) -> Check {
    match userns::run(proof, map, helpers, |_| Ok::<(), io::Error>(())) {
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
