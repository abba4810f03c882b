//! Waiting for a system box's boot.

use std::time::Duration;

use super::{found, is_one, tail};
use crate::commands::{apart, session};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::launch::{self, Live};
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

/// Seconds that a keeper may take to say what has become of its init.
const LAST_WORDS: u32 = 5;

/// Seconds that a session waits for the boot of its box.
const PATIENCE: u32 = 90;

/// Waits until the init of a box that is up has booted.
///
/// # Errors
/// That nobody in the box can be asked.
pub(crate) fn wait(
    context: &Context<'_>,
    stored: &StoredBox,
    (live, init): (&Live, &InitPlan),
    seconds: u32,
) -> Result<Outcome> {
    let clock = context.ui.clock(&format!("starting `{}` ({})", stored.name, init.kind));
    clock.begin();
    let outcome = match init.completion {
        Completion::Notified => notified(live, seconds, &mut || clock.tick()),
        Completion::Runlevel => seen(context, (stored, live), seconds, &["runlevel"]),
        Completion::Process(name) => seen(context, (stored, live), seconds, &["process", name]),
        Completion::Settled { without } => seen(context, (stored, live), seconds, &[&["settled"], without].concat()),
    };
    clock.end();
    outcome
}

/// Waits for an init that tells the keeper.
fn notified(live: &Live, seconds: u32, tick: &mut dyn FnMut()) -> Result<Outcome> {
    match live.await_boot(Duration::from_secs(seconds.into()), tick) {
        Ok(true) => Ok(Outcome::Booted),
        Ok(false) => Ok(Outcome::Late),
        Err(launch::Error::Boot(_) | launch::Error::Ending) => Ok(Outcome::Ended),
        Err(error) => Err(error.into()),
    }
}

/// Waits for an init that tells nobody: the agent looks, in the box.
fn seen(context: &Context<'_>, (stored, live): (&StoredBox, &Live), seconds: u32, by: &[&str]) -> Result<Outcome> {
    let seconds = seconds.to_string();
    let words = [&["booted", "--mark", BOOTED, "--within", &seconds, "--by"], by].concat();
    match apart::carry_out_in(context, &stored.name, &session::agents(context, stored, &words)?)? {
        0 => Ok(Outcome::Booted),
        1 => Ok(Outcome::Late),
        // What it has ended with, the keeper has said in the log by then.
        apart::GONE => notified(live, LAST_WORDS, &mut || {}),
        other => Err(Error::new(format!("waiting for the boot of `{}` failed ({other})", stored.name))),
    }
}

/// Waits, before a session in a system box that has not booted yet: whoever logs in wants its services. The result is whether
/// there was anything to wait for.
///
/// # Errors
/// The box ended instead of booting.
pub(crate) fn wait_if_booting(context: &Context<'_>, stored: &StoredBox, live: &Live) -> Result<bool> {
    if !is_one(&stored.config) || live.has_booted() {
        return Ok(false);
    }
    let Some(init) = found::init(context, stored)? else { return Ok(false) };
    match wait(context, stored, (live, &init), PATIENCE)? {
        Outcome::Booted => Ok(true),
        Outcome::Late => {
            context
                .ui
                .warning(&format!("`{}` has not booted after {PATIENCE} s: this begins all the same", stored.name));
            Ok(true)
        }
        Outcome::Ended => Err(tail::ended(context, stored, &init)),
    }
}
