//! Whether what an init has started is all there.

use std::time::{Duration, Instant};

use crate::commands::{apart, session};
use crate::context::Context;
use crate::error::Result;
use crate::plan::init::{InitPlan, Kind};
use crate::store::StoredBox;

/// Asked of every system that is up, and no more than that where all is well: a shell would cost as much again.
const IS_WELL: [&str; 3] = ["systemctl", "is-system-running", "--quiet"];

/// By the word, as all states but one have the same status (systemctl(1), "is-system-running").
const IS_DEGRADED: [&str; 3] = ["/bin/sh", "-c", "test \"$(systemctl is-system-running 2>/dev/null)\" = degraded"];

/// How long the box may take to answer. It is up, whether it answers or not.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is to be said of a system box that is up with units that have failed; nothing is where none has, of inits that
/// keep no account of it, and where that one does not answer.
///
/// # Errors
/// That nobody in the box can be asked.
pub(crate) fn failed_units(context: &Context<'_>, stored: &StoredBox, init: &InitPlan) -> Result<Option<String>> {
    if init.kind != Kind::Systemd {
        return Ok(None);
    }
    let until = Instant::now() + PATIENCE;
    let holds = |words: [&str; 3]| -> Result<bool> {
        let plan = session::roots(context, stored, &words.map(Into::into))?;
        Ok(apart::carry_out_until(context, &stored.name, &plan, Some(until))? == 0)
    };
    if holds(IS_WELL)? || !holds(IS_DEGRADED)? {
        return Ok(None);
    }
    let name = &stored.name;
    let text =
        format!("`{name}` is degraded: some of its units have failed (envbox enter {name} -- systemctl --failed)");
    Ok(Some(text))
}
