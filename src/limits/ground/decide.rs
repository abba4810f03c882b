//! From a machine's facts to a rung.

use std::ffi::OsStr;
use std::path::Path;

use super::{Controller, Ground, NoGround, OUTSIDE, Rung};
use crate::host::{Cgroups, Group};

pub(super) fn decide(facts: &Cgroups) -> Result<Ground, NoGround> {
    let elsewhere = Controller::parse_version_1(&facts.version_1);
    let ground = |rung, group: &Group| Ground {
        rung,
        base: group.path.clone(),
        controllers: Controller::parse(&group.controllers),
        elsewhere: elsewhere.clone(),
    };
    if let Some(group) = ours(&facts.own) {
        let prepared = facts.prepared.as_ref().is_some_and(|prepared| prepared.path == group.path);
        let rung = match (elsewhere.is_empty(), prepared) {
            (false, _) => Rung::Hybrid,
            (true, true) => Rung::Prepared,
            (true, false) => Rung::Own,
        };
        return Ok(ground(rung, group));
    }
    match &facts.manager {
        Some(manager) => Ok(ground(Rung::UserManager, &manager.group)),
        None => Err(reason(facts, !elsewhere.is_empty())),
    }
}

/// The group that boxes' groups can be made in: this process's own, or the one above if it has been put aside in a leaf.
fn ours(own: &[Group]) -> Option<&Group> {
    let chain = match own {
        [leaf, above @ ..] if leaf.path.ends_with(OUTSIDE) => above,
        own => own,
    };
    chain.first().filter(|group| group.writable && unit(chain).is_none_or(|unit| unit.delegated))
}

/// The innermost group that is one of systemd's units, by its name. All below it is whatever the unit has made of it; what is
/// below one that was not handed over is systemd's to change, though this user may own it, as with all of `user@.service`.
fn unit(chain: &[Group]) -> Option<&Group> {
    let is_unit = |name: &OsStr| {
        let kind = Path::new(name).extension();
        kind.is_some_and(|kind| ["scope", "service", "slice"].iter().any(|known| kind == *known))
    };
    chain.iter().find(|group| group.path.file_name().is_some_and(is_unit))
}

fn reason(facts: &Cgroups, version_1: bool) -> NoGround {
    let Some(mount) = &facts.mount else {
        return if version_1 { NoGround::VersionOne } else { NoGround::NotMounted };
    };
    match (facts.own.first(), &facts.prepared) {
        (_, Some(prepared)) if prepared.writable => NoGround::NotPlaced(prepared.path.clone()),
        (None, _) => NoGround::NotShown(mount.clone()),
        (Some(own), _) if own.writable => NoGround::NotDelegated(own.path.clone()),
        (Some(own), _) => NoGround::NotWritable(own.path.clone()),
    }
}
