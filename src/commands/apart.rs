//! Sessions in a process of their own: whoever has run one has joined the box's namespaces, and can run no other.

use std::time::Instant;

use super::{live, session};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::launch;
use crate::plan::SessionPlan;
use crate::recipe::BoxName;
use crate::store::StoredBox;
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Change, Ended, Fork, Pid, SingleThread};
use crate::sys::signal::{self, Signal, Signals};

/// What is passed on, if it was sent to this process alone.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// Runs a session to its end, as [`session::carry_out`] does. What keeps it from running is shown, and is a status like any
/// other.
///
/// # Errors
/// That there can be no other process.
pub(super) fn carry_out(context: &Context<'_>, stored: &StoredBox, plan: &SessionPlan) -> Result {
    run(context, None, || session::carry_out(context, stored, plan))
}

/// Runs a session to its end in a box that is up, and does not start it: it may have ended since.
///
/// # Errors
/// As [`carry_out`].
pub(super) fn carry_out_in(context: &Context<'_>, name: &BoxName, plan: &SessionPlan) -> Result {
    run(context, None, || join(context, name, plan))
}

/// The same, ended at an instant: its status is [`GONE`] then. Whatever keeps it from running is a status too, and not shown.
///
/// # Errors
/// That there can be no other process.
pub(super) fn ask(context: &Context<'_>, name: &BoxName, plan: &SessionPlan, until: Instant) -> Result {
    run(context, Some(until), || Ok(join(context, name, plan).unwrap_or_else(|error| error.exit_status())))
}

fn join(context: &Context<'_>, name: &BoxName, plan: &SessionPlan) -> Result {
    let Some(live) = launch::connect(&context.store.runtime(name))? else { return Ok(GONE) };
    let manager = || context.host.cgroups().manager;
    match launch::run(&live::proof()?, live, plan, None, &manager, &mut |note| context.ui.note(note)) {
        Err(launch::Error::Ending) => Ok(GONE),
        ended => Ok(ended?.status()),
    }
}

/// The status of a session whose box, or whose time, has ended, with it or before it: what a shell shows for a death by `SIGKILL`.
pub(super) const GONE: u8 = 128 + 9;

fn run(context: &Context<'_>, until: Option<Instant>, work: impl FnOnce() -> Result) -> Result {
    let proof = SingleThread::prove().map_err(Error::new)?;
    let watched: Vec<Signal> = PASSED_ON.into_iter().chain([Signal::SIGCHLD]).collect();
    let signals = Signals::watch(&watched).map_err(Error::new)?;
    match process::fork(&proof).map_err(Error::new)? {
        Fork::Child => process::finish(|| {
            // Without it, what is sent to the session would be waited for twice, and its program would not get it.
            if let Err(error) = signals.restore_mask() {
                context.ui.error(&Error::new(error));
                return process::EXIT_PANIC;
            }
            work().unwrap_or_else(|error| {
                context.ui.error(&error);
                error.exit_status()
            })
        }),
        Fork::Parent(child) => attend(child, &signals, until).map_err(Error::new).map(Ended::status),
    }
}

fn attend(child: Pid, signals: &Signals, mut until: Option<Instant>) -> std::io::Result<Ended> {
    use std::os::fd::AsFd as _;
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        poll::wait(&[(signals.as_fd(), Ready { read: true, write: false })], left)?;
        if until.take_if(|until| *until <= Instant::now()).is_some() {
            // The keeper ends what it leaves in the box, as of any session that dies without a word.
            let _ = signal::kill(child, Signal::SIGKILL);
        }
        while let Some(arrival) = signals.next()? {
            // The terminal's own signals have reached the child as well.
            if arrival.signal != Signal::SIGCHLD && arrival.sender != 0 {
                let _ = signal::kill(child, arrival.signal);
            }
        }
        while let Some(change) = process::reap(true)? {
            match change {
                Change::Ended(pid, ended) if pid == child => return Ok(ended),
                // It has stopped so that the caller's shell takes over, which waits for this process; and goes on when the
                // shell continues both.
                Change::Stopped(pid, _) if pid == child => {
                    signal::raise(Signal::SIGSTOP)?;
                    let _ = signal::kill(child, Signal::SIGCONT);
                }
                _ => {}
            }
        }
    }
}
