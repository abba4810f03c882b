//! `envbox rm`

use super::{autostart, group, identity, project, stop, sweep};
use crate::cli::Remove;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::launch;
use crate::recipe::BoxName;
use crate::store;
use crate::ui::Ui;

pub(super) fn run(args: &Remove, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let mut names = match args.names.as_slice() {
        [] if args.all => store::box_names(context.store.data()),
        [] => project::own(&context)?,
        named => named.to_vec(),
    };
    names.sort_unstable();
    names.dedup();
    if args.force {
        names.retain(|name| context.store.has_box(name));
    }
    for name in &names {
        check(&context, name, args.force)?;
    }
    let listed: Vec<&str> = names.iter().map(BoxName::as_str).collect();
    let all = if names.len() == 1 { "all in it" } else { "all in them" };
    if names.is_empty() || !(args.yes || ui.confirm(&format!("Remove {} and {all}?", listed.join(", ")), "--yes")?) {
        return Ok(0);
    }
    let identity = identity::of(&context)?;
    for name in &names {
        remove(&context, name, args.force)?;
    }
    sweep::abandoned(&context, &identity);
    Ok(0)
}

fn check(context: &Context<'_>, name: &BoxName, force: bool) -> Result<()> {
    if !context.store.has_box(name) {
        return Err(store::Error::NoBox(name.clone()).into());
    }
    if !force && launch::is_up(&context.store.runtime(name)) {
        return Err(Error::new(format!("box `{name}` is running"))
            .hint(format!("envbox stop {name}"))
            .hint("--force stops it first"));
    }
    Ok(())
}

/// Stops a box, if it is up and that is wanted, and takes it out of the store, under its lock: nobody starts it in between.
/// What is left of it in staging is for the sweep.
///
/// # Errors
/// Whatever keeps it from ending or going.
pub(super) fn remove(context: &Context<'_>, name: &BoxName, stop_first: bool) -> Result<()> {
    let runtime = context.store.runtime(name);
    let waiting = || context.ui.note("waiting for another envbox that is starting or stopping this box");
    let _lock = match runtime.lock(waiting) {
        // Another process was faster, which is as good.
        Err(store::Error::NoBox(_)) => return Ok(()),
        lock => lock?,
    };
    // It may have been started since it was looked at.
    check(context, name, stop_first)?;
    stop::stop(context, name, 0)?;
    group::clear(context, name)?;
    // Given up at once: the sweep takes it over.
    context.store.remove_box(name).map(drop)?;
    // The box has gone, and a unit that is left says so at the next login.
    autostart::forget(context, name).unwrap_or_else(|error| context.ui.error(&error));
    Ok(())
}
