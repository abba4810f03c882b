//! A system box from outside: its console, and the end of its boot.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use super::protocol::{Report, Request};
use super::{Error, Live};
use crate::sys::poll::{self, Ready};
use crate::sys::socket;

impl Live {
    /// Waits until the init of a system box says that it has booted, and says whether it did so in time. Where there is none,
    /// or one that says nothing, there is nothing to wait for.
    ///
    /// # Errors
    /// [`Error::Boot`] if it ends instead, with the reason; [`Error::Join`].
    pub fn await_boot(&self, limit: Duration) -> Result<bool, Error> {
        let fail = |source: io::Error| match source.kind() {
            // It has ended, and its keeper with it.
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Error::Ending,
            _ => Error::Join { what: "wait for its init", source },
        };
        Request::AwaitBoot.send(&self.connection).map_err(fail)?;
        let wanted = [(self.connection.as_fd(), Ready { read: true, write: false })];
        if !poll::wait(&wanted, Some(limit)).map_err(fail)?.iter().any(|ready| ready.read) {
            return Ok(false);
        }
        match Report::receive(&self.connection).map_err(fail)? {
            Some(Report::Ready) => Ok(true),
            Some(Report::Failed(reasons)) => Err(Error::Boot(reasons)),
            _ => Err(Error::Ending),
        }
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

    /// Tells the console of a system box how large the terminal is that shows it.
    ///
    /// # Errors
    /// [`Error::Join`].
    pub fn resize_console(&self, columns: u16, rows: u16) -> Result<(), Error> {
        let fail = |source| Error::Join { what: "have its console", source };
        Request::Resize(columns, rows).send(&self.connection).map_err(fail)
    }
}
