//! The limits that are in force in a box, and what enforces them.

use std::path::Path;

use crate::commands::group;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::limits::enforce::{self, Enforced, Machine};
use crate::limits::{Events, Group};
use crate::plan::Bounds;
use crate::recipe::BoxName;
use crate::recipe::settings::{Enforce, Home, Limits};
use crate::store::StoredBox;

/// The limits of a box that is up.
#[derive(Debug)]
pub(in crate::commands) struct Force {
    /// The limits.
    pub(in crate::commands) limits: Limits,
    /// The box's cgroup, where it has one.
    pub(in crate::commands) group: Option<Group>,
    /// What of the machine decides about them.
    pub(in crate::commands) machine: Machine,
    place: u64,
}

impl Force {
    /// Those of a box that is up, with these limits. One without costs no more than to see that.
    pub(in crate::commands) fn of(context: &Context<'_>, name: &BoxName, limits: Limits) -> Self {
        let group = || context.store.runtime(name).recorded()?.group.map(Group::at);
        let group = if limits.is_empty() { None } else { group() };
        let has_disks = !limits.io.is_empty() && !disks(context, name, &limits).is_empty();
        let controllers = group.as_ref().map(|group| group.controllers.clone()).unwrap_or_default();
        let machine = if limits.is_empty() { Machine::default() } else { Machine::here(controllers, has_disks) };
        Self { limits, group, machine, place: place(name) }
    }

    /// Those that a box would have if it were started on this machine.
    pub(super) fn expected(limits: Limits, machine: Machine, name: &BoxName) -> Self {
        Self { limits, group: None, machine, place: place(name) }
    }

    /// What each process of a session has to keep to by itself.
    pub(in crate::commands) fn bounds(&self) -> Bounds {
        enforce::bounds(&self.limits, &self.machine, self.place)
    }

    /// The limits as the box's cgroup is to have them.
    pub(in crate::commands) fn of_group(&self) -> Limits {
        enforce::of_group(&self.limits, &self.machine, self.place)
    }

    /// Each limit, and what enforces it.
    pub(in crate::commands) fn enforced(&self) -> Vec<Enforced> {
        enforce::enforced(&self.limits, &self.machine)
    }

    /// What has happened to the box because of them.
    pub(in crate::commands) fn events(&self) -> Events {
        self.group.as_ref().map(|group| Events::read(&group.limited())).unwrap_or_default()
    }
}

/// What decides which of the processors a box gets.
pub(in crate::commands) fn place(name: &BoxName) -> u64 {
    enforce::place(name.as_str())
}

/// The disks that a box reads and writes, for one whose reading or writing is limited.
pub(in crate::commands) fn disks(context: &Context<'_>, name: &BoxName, limits: &Limits) -> Vec<String> {
    if limits.io.is_empty() {
        return Vec::new();
    }
    let upper = context.store.box_upper(name);
    let home = context.store.open_box(name).is_ok_and(|stored| stored.config.home == Home::Host);
    let home = home.then_some(context.host.user.home.as_path());
    let dirs: Vec<&Path> = std::iter::once(upper.as_path()).chain(home).collect();
    crate::limits::disks(&dirs)
}

/// Says of a box that is about to be started which of its limits this machine does not enforce as they are meant.
///
/// # Errors
/// There are such, and the user wants all or nothing; some under which nothing could run.
pub(in crate::commands) fn announce(context: &Context<'_>, stored: &StoredBox, machine: &Machine) -> Result<()> {
    let limits = &stored.config.limits;
    limits.check().map_err(|little| {
        let flag = little.keys.join("-");
        Error::new(little).hint(format!("envbox limit {} --{flag} none   lifts it", stored.name))
    })?;
    let Some(complaint) = enforce::complaint(&enforce::enforced(limits, machine)) else { return Ok(()) };
    if limits.enforce == Some(Enforce::Require) {
        return Err(refused(&stored.name, &complaint));
    }
    let why = group::lacking(machine);
    context.ui.note(&format!("limits: {complaint} ({why}: envbox doctor)"));
    Ok(())
}

/// That limits cannot be enforced as the user wants them to be.
pub(in crate::commands) fn refused(name: &BoxName, complaint: &str) -> Error {
    Error::new(format!("the limits of the box `{name}` cannot be enforced on this machine: {complaint}"))
        .hint("`envbox doctor` shows what is missing, and the lines that mend it")
        .hint("--limits best-effort   takes the next best")
}
