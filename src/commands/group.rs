//! The cgroup that a box is to have.

use super::{identity, limit, live, system};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::launch;
use crate::limits::enforce::{self, Machine};
use crate::limits::{Controller, Ground, Wanted};
use crate::plan::Bounds;
use crate::recipe::settings::{Init, Limits};
use crate::recipe::{BoxConfig, BoxName};
use crate::store::{self, StoredBox};

/// Whether a box is to have one: a plain application box pays nothing for what it does not need.
pub(super) fn wanted(config: &BoxConfig) -> bool {
    // Open files are each process's own matter.
    let limits = Limits { nofile: None, ..config.limits.clone() };
    !limits.is_empty() || config.init != Init::None
}

/// Removes the cgroup of a box that has died, with all that is left in it. Under the box's lock; nobody's keeper is up.
///
/// # Errors
/// Whatever keeps it from going.
pub(super) fn clear(context: &Context<'_>, name: &BoxName) -> Result<()> {
    let runtime = context.store.runtime(name);
    let Some(dir) = runtime.noted_group() else { return Ok(()) };
    if dir.exists() {
        launch::remove_group(&live::proof()?, &identity::of(context)?, &dir)?;
    }
    Ok(runtime.forget_group()?)
}

/// The same for a box of which nothing is known: one that is up, or about to be, is left alone.
///
/// # Errors
/// As [`clear`].
pub(super) fn clear_if_dead(context: &Context<'_>, name: &BoxName) -> Result<()> {
    let runtime = context.store.runtime(name);
    if runtime.noted_group().is_none() || launch::is_up(&runtime) {
        return Ok(());
    }
    match runtime.try_lock()? {
        Some(_lock) if !launch::is_up(&runtime) => clear(context, name),
        // Whoever has it sees to that.
        _ => Ok(()),
    }
}

/// The same for all boxes. What cannot be removed is said and left alone.
pub(super) fn clear_dead(context: &Context<'_>) {
    for name in store::box_names(context.store.data()) {
        if let Err(error) = clear_if_dead(context, &name) {
            let texts: Vec<String> = error.chain().map(ToString::to_string).collect();
            context.ui.warning(&format!("cannot remove what `{name}` has left: {}", texts.join(": ")));
        }
    }
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

/// What each process of a box is left to keep to, where its cgroup is to be that of `found`.
pub(super) fn bounds(stored: &StoredBox, found: Option<&Wanted>) -> Bounds {
    enforce::bounds(&stored.config.limits, &seen(stored, found), limit::place(&stored.name))
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
