//! A session in a box: what `enter` and `run` have in common.

use std::ffi::OsString;
use std::path::PathBuf;

use super::limit::{Force, Watch};
use super::{live, system, world};
use crate::context::Context;
use crate::error::Result;
use crate::image::accounts::UserSpec;
use crate::launch;
use crate::plan::{SUPERVISOR, SessionPlan, SessionRequest, What, Who};
use crate::store::StoredBox;
use crate::sys::{stream, tty};

/// What is asked of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    /// What to run.
    pub(super) what: What<'a>,
    /// Who to be.
    pub(super) user: Option<&'a UserSpec>,
    /// A directory that was named.
    pub(super) workdir: Option<&'a PathBuf>,
    /// Whether to begin at home.
    pub(super) at_home: bool,
    /// Whether it is a login, in a system box.
    pub(super) login: bool,
}

/// Plans a session.
///
/// # Errors
/// An image that makes none.
pub(super) fn plan(context: &Context<'_>, stored: &StoredBox, wish: &Wish<'_>) -> Result<SessionPlan> {
    // A project goes by its name without links; one who came by another name is in it all the same.
    let real_cwd = stored.config.project.as_ref().and_then(|_| std::fs::canonicalize(&context.host.cwd).ok());
    Ok(SessionPlan::new(&SessionRequest {
        name: &stored.name,
        config: &stored.config,
        image: &stored.image.config,
        host: context.host,
        what: wish.what,
        user: wish.user,
        workdir: wish.workdir.map(PathBuf::as_path),
        at_home: wish.at_home,
        terminal: tty::is_terminal(stream::STDIN) && tty::is_terminal(stream::STDOUT),
        hidden: &context.hidden(),
        real_cwd: real_cwd.as_deref(),
        shares: &world::shares(context, &stored.config),
        login: wish.login,
    })?)
}

/// A session of box-root's that has no terminal, and nothing of the caller's place.
///
/// # Errors
/// As of [`plan`].
pub(super) fn roots(context: &Context<'_>, stored: &StoredBox, words: &[OsString]) -> Result<SessionPlan> {
    let wish =
        Wish { what: What::Command(words), user: None, workdir: Some(&"/".into()), at_home: false, login: false };
    let mut plan = plan(context, stored, &wish)?;
    plan.who = Who::BoxRoot;
    plan.terminal = false;
    Ok(plan)
}

/// A session of the agent's, as [`roots`].
///
/// # Errors
/// As of [`plan`].
pub(super) fn agents(context: &Context<'_>, stored: &StoredBox, words: &[&str]) -> Result<SessionPlan> {
    let words: Vec<OsString> = [SUPERVISOR].iter().chain(words).map(OsString::from).collect();
    roots(context, stored, &words)
}

/// Runs a session to its end. The result is the program's status.
///
/// # Errors
/// Whatever keeps it from running.
pub(super) fn run(context: &Context<'_>, stored: &StoredBox, wish: &Wish<'_>) -> Result {
    carry_out(context, stored, &plan(context, stored, wish)?)
}

/// Runs a session that has been planned to its end. The result is the program's status.
///
/// # Errors
/// Whatever keeps it from running.
pub(super) fn carry_out(context: &Context<'_>, stored: &StoredBox, plan: &SessionPlan) -> Result {
    plan.notes.iter().for_each(|note| context.ui.note(note));
    let live::Up { mut live, limits } = live::up(context, stored)?;
    if system::wait_if_booting(context, stored, &live)? {
        // The init that has booted may be another than the one that was waited for.
        live = live::found(context, stored)?.ok_or(launch::Error::Ending)?;
    }
    let force = Force::of(context, &stored.name, limits);
    force.group.iter().for_each(|group| live.enter(group));
    let bounds = force.bounds();
    // A box without limits has none, and its sessions' environments need not be copied.
    let bounded = (bounds != plan.bounds).then(|| SessionPlan { bounds, ..plan.clone() });
    let plan = bounded.as_ref().unwrap_or(plan);
    let watch = Watch::begin(context, &stored.name, force, &live);
    let terminfo = plan.terminal.then(|| context.host.terminfo()).flatten();
    let manager = || context.host.cgroups().manager;
    let ended = launch::run(&live::proof()?, live, plan, terminfo, &manager, &mut |note| context.ui.note(note))?;
    watch.end(context);
    Ok(ended.status())
}
