//! `envbox logs` of a system box: its journal, else its console. Those of services are `services`' own.

use super::{group, project, services, system};
use crate::cli::Logs;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::launch;
use crate::recipe::BoxName;
use crate::store::StoredBox;
use crate::ui::Ui;

/// Shows what a system box has printed, if that is what is asked for: a box is named that is one, and no service of the
/// project here is; or nothing is, and the project has no services, but is one.
///
/// # Errors
/// What is wrong with the project; that the logs cannot be read.
pub(super) fn of_a_system(args: &Logs, host: &Host, ui: &Ui) -> Result<Option<u8>> {
    let context = Context::open(host, ui)?;
    let Some(stored) = meant(&context, args)? else { return Ok(None) };
    group::clear_if_dead(&context, &stored.name)?;
    let wanted = system::Tail { lines: args.lines, follow: args.follow };
    if launch::is_up(&context.store.runtime(&stored.name)) && system::journal(&context, &stored, wanted)? {
        return Ok(Some(0));
    }
    system::console(&context, &stored.name, wanted)?;
    Ok(Some(0))
}

fn meant(context: &Context<'_>, args: &Logs) -> Result<Option<StoredBox>> {
    let found = project::find(context)?;
    let environment = found.as_ref().map(|found| found.environment(args.variant.as_deref())).transpose()?;
    let is_service =
        |name: &str| environment.as_ref().is_some_and(|environment| environment.services.contains_key(name));
    let name: BoxName = match (args.names.as_slice(), &found, &environment) {
        ([name], ..) if !is_service(name) => match name.parse() {
            Ok(name) if context.store.has_box(&name) => name,
            _ if found.is_none() => return Err(no_such(context, &args.names)),
            _ => return Ok(None),
        },
        ([], Some(found), Some(environment))
            if environment.services.is_empty() && system::is_one(&environment.config) =>
        {
            match services::latest(context, found, environment)? {
                Some(stored) => return Ok(Some(stored)),
                None => return Ok(None),
            }
        }
        ([_, ..], None, _) => return Err(no_such(context, &args.names)),
        _ => return Ok(None),
    };
    let stored = context.store.open_box(&name)?;
    if system::is_one(&stored.config) {
        return Ok(Some(stored));
    }
    Err(Error::new(format!("`{name}` is no system box, and what runs in it prints to whoever has started it"))
        .hint("envbox logs SERVICE, in a project"))
}

/// Why names mean nothing outside of projects, which are what has services.
fn no_such(context: &Context<'_>, names: &[String]) -> Error {
    let is_box = |name: &str| name.parse().is_ok_and(|name: BoxName| context.store.has_box(&name));
    match names.iter().find(|name| !is_box(name)) {
        Some(name) => {
            let name = name.escape_debug();
            Error::new(format!("there is no box named `{name}`, and no project here that could have such a service"))
                .hint("envbox list")
        }
        None => Error::new("the logs of one system box are shown at a time").hint("envbox logs NAME"),
    }
}
