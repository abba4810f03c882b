//! `envbox lock`, and the lock of a project for whoever builds it.

mod file;
mod resolve;

use std::path::Path;

use serde::Serialize;

use super::project::{self, Found};
use super::trust;
use crate::cli::Lock as Args;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::recipe::Machine;
use crate::recipe::lock::{Change, Lock, Locked, changes, shown};
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
    match lock.agreed(environment, Machine::here()) {
        Ok(_) => Ok(Some(lock)),
        Err(disagreement) => Err(Error::new(disagreement).hint(HINT)),
    }
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
        return check(&found, &environments, args, ui);
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
    let mut new = Lock::new(Machine::here());
    for environment in &environments {
        let old = old.as_ref().filter(|old| old.machine == new.machine);
        let locked = one(&context, &found.root, environment, old, args)?;
        new.put(environment.variant.as_deref(), locked);
    }
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

/// One box: as it is locked while that is of the recipe, unless something newer is asked for.
fn one(
    context: &Context<'_>,
    root: &Path,
    environment: &Environment,
    old: Option<&Lock>,
    args: &Args,
) -> Result<Locked> {
    let agreed = old.and_then(|old| old.agreed(environment, Machine::here()).ok());
    match (agreed, &args.upgrade) {
        (Some(locked), None) => Ok(locked.clone()),
        (Some(locked), Some(names)) if !names.is_empty() => {
            resolve::upgraded(context, root, environment, locked, names, &args.source)
        }
        _ => resolve::fresh(context, root, environment, &args.source),
    }
}

fn check(found: &Found, environments: &[Environment], args: &Args, ui: &Ui) -> Result {
    let lock = file::read(&found.root)?;
    let lock = lock.ok_or_else(|| Error::new("there is no envbox.lock beside envbox.yaml").hint(HINT))?;
    let mut wrong: Vec<String> = environments
        .iter()
        .filter_map(|environment| lock.agreed(environment, Machine::here()).err())
        .map(|disagreement| disagreement.to_string())
        .collect();
    let known = |variant: Option<&str>| environments.iter().any(|known| known.variant.as_deref() == variant);
    let gone = lock.all().filter(|(variant, _)| !known(*variant));
    wrong.extend(gone.map(|(variant, _)| format!("envbox.lock has {}, which envbox.yaml has not", shown(variant))));
    if args.json {
        ui.json(&serde_json::json!({ "agrees": wrong.is_empty(), "disagreements": wrong }))?;
    }
    if wrong.is_empty() {
        ui.note("envbox.lock is of this envbox.yaml");
        return Ok(0);
    }
    Err(Error::new(wrong.join("\n")).hint(HINT))
}

fn tell(old: Option<&Lock>, new: &Lock, args: &Args, ui: &Ui) -> Result {
    let changed: Vec<Changed<'_>> = new
        .all()
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
