//! `envbox stop`

use super::{identity, live, project};
use crate::cli::Stop;
use crate::context::Context;
use crate::error::Result;
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
    for name in &names {
        if !context.store.has_box(name) {
            return Err(store::Error::NoBox(name.clone()).into());
        }
        stop(&context, name, args.time)?;
    }
    Ok(0)
}

/// Ends whatever runs in a box. Nothing happens to one that is not up.
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
    // A keeper that was killed leaves it, and one that may not write to the directory above.
    match runtime.recorded().and_then(|keeper| keeper.group).filter(|group| group.exists()) {
        Some(group) => Ok(launch::remove_group(&live::proof()?, &identity::of(context)?, &group)?),
        None => Ok(()),
    }
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
