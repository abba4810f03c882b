//! A session in a box: what `enter` and `run` have in common.

use std::ffi::OsString;
use std::path::PathBuf;

use super::live;
use crate::context::Context;
use crate::error::Result;
use crate::launch;
use crate::plan::{SessionPlan, SessionRequest};
use crate::store::StoredBox;
use crate::sys::{stream, tty};

/// What is asked of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    /// The program; none for the shell.
    pub(super) command: &'a [OsString],
    /// A directory that was named.
    pub(super) workdir: Option<&'a PathBuf>,
    /// Whether to begin at home.
    pub(super) at_home: bool,
}

/// Plans a session.
pub(super) fn plan(context: &Context<'_>, stored: &StoredBox, wish: &Wish<'_>) -> SessionPlan {
    SessionPlan::new(&SessionRequest {
        name: &stored.name,
        config: &stored.config,
        host: context.host,
        command: wish.command,
        workdir: wish.workdir.map(PathBuf::as_path),
        at_home: wish.at_home,
        terminal: tty::is_terminal(stream::STDIN) && tty::is_terminal(stream::STDOUT),
        hidden: &context.hidden(),
    })
}

/// Runs a session to its end. The result is the program's status.
///
/// # Errors
/// Whatever keeps it from running.
pub(super) fn run(context: &Context<'_>, stored: &StoredBox, wish: &Wish<'_>) -> Result {
    let plan = plan(context, stored, wish);
    let live = live::up(context, stored)?;
    let terminfo = plan.terminal.then(|| context.host.terminfo()).flatten();
    let ended = launch::run(&live::proof()?, live, &plan, terminfo, &mut |note| context.ui.note(note))?;
    Ok(ended.status())
}
