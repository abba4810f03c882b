//! A terminal of the user's as one more of a system box's console.

use std::io;
use std::os::fd::AsFd as _;

use super::detach::Detach;
use super::pump::{Pump, Turn};
use super::{Error, Live};
use crate::sys::poll::{self, Ready};
use crate::sys::signal::{Signal, Signals};

/// How a console was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// By its keys, or by the terminal's end.
    Detached,
    /// The box has ended.
    Ended,
}

/// Signals that have to do with the terminal. `SIGTTOU` is only blocked, as in a session.
const HANDLED: [Signal; 6] =
    [Signal::SIGWINCH, Signal::SIGCONT, Signal::SIGTTOU, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT];

/// Shows the console of a box until these keys are typed or it ends. Several terminals may: each shows all that the console
/// prints, and what is typed at any goes to the one who reads it there.
///
/// # Errors
/// [`Error::Session`]; that the box has no console.
pub fn attach(live: Live, keys: &[u8]) -> Result<Left, Error> {
    let fail = |source| Error::Session { what: "attach to the box's console", source };
    let stream = live.console()?;
    let signals = Signals::watch(&HANDLED).map_err(fail)?;
    let (connection, _run_dir) = live.into_ends();
    let pump = Pump::of_console(stream, connection, Detach::new(keys)).map_err(fail)?;
    look(pump, &signals).map_err(fail)
}

fn look(mut pump: Pump, signals: &Signals) -> io::Result<Left> {
    while !pump.is_over() {
        let mut fds = vec![(signals.as_fd(), Ready { read: true, write: false })];
        fds.extend(pump.wants());
        let ready = poll::wait(&fds, pump.patience())?;
        pump.look()?;
        if pump.turn(&ready[1..])? != Turn::GoesOn {
            return Ok(Left::Detached);
        }
        while let Some(arrival) = signals.next()? {
            match arrival.signal {
                Signal::SIGWINCH => pump.resize()?,
                Signal::SIGCONT => pump.resume()?,
                Signal::SIGHUP | Signal::SIGTERM | Signal::SIGINT => return Ok(Left::Detached),
                _ => {}
            }
        }
    }
    Ok(Left::Ended)
}
