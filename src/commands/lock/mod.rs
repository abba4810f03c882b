//! `envbox lock`, and the lock of a project for whoever builds it.

mod file;
mod resolve;

use std::path::Path;

use serde::Serialize;

use resolve::Place;

use super::project::{self, Found};
use super::trust;
use crate::cli::Lock as Args;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::recipe::Machine;
use crate::recipe::lock::{Boxes, Change, Disagreement, Lock, Locked, changes, shown};
use crate::recipe::project::Environment;
use crate::ui::Ui;

const HINT: &str = "envbox lock";

/// The lock that a project's box is made by, if it has one; `needed` if it has to.
///
/// # Errors
/// One that cannot be read, or is of another recipe than this; none where one is needed.
pub(super) fn of(context: &Context<'_>, root: &Path, environment: &Environment, needed: bool) -> Result<Option<Lock>> {
    let lock = match file::read_again(context, root)? {
        Some(lock) => lock,
        None if needed => {
            let error = Error::new(format!("there is no envbox.lock in {}", root.display()));
            return Err(error.hint("envbox lock writes it"));
        }
        None => return Ok(None),
    };
    let below = project::below(context.host, root, environment)?;
    match lock.agreed(environment, &below, Machine::here()) {
        Ok(_) => Ok(Some(lock)),
        Err(disagreement) => Err(Error::new(disagreement).hint(HINT)),
    }
}

/// As [`of`]; where the lock is of another recipe and somebody is there to ask, it is brought up to date if they want that.
///
/// # Errors
/// As [`of`]; whatever keeps it from being brought up to date.
pub(super) fn settled(
    context: &Context<'_>,
    root: &Path,
    environment: &Environment,
    options: &project::Options<'_>,
) -> Result<Option<Lock>> {
    let error = match of(context, root, environment, options.locked) {
        Err(error) if error.of::<Disagreement>().is_some() && !options.locked && context.ui.is_interactive() => error,
        lock => return lock,
    };
    context.ui.warning(&error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": "));
    if !options.yes && !context.ui.confirm("Lock what has changed, as `envbox lock` does?", "--yes")? {
        return Err(error);
    }
    let old = file::read(root)?;
    let mut boxes = old.as_ref().and_then(|old| old.on(Machine::here())).cloned().unwrap_or_default();
    let place = Place { context, root, options: options.source };
    boxes.put(environment.variant.as_deref(), one(place, environment, old.as_ref(), None)?);
    let mut new = old.unwrap_or_default();
    new.put(Machine::here(), boxes);
    file::write(root, &new)?;
    Ok(Some(new))
}

/// What of a project has changed.
#[derive(Debug, Serialize)]
struct Changed<'a> {
    variant: Option<&'a str>,
    from: &'a str,
    packages: usize,
    changes: Vec<Change>,
}

pub(super) fn run(args: &Args, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let found = project::find(&context)?;
    let found = found.ok_or_else(|| Error::new("there is no envbox.yaml here, nor in a directory above"))?;
    let environments = environments(&found)?;
    if args.check {
        return check(&context, &found, &environments, args);
    }
    for environment in &environments {
        trust::ensure(&context, &found.root, environment, args.yes)?;
    }
    // What cannot be read is made anew, and what is in it is no reason not to.
    let old = file::read(&found.root).unwrap_or_else(|error| {
        ui.warning(&format!(
            "{}: it is made anew",
            error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
        ));
        None
    });
    let mut boxes = Boxes::default();
    for environment in &environments {
        let place = Place { context: &context, root: &found.root, options: &args.source };
        let locked = one(place, environment, old.as_ref(), args.upgrade.as_deref())?;
        boxes.put(environment.variant.as_deref(), locked);
    }
    let mut new = old.clone().unwrap_or_default();
    new.put(Machine::here(), boxes);
    if old.as_ref() != Some(&new) {
        file::write(&found.root, &new)?;
    }
    tell(old.as_ref(), &new, args, ui)
}

/// All boxes that a recipe describes. One that only has variants has none of its own.
fn environments(found: &Found) -> Result<Vec<Environment>> {
    let own = found.recipe.from.is_some() || found.recipe.variants.is_empty();
    let variants = found.recipe.variants.keys().map(|name| Some(name.as_str()));
    own.then_some(None).into_iter().chain(variants).map(|variant| found.environment(variant)).collect()
}

