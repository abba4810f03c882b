//! A system box from outside: its console, and the end of its boot.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use super::protocol::{Report, Request};
use super::{Error, Live};
use crate::plan::Bounds;
use crate::sys::poll::{self, Ready};
use crate::sys::socket;

/// How often whoever waits is reminded that time goes by.
const TICK: Duration = Duration::from_secs(1);

impl Live {
    /// Waits until the init of a system box says that it has booted, and says whether it did so in time. Where there is none,
    /// or one that says nothing, there is nothing to wait for. `tick` is called every second until then.
    ///
    /// # Errors
    /// [`Error::Boot`] if it ends instead, with the reason; [`Error::Join`].
    pub fn await_boot(&self, limit: Duration, tick: &mut dyn FnMut()) -> Result<bool, Error> {
        let fail = |source: io::Error| match source.kind() {
            // It has ended, and its keeper with it.
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Error::Ending,
            _ => Error::Join { what: "wait for its init", source },
        };
        Request::AwaitBoot.send(&self.connection).map_err(fail)?;
        let wanted = [(self.connection.as_fd(), Ready { read: true, write: false })];
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if poll::wait(&wanted, Some(left.min(TICK))).map_err(fail)?.iter().any(|ready| ready.read) {
                break;
            }
            if left.is_zero() {
                return Ok(false);
            }
            tick();
        }
        match Report::receive(&self.connection).map_err(fail)? {
            Some(Report::Ready) => Ok(true),
            Some(Report::Failed(reasons)) => Err(Error::Boot(reasons)),
            _ => Err(Error::Ending),
        }
    }

    /// Has the init of a system box bound to this when it is started anew. It is nothing to a box without one.
    ///
    /// # Errors
    /// [`Error::Join`].
    pub fn bind_next(&self, bounds: &Bounds) -> Result<(), Error> {
        let fail = |source| Error::Join { what: "have its next init bound", source };
        Request::Bounds(bounds.clone()).send(&self.connection).map_err(fail)
    }

    /// The console of a system box: what is read was printed there, what is written is typed. There may be several at once.
    ///
    /// # Errors
    /// [`Error::Join`].
    pub fn console(&self) -> Result<OwnedFd, Error> {
        let fail = |source| Error::Join { what: "have its console", source };
        let (here, there) = socket::stream_pair().map_err(fail)?;
        Request::Console.send_with(&self.connection, &[there]).map_err(fail)?;
        Ok(here)
    }
}
