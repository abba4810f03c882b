//! Clearing away, whatever becomes of this process.

use std::os::fd::OwnedFd;

use super::live::proof;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::sys::process::{self, Fork, Pid};
use crate::sys::{stream, tty};

/// A forked child that waits until this process has dismissed it or is gone, and then does its chore: for Ctrl-C and for
/// SIGKILL alike, which leave no time to clear anything away.
///
/// Dropping it dismisses it: what fails has been cleared away when the user hears of it.
#[derive(Debug)]
pub(super) struct Janitor {
    pid: Pid,
    running: Option<OwnedFd>,
}

impl Janitor {
    /// Hires a janitor for a chore, whose failure is told to the user.
    ///
    /// # Errors
    /// Where nothing can be forked.
    pub(super) fn hire(context: &Context<'_>, chore: impl FnOnce() -> Result<()>) -> Result<Self> {
        let failed = |error| Error::new(format!("cannot arrange for clearing away: {error}"));
        let (over, running) = process::pipe().map_err(failed)?;
        match process::fork(&proof()?).map_err(failed)? {
            Fork::Parent(pid) => Ok(Self { pid, running: Some(running) }),
            Fork::Child => {
                drop(running);
                process::finish(|| match wait_for_end(&over).and_then(|()| chore()) {
                    Ok(()) => 0,
                    Err(error) => {
                        context.ui.error(&error);
                        error.exit_status()
                    }
                })
            }
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.running.take());
        // If somebody has killed it, the next sweep does what it would have done.
        let _ = process::wait(self.pid);
    }
}

fn wait_for_end(over: &OwnedFd) -> Result<()> {
    // Out of reach of the keys that are meant for the one who is cleared up after.
    tty::new_session().map_err(Error::new)?;
    // Nothing is ever written; the end comes when the other side ends.
    while stream::read(over, &mut [0]).map_err(Error::new)?.is_none() {}
    Ok(())
}