/// One box: as it is locked where that is what the recipe asks for, unless something newer is asked for.
fn one(place: Place<'_>, environment: &Environment, old: Option<&Lock>, upgrade: Option<&[String]>) -> Result<Locked> {
    let locked = old.and_then(|old| old.on(Machine::here())?.of(environment.variant.as_deref()));
    let below = project::below(place.context.host, place.root, environment)?;
    let agrees = old.is_some_and(|old| old.agreed(environment, &below, Machine::here()).is_ok());
    match (locked, upgrade) {
        (Some(locked), None) if agrees => Ok(locked.clone()),
        (Some(locked), None) => resolve::amended(place, environment, locked, &[]),
        (Some(locked), Some(names)) if !names.is_empty() => resolve::amended(place, environment, locked, names),
        _ => resolve::fresh(place, environment),
    }
}

/// Says what of the lock is not of the recipe. What is locked for other machines than this is no reason to fail: whoever
/// has changed the recipe may have none.
fn check(context: &Context<'_>, found: &Found, environments: &[Environment], args: &Args) -> Result {
    let ui = context.ui;
    let lock = file::read(&found.root)?;
    let lock = lock.ok_or_else(|| Error::new("there is no envbox.lock beside envbox.yaml").hint(HINT))?;
    let wrong = disagreements(context, found, environments, (&lock, Machine::here()))?;
    for machine in lock.machines().filter(|machine| *machine != Machine::here()) {
        for line in disagreements(context, found, environments, (&lock, machine))? {
            ui.warning(&format!("on {machine}: {line}"));
        }
    }
    if args.json {
        ui.json(&serde_json::json!({ "agrees": wrong.is_empty(), "disagreements": wrong }))?;
    }
    if wrong.is_empty() {
        ui.note("envbox.lock is of this envbox.yaml");
        return Ok(0);
    }
    Err(Error::new(wrong.join("\n")).hint(HINT))
}

fn disagreements(
    context: &Context<'_>,
    found: &Found,
    environments: &[Environment],
    (lock, machine): (&Lock, &str),
) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for environment in environments {
        let below = project::below(context.host, &found.root, environment)?;
        wrong.extend(lock.agreed(environment, &below, machine).err().map(|wrong| wrong.to_string()));
    }
    let known = |variant: Option<&str>| environments.iter().any(|known| known.variant.as_deref() == variant);
    let gone = lock.on(machine).into_iter().flat_map(Boxes::all).filter(|(variant, _)| !known(*variant));
    wrong.extend(gone.map(|(variant, _)| format!("envbox.lock has {}, which envbox.yaml has not", shown(variant))));
    Ok(wrong)
}

fn tell(old: Option<&Lock>, new: &Lock, args: &Args, ui: &Ui) -> Result {
    let (old, new) = (old.and_then(|old| old.on(Machine::here())), new.on(Machine::here()));
    let changed: Vec<Changed<'_>> = new
        .into_iter()
        .flat_map(Boxes::all)
        .map(|(variant, locked)| Changed {
            variant,
            from: &locked.from,
            packages: locked.count(),
            changes: changes(old.and_then(|old| old.of(variant)), locked),
        })
        .collect();
    if args.json {
        ui.json(&changed)?;
        return Ok(0);
    }
    for one in &changed {
        let (name, from, packages) = (shown(one.variant), one.from, one.packages);
        let known = old.is_some_and(|old| old.of(one.variant).is_some());
        match one.changes.len() {
            0 => ui.line(&format!("{name}: {from}, {packages} packages, as before"))?,
            // Of what is new as a whole, a list would say nothing.
            _ if !known => ui.line(&format!("{name}: {from}, {packages} packages"))?,
            1 => ui.line(&format!("{name}: {from}, {packages} packages, 1 change"))?,
            count => ui.line(&format!("{name}: {from}, {packages} packages, {count} changes"))?,
        }
        if known {
            one.changes.iter().try_for_each(|change| ui.line(&format!("  {change}")))?;
        }
    }
    Ok(0)
}
