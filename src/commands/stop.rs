//! `envbox stop`

use super::{group, project};
use crate::cli::Stop;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::launch;
use crate::recipe::BoxName;
use crate::store;
use crate::ui::Ui;

pub(super) fn run(args: &Stop, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let names = match args.names.as_slice() {
        [] if args.all => store::box_names(context.store.data()),
        [] => project::own(&context)?,
        named => named.to_vec(),
    };
    if let Some(name) = names.iter().find(|name| !context.store.has_box(name)) {
        return Err(store::Error::NoBox(name.clone()).into());
    }
    let mut failed = Vec::new();
    for name in &names {
        let stopped = stop(&context, name, args.time).and_then(|()| group::clear_if_dead(&context, name));
        // One that cannot be stopped keeps no other one up.
        failed.extend(stopped.inspect_err(|error| ui.error(error)).err());
    }
    Ok(failed.iter().map(Error::exit_status).max().unwrap_or(0))
}

/// Ends whatever runs in a box. Nothing happens to one that is not up. Its cgroup may be left ([`group::clear`]).
///
/// # Errors
/// A keeper that cannot be reached or ended.
pub(super) fn stop(context: &Context<'_>, name: &BoxName, grace: u32) -> Result<()> {
    let runtime = context.store.runtime(name);
    match launch::connect(&runtime) {
        Ok(Some(live)) => done(context, live.stop(grace))?,
        Ok(None) => {}
        // It hangs, or is of another time: there is no asking it.
        Err(launch::Error::Silent { pid } | launch::Error::OtherVersion { pid }) => {
            done(context, launch::kill(&runtime, pid))?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// What cannot leave is dead, and no more in the way of the box than a zombie is.
fn done(context: &Context<'_>, stopped: std::result::Result<(), launch::Error>) -> Result<()> {
    match stopped {
        Err(error @ launch::Error::Undead { .. }) => {
            context.ui.warning(&error.to_string());
            Ok(())
        }
        stopped => Ok(stopped?),
    }
}
