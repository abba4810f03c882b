//! The cgroup that a box is to have.

use super::{limit, system};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::limits::enforce::{self, Machine};
use crate::limits::{Controller, Ground, Wanted};
use crate::recipe::BoxConfig;
use crate::recipe::settings::{Init, Limits};
use crate::store::StoredBox;

/// Whether a box is to have one: a plain application box pays nothing for what it does not need.
pub(super) fn wanted(config: &BoxConfig) -> bool {
    // Open files are each process's own matter.
    let limits = Limits { nofile: None, ..config.limits.clone() };
    !limits.is_empty() || config.init != Init::None
}

/// What a box that is about to be started wants of cgroups; nothing where it is to have none, or where there is no ground for
/// it. Which of its limits are not enforced is said.
///
/// # Errors
/// A box that cannot do without.
pub(super) fn of(context: &Context<'_>, stored: &StoredBox) -> Result<Option<Wanted>> {
    let found = found(context, stored)?;
    if found.is_none()
        && let Some(init) = system::init(context, stored)?.filter(|init| init.needs_cgroup)
    {
        let reason = Ground::find(context.host).err().map(|reason| format!(": {reason}")).unwrap_or_default();
        let (name, kind) = (&stored.name, init.kind);
        let error = format!("`{name}` has {kind} as its init, which needs a cgroup that is yours{reason}");
        return Err(Error::new(error).hint("envbox doctor --cgroup shows how to have one"));
    }
    limit::announce(context, stored, &seen(stored, found.as_ref()))?;
    Ok(found)
}

/// The same, with nothing said.
///
/// # Errors
/// A box that cannot do without.
pub(super) fn found(context: &Context<'_>, stored: &StoredBox) -> Result<Option<Wanted>> {
    if !wanted(&stored.config) {
        return Ok(None);
    }
    let Ok(ground) = Ground::find(context.host) else {
        return Ok(None);
    };
    let limits = &stored.config.limits;
    let disks = limit::disks(context, &stored.name, limits);
    let machine = Machine::here(ground.controllers.clone(), !disks.is_empty());
    let limits = enforce::of_group(limits, &machine, limit::place(&stored.name));
    let name = context.store.runtime(&stored.name).cgroup_name();
    Ok(Some(Wanted { ground, name, limits, disks }))
}

/// What of this machine decides how the limits of a box would be enforced.
///
/// # Errors
/// As [`found`].
pub(super) fn machine(context: &Context<'_>, stored: &StoredBox) -> Result<Machine> {
    Ok(seen(stored, found(context, stored)?.as_ref()))
}

fn seen(stored: &StoredBox, found: Option<&Wanted>) -> Machine {
    if stored.config.limits.is_empty() {
        return Machine::default();
    }
    let controllers = found.map(|found| found.ground.controllers.clone()).unwrap_or_default();
    Machine::here(controllers, found.is_some_and(|found| !found.disks.is_empty()))
}

/// What of cgroups a machine does not give to a box.
pub(super) fn lacking(machine: &Machine) -> String {
    let lacking = Controller::ALL.into_iter().filter(|controller| !machine.controllers.contains(controller));
    let names: Vec<&str> = lacking.map(Controller::name).collect();
    match names.len() {
        5 => "this machine gives the box no controllers".to_owned(),
        0 => "this machine".to_owned(),
        _ => format!("this machine gives the box no controller for {}", names.join(", ")),
    }
}
