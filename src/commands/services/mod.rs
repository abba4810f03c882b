//! `envbox up`, `down`, `ps` and `logs`. The supervisor is in the box, and so are those who ask it: they are sessions, and
//! nothing out here reads what a box has written.

mod ask;

use std::ffi::OsString;

use super::session::agents;
use super::{apart, live, project};
use crate::agent::supervise::Ask;
use crate::cli::{Down, Logs, Ps, Up};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::launch;
use crate::plan::SessionPlan;
use crate::recipe::project::Environment;
use crate::store::StoredBox;
use crate::sys::{file, tty};
use crate::ui::Ui;

/// The variables of the caller's that services have as well. All others are a terminal's, and who brings services up first
/// would decide how they run.
const KEPT: [&str; 11] = [
    "LANG",
    "LANGUAGE",
    "TZ",
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// The signal that asks the supervisor to end (signal(7)).
const SIGTERM: i32 = 15;

pub(super) fn up(args: &Up, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let found = project::find(&context)?.ok_or_else(|| no_project(&context, &args.names))?;
    let environment = found.environment(args.variant.as_deref())?;
    if environment.services.is_empty() {
        return Err(Error::new(format!("{} has no services", found.file.display())));
    }
    // What is wrong with them is said before anything is built.
    ask::ask(&found.root, &host.user, &environment, &args.names)?;
    let stored = project::ready(&context, &found, &environment, &project::Options::new(&args.source, args.project))?;
    bring_up(&context, &found, &environment, &stored, &args.names)
}

/// Brings services of a project up in its box, and waits until they are ready. The result is 0 if they are.
///
/// # Errors
/// Whatever keeps the supervisor from being asked.
pub(super) fn bring_up(
    context: &Context<'_>,
    found: &project::Found,
    environment: &Environment,
    stored: &StoredBox,
    names: &[String],
) -> Result {
    let ask = ask::ask(&found.root, &context.host.user, environment, names)?;
    end_in_older_boxes(context, found, environment, stored)?;
    let _held = live::up(context, stored)?;
    match apart::carry_out(context, stored, &supervisor(context, stored)?)? {
        0 => inquire(context, stored, &ask, &["up"]),
        failed => Ok(failed),
    }
}

/// The services of boxes that were made of an earlier image of the same recipe: they have the same ports.
fn end_in_older_boxes(
    context: &Context<'_>,
    found: &project::Found,
    environment: &Environment,
    stored: &StoredBox,
) -> Result<()> {
    for (name, origin) in context.store.project_boxes() {
        let other = name != stored.name && origin.root == found.root && origin.variant == environment.variant;
        if other && launch::is_up(&context.store.runtime(&name)) {
            let older = context.store.open_box(&name)?;
            context.ui.step(&format!("ending the services in `{name}`, which is made of another image"));
            inquire(context, &older, &Ask::default(), &["down"])?;
        }
    }
    Ok(())
}

/// That there is no project which could have services of these names.
fn no_project(context: &Context<'_>, names: &[String]) -> Error {
    match names.first() {
        Some(name) => project::none_with(context, &format!("there is no service `{}`", name.escape_debug())),
        None => project::none(context),
    }
}

pub(super) fn down(args: &Down, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let found = project::find(&context)?.ok_or_else(|| no_project(&context, &args.names))?;
    let environment = found.environment(args.variant.as_deref())?;
    let ask = ask::ask(&found.root, &host.user, &environment, &args.names)?;
    let mut status = 0;
    for stored in running(&context, &found, &environment)? {
        status = status.max(inquire(&context, &stored, &ask, &["down"])?);
    }
    Ok(status)
}

/// The boxes of a project and a variant that are up, whatever image they are made of.
fn running(context: &Context<'_>, found: &project::Found, environment: &Environment) -> Result<Vec<StoredBox>> {
    let own = context.store.project_boxes().into_iter().filter(|(name, origin)| {
        origin.root == found.root
            && origin.variant == environment.variant
            && launch::is_up(&context.store.runtime(name))
    });
    own.map(|(name, _)| Ok(context.store.open_box(&name)?)).collect()
}

pub(super) fn ps(args: &Ps, host: &Host, ui: &Ui) -> Result {
    let verb: Vec<&str> = ["ps"].into_iter().chain(args.json.then_some("--json")).collect();
    look(&args.names, args.variant.as_deref(), host, ui, &verb)
}

pub(super) fn logs(args: &Logs, host: &Host, ui: &Ui) -> Result {
    if let Some(status) = super::logs::of_a_system(args, host, ui)? {
        return Ok(status);
    }
    let lines = args.lines.map(|lines| format!("--lines={lines}"));
    let mut verb = vec!["logs"];
    verb.extend(args.follow.then_some("--follow"));
    verb.extend(args.times.then_some("--times"));
    verb.extend(lines.as_deref());
    look(&args.names, args.variant.as_deref(), host, ui, &verb)
}

/// Asks in the project's box, which is started for it if it is there: the logs are on its disk. A project without a box has
/// no services that could be looked at.
fn look(names: &[String], variant: Option<&str>, host: &Host, ui: &Ui, verb: &[&str]) -> Result {
    let context = Context::open(host, ui)?;
    let found = project::find(&context)?.ok_or_else(|| no_project(&context, names))?;
    let environment = found.environment(variant)?;
    let ask = ask::ask(&found.root, &host.user, &environment, names)?;
    let stored = match running(&context, &found, &environment)?.into_iter().next() {
        Some(stored) => stored,
        None => latest(&context, &found, &environment)?
            .ok_or_else(|| Error::new("this project has no box, and so no services yet").hint("envbox up"))?,
    };
    inquire(&context, &stored, &ask, verb)
}

/// The box of a project and a variant that was used last.
///
/// # Errors
/// The store's.
pub(super) fn latest(
    context: &Context<'_>,
    found: &project::Found,
    environment: &Environment,
) -> Result<Option<StoredBox>> {
    let own = context.store.project_boxes().into_iter();
    let own = own.filter(|(_, origin)| origin.root == found.root && origin.variant == environment.variant);
    let latest = own.map(|(name, _)| name).min_by_key(|name| context.store.box_idle(name));
    Ok(latest.map(|name| context.store.open_box(&name)).transpose()?)
}

/// The session that is the supervisor: box-root's, as services may be anybody's.
fn supervisor(context: &Context<'_>, stored: &StoredBox) -> Result<SessionPlan> {
    let kept = |name: &OsString| KEPT.iter().any(|kept| name == kept) || name.as_encoded_bytes().starts_with(b"LC_");
    let env = context.host.env.iter().filter(|(name, _)| kept(name)).cloned().collect();
    let host = Host { env, ..context.host.clone() };
    let bare = Context { host: &host, ui: context.ui, store: context.store.clone() };
    let mut plan = agents(&bare, stored, &["serve"])?;
    plan.detached = true;
    plan.stop_signal = Some(SIGTERM);
    Ok(plan)
}

/// Asks the supervisor of a box, or looks at what it has left. The answer goes to the user, and the result is a status.
fn inquire(context: &Context<'_>, stored: &StoredBox, ask: &Ask, verb: &[&str]) -> Result {
    let question = serde_json::to_vec(ask).map_err(Error::new)?;
    let question = file::in_memory("envbox-services", &question).map_err(Error::new)?;
    let mut words = verb.to_vec();
    words.extend(context.ui.is_quiet().then_some("--quiet"));
    words.extend(context.ui.is_coloured().then_some("--colour"));
    let plan = agents(context, stored, &words)?;
    let own_input = crate::sys::process::duplicate(0).map_err(Error::new)?;
    // Not as an argument, which everybody can read who sees the process: services have passwords in their variables.
    tty::as_standard(&question, 0).map_err(Error::new)?;
    let status = apart::carry_out(context, stored, &plan);
    tty::as_standard(&own_input, 0).map_err(Error::new)?;
    status
}
