//! Changing the limits of a box that is up.

use super::force::{self, Force};
use crate::commands::{group, system};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::launch::{Live, bounds};
use crate::limits::enforce::{self, Machine};
use crate::limits::{Group, Members, Usage};
use crate::recipe::BoxName;
use crate::recipe::settings::{Enforce, Limits};
use crate::store::{KeeperRecord, StoredBox};
use crate::sys::process::Pid;

/// Gives a box that is up other limits. What it cannot be given while it runs is said. Under the box's lock.
///
/// # Errors
/// Limits that cannot be enforced, where the user wants all or nothing; a memory limit that what runs in the box does not
/// fit into; the kernel's.
pub(super) fn change(context: &Context<'_>, stored: &StoredBox, live: &Live, limits: Limits) -> Result<()> {
    let name = &stored.name;
    let runtime = context.store.runtime(name);
    let record =
        runtime.recorded().ok_or_else(|| Error::new(format!("the box `{name}` has no record of its keeper")))?;
    let mut members = Members::new(record.pid_namespace, live.pid);
    let before = Force::of(context, name, runtime.limits());
    let disks = force::disks(context, name, &limits);
    let group = match &record.group {
        Some(dir) => Some(Group::at(dir.clone())),
        None => adopted(context, stored, &record, &limits, &mut members)?,
    };
    let controllers = group.as_ref().map(|group| group.controllers.clone()).unwrap_or_default();
    let after = Force::expected(limits, Machine::here(controllers, !disks.is_empty()), name);
    if let Some(complaint) = enforce::complaint(&after.enforced()) {
        if after.limits.enforce == Some(Enforce::Require) {
            return Err(force::refused(name, &complaint));
        }
        context.ui.note(&format!("limits: {complaint} ({}: envbox doctor)", group::lacking(&after.machine)));
    }
    if let Some(group) = &group {
        fits(name, group, &after.limits, &mut members)?;
        group.limit(&after.of_group(), &disks).map_err(Error::new)?;
    }
    live.show(&after.limits, name.as_str())?;
    live.bind_next(&after.bounds())?;
    bind(context, stored, (&before, &after), &members.list());
    if before.limits.view.unwrap_or_default() != after.limits.view.unwrap_or_default() {
        context.ui.note("view: the box has it at its next start");
    }
    Ok(())
}

/// Changes what each process has to keep to by itself.
fn bind(context: &Context<'_>, stored: &StoredBox, (before, after): (&Force, &Force), running: &[Pid]) {
    let (old, new) = (before.bounds(), after.bounds());
    if old.processors != new.processors {
        let all = &after.machine.processors;
        bounds::move_to(running, if new.processors.is_empty() { all } else { &new.processors });
    }
    let lifted = [(old.memory, new.memory), (old.pids, new.pids), (old.nofile, new.nofile)];
    let lifted = lifted.iter().any(|(old, new)| old.is_some() && new.is_none());
    let kept = if lifted { running.len() } else { bounds::apply_to(running, &new) };
    if kept > 0 {
        let others = if system::is_one(&stored.config) { "sessions, and the init after a reboot," } else { "sessions" };
        context.ui.note(&format!(
            "{kept} processes that run already keep the limits they have, which only the machine's root could raise, and \
             so does what they start; {others} have the new ones from now on"
        ));
    }
}

/// A limit below what is in use would have the kernel kill at once.
fn fits(name: &BoxName, group: &Group, limits: &Limits, members: &mut Members) -> Result<()> {
    let Some(memory) = limits.memory else { return Ok(()) };
    let used = Usage::read(Some(&group.limited()), members);
    // What is cached of files goes without anybody's noticing.
    let needed = members.usage().memory.min(used.memory);
    if !used.summed.contains(&"memory") && needed > memory.0 {
        let needed = crate::ui::size(needed);
        return Err(Error::new(format!(
            "what runs in the box `{name}` needs {needed}, and would be killed with {memory}"
        ))
        .hint(format!("envbox stop {name}, and the next start has the new limit: box.yaml, `limits`")));
    }
    Ok(())
}

/// A cgroup for a box that was started without, where there is ground for one: what runs in it is moved there.
fn adopted(
    context: &Context<'_>,
    stored: &StoredBox,
    record: &KeeperRecord,
    limits: &Limits,
    members: &mut Members,
) -> Result<Option<Group>> {
    let mut stored = stored.clone();
    stored.config.limits = Limits { enforce: None, ..limits.clone() };
    let Some(wanted) = group::found(context, &stored)? else { return Ok(None) };
    let runtime = context.store.runtime(&stored.name);
    runtime.note_group(&wanted.dir())?;
    let group = Group::make(&wanted).map_err(Error::new)?;
    if !moved(context, &group, members) {
        // Nobody is in there.
        crate::limits::remove(&wanted.dir()).map_err(Error::new)?;
        return Ok(None);
    }
    let group_dir = Some(group.dir().to_owned());
    runtime.record(&KeeperRecord { group: group_dir, ..record.clone() })?;
    Ok(Some(group))
}

/// How often the box is looked through for processes that were started while others were moved.
const ROUNDS: u32 = 10;

/// Moves all that runs in the box; `false` where this user may move none of it. What was started from another login than this
/// one may be in a cgroup that the kernel lets nobody but root take it out of.
fn moved(context: &Context<'_>, group: &Group, members: &mut Members) -> bool {
    let mut there: Vec<Pid> = Vec::new();
    let mut left = 0;
    for _ in 0..ROUNDS {
        let new: Vec<Pid> = members.list().into_iter().filter(|pid| !there.contains(pid)).collect();
        let (taken, refused): (Vec<Pid>, Vec<Pid>) = new.into_iter().partition(|pid| group.take(*pid).is_ok());
        left = refused.len();
        if taken.is_empty() {
            break;
        }
        there.extend(taken);
    }
    if left > 0 && !there.is_empty() {
        context
            .ui
            .warning(&format!("{left} processes of the box cannot be moved to its cgroup, and stay without limits"));
    }
    left == 0 || !there.is_empty()
}
