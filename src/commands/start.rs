//! `envbox start`

use super::{live, project, system};
use crate::cli::{self, Start};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::launch;
use crate::plan::init::InitPlan;
use crate::recipe::BoxName;
use crate::store::StoredBox;
use crate::ui::Ui;

/// Status of a boot that was not done in time: the box is up, and goes on.
pub(super) const LATE: u8 = 1;

pub(super) fn run(args: &Start, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let mut status = 0;
    for stored in boxes(&context, &args.names)? {
        status = status.max(start(&context, &stored, args.wait)?);
    }
    Ok(status)
}

/// The boxes that are named; the project's where none is, made if need be.
///
/// # Errors
/// There is no box of a name; outside of a project, that none is named.
pub(super) fn boxes(context: &Context<'_>, names: &[BoxName]) -> Result<Vec<StoredBox>> {
    if !names.is_empty() {
        return names.iter().map(|name| Ok(context.store.open_box(name)?)).collect();
    }
    let (found, environment) = project::meant(context, None)?.ok_or_else(|| project::none(context))?;
    let (source, own) = (cli::Source::default(), cli::InProject::default());
    Ok(vec![project::ready(context, &found, &environment, &project::Options::new(&source, own))?])
}

/// Starts a box, and waits for its boot. The result is 0, or [`LATE`].
///
/// # Errors
/// Whatever keeps it from starting; that it has ended instead of booting, or has failed to.
pub(super) fn start(context: &Context<'_>, stored: &StoredBox, wait: cli::Wait) -> Result {
    let was_up = launch::is_up(&context.store.runtime(&stored.name));
    let live = live::up(context, stored)?.live;
    let Some(init) = system::init(context, stored)? else {
        context.ui.note(&match was_up {
            true => format!("`{}` is up", stored.name),
            false => format!("`{}` is up, for {} s where nothing runs in it", stored.name, stored.config.linger),
        });
        return Ok(0);
    };
    if live.has_booted() {
        return booted(context, stored, &init);
    }
    if wait.no_wait {
        context.ui.note(&format!("`{}` is starting ({})", stored.name, init.kind));
        return Ok(0);
    }
    match system::wait(context, stored, (&live, &init), wait.wait)? {
        system::Outcome::Booted => booted(context, stored, &init),
        system::Outcome::Late => {
            system::show(context, stored);
            let error = Error::new(format!("`{}` has not booted after {} s, and goes on", stored.name, wait.wait))
                .hint(format!("envbox logs {0}, envbox console {0}: what it is about", stored.name));
            context.ui.error(&error);
            Ok(LATE)
        }
        system::Outcome::Ended => Err(system::ended(context, stored, &init)),
    }
}

/// Says that a system box is up, and what is not.
///
/// # Errors
/// That it is up for nothing but its repair.
fn booted(context: &Context<'_>, stored: &StoredBox, init: &InitPlan) -> Result {
    let name = &stored.name;
    let warning = match system::state(context, stored, init) {
        system::State::Maintenance => return Err(system::in_maintenance(context, stored)),
        system::State::Well => None,
        system::State::Degraded => Some(format!(
            "`{name}` is degraded: some of its units have failed (envbox enter {name} -- systemctl --failed)"
        )),
        system::State::Unknown => Some(format!(
            "`{name}` does not say whether all of it is started (envbox enter {name} -- systemctl is-system-running)"
        )),
    };
    context.ui.note(&format!("`{name}` is up ({})", init.kind));
    warning.iter().for_each(|text| context.ui.warning(text));
    Ok(0)
}
