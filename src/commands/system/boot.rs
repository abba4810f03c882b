//! Waiting for a system box's boot.

use super::{found, is_one, tail};
use crate::commands::{apart, session};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::launch::Live;
use crate::plan::init::{BOOTED, Completion, InitPlan};
use crate::store::StoredBox;

/// How a boot went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is started that the init is to start.
    Booted,
    /// Not all, when the time was up.
    Late,
    /// The box has ended.
    Ended,
}

/// Seconds that a session waits for the boot of its box.
const PATIENCE: u32 = 90;

/// Waits until the init of a box that is up has booted.
///
/// # Errors
/// That nobody in the box can be asked.
pub(crate) fn wait(context: &Context<'_>, stored: &StoredBox, init: &InitPlan, seconds: u32) -> Result<Outcome> {
    let seconds = seconds.to_string();
    let mut words = vec!["booted", "--mark", BOOTED, "--within", &seconds, "--by"];
    match init.completion {
        Completion::Notified => words.push("mark"),
        Completion::Runlevel => words.push("runlevel"),
        Completion::Process(name) => words.extend(["process", name]),
        Completion::Settled { without } => words.extend(["settled"].iter().chain(without)),
    }
    let plan = session::agents(context, stored, &words)?;
    let clock = context.ui.clock(&format!("starting `{}` ({})", stored.name, init.kind));
    clock.begin();
    let status = apart::carry_out_in(context, &stored.name, &plan);
    clock.end();
    match status? {
        0 => Ok(Outcome::Booted),
        1 => Ok(Outcome::Late),
        apart::GONE => Ok(Outcome::Ended),
        other => Err(Error::new(format!("waiting for the boot of `{}` failed ({other})", stored.name))),
    }
}

/// Waits, before a session in a system box that has not booted yet: whoever logs in wants its services.
///
/// # Errors
/// The box ended instead of booting.
pub(crate) fn wait_if_booting(context: &Context<'_>, stored: &StoredBox, live: &Live) -> Result<()> {
    if !is_one(&stored.config) || live.has_booted() {
        return Ok(());
    }
    let Some(init) = found::init(context, stored)? else { return Ok(()) };
    match wait(context, stored, &init, PATIENCE)? {
        Outcome::Booted => Ok(()),
        Outcome::Late => {
            context
                .ui
                .warning(&format!("`{}` has not booted after {PATIENCE} s: this begins all the same", stored.name));
            Ok(())
        }
        Outcome::Ended => Err(tail::ended(context, stored, &init)),
    }
}
