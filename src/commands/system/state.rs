//! What an init says of all that it has started.

use std::time::{Duration, Instant};

use crate::commands::{apart, session};
use crate::context::Context;
use crate::error::Result;
use crate::plan::init::{InitPlan, Kind};
use crate::store::StoredBox;

/// How a system is that has come to the end of its boot (systemctl(1), "is-system-running").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// All is started, or the init keeps no account of it.
    Well,
    /// Some units have failed.
    Degraded,
    /// The boot has failed, and left nothing but a shell on the console.
    Maintenance,
    /// It does not say.
    Unknown,
}

/// Asked of every system that is up, and no more than that where all is well: a shell would cost as much again.
const IS_WELL: [&str; 3] = ["systemctl", "is-system-running", "--quiet"];

/// By the word, as all states but one have the same status; wherever the box's configuration has programs looked for.
const WHICH: [&str; 3] = [
    "/bin/sh",
    "-c",
    "PATH=$PATH:/usr/bin:/bin; case $(systemctl is-system-running 2>/dev/null) in \
     running) exit 0;; degraded) exit 10;; maintenance) exit 11;; *) exit 12;; esac",
];

/// How long the box may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The state of a system box that is up.
pub(crate) fn state(context: &Context<'_>, stored: &StoredBox, init: &InitPlan) -> State {
    match init.kind {
        // Whether it can be asked or not, it is up.
        Kind::Systemd => asked(context, stored).unwrap_or(State::Unknown),
        _ => State::Well,
    }
}

fn asked(context: &Context<'_>, stored: &StoredBox) -> Result<State> {
    let until = Instant::now() + PATIENCE;
    let ask = |words: [&str; 3]| -> Result {
        let plan = session::roots(context, stored, &words.map(Into::into))?;
        apart::ask(context, &stored.name, &plan, until)
    };
    if ask(IS_WELL)? == 0 {
        return Ok(State::Well);
    }
    Ok(match ask(WHICH)? {
        0 => State::Well,
        10 => State::Degraded,
        11 => State::Maintenance,
        _ => State::Unknown,
    })
}
