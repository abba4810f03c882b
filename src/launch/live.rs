//! A box that is up: found, connected to, ended.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use super::protocol::{HELLO, Request, extra};
use super::{Error, keeper};
use crate::limits::Group;
use crate::plan::init::BOOTED;
use crate::store::Runtime;
use crate::sys::namespace::{self, Kind};
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Pid, Signal, SingleThread};
use crate::sys::{root, socket};

/// Whether a box is up: somebody listens on its socket.
pub fn is_up(runtime: &Runtime) -> bool {
    socket::connect_to(&runtime.socket()).is_ok()
}

/// How long a keeper may take to say hello: it has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to the keeper of a box that is up. The box stays up as long as it is held.
#[derive(Debug)]
pub struct Live {
    /// The keeper, as the host sees it.
    pub pid: Pid,
    pub(super) connection: OwnedFd,
    pub(super) outer: Vec<OwnedFd>,
    inner: Vec<OwnedFd>,
    pub(super) run_dir: OwnedFd,
    network: Option<OwnedFd>,
    cgroups: Option<OwnedFd>,
    pub(super) payload: Option<OwnedFd>,
    pub(super) view: Option<OwnedFd>,
    /// Whether its sysinfo(2) is answered there.
    pub(super) sysinfo: bool,
    ending: bool,
}

/// Connects to a box's keeper; `None` if the box is not up.
///
/// # Errors
/// [`Error::Silent`] if the keeper hangs, [`Error::OtherVersion`], [`Error::Join`].
pub fn connect(runtime: &Runtime) -> Result<Option<Live>, Error> {
    let fail = |source| Error::Join { what: "connect to its keeper", source };
    let connection = match socket::connect_to(&runtime.socket()) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        result => result.map_err(fail)?,
    };
    greeted(connection, Some(PATIENCE))
}

/// Hears what a keeper says first; `None` if it has gone instead.
fn greeted(connection: OwnedFd, limit: Option<Duration>) -> Result<Option<Live>, Error> {
    let fail = |source| Error::Join { what: "hear from its keeper", source };
    let (pid, _) = socket::peer(&connection).map_err(fail)?;
    let wanted = [(connection.as_fd(), Ready { read: true, write: false })];
    if !poll::wait(&wanted, limit).map_err(fail)?.iter().any(|ready| ready.read) {
        return Err(Error::Silent { pid: pid.as_raw() });
    }
    let mut hello = [0; 64];
    let (length, fds) = match socket::receive(&connection, &mut hello) {
        // It went away between our connecting and its accepting.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
        result => result.map_err(fail)?,
    };
    if length == 0 {
        return Ok(None);
    }
    let mut fds = fds.into_iter();
    let outer: Vec<OwnedFd> = fds.by_ref().take(keeper::OUTER.len()).collect();
    let inner: Vec<OwnedFd> = fds.by_ref().take(keeper::INNER.len()).collect();
    match fds.next() {
        Some(run_dir) if hello[..length].starts_with(HELLO) => {
            let mut live = Live {
                pid,
                connection,
                outer,
                inner,
                run_dir,
                network: None,
                cgroups: None,
                payload: None,
                view: None,
                sysinfo: false,
                ending: hello[..length].ends_with(&[extra::ENDING]),
            };
            for (letter, fd) in hello[HELLO.len()..length].iter().zip(fds) {
                match *letter {
                    extra::NETWORK => live.network = Some(fd),
                    extra::CGROUPS => live.cgroups = Some(fd),
                    extra::PAYLOAD => live.payload = Some(fd),
                    extra::VIEW => live.view = Some(fd),
                    extra::SYSINFO => (live.view, live.sysinfo) = (Some(fd), true),
                    _ => return Err(Error::OtherVersion { pid: pid.as_raw() }),
                }
            }
            Ok(Some(live))
        }
        _ => Err(Error::OtherVersion { pid: pid.as_raw() }),
    }
}

impl Live {
    /// Joins the outer user namespace, which only has a say over its children's pid namespace, and that.
    pub(super) fn join_outer(&self, proof: &SingleThread) -> io::Result<()> {
        join(proof, &keeper::OUTER, &self.outer)
    }

    /// Joins all the rest; [`Live::join_outer`] must have come first.
    pub(super) fn join_inner(&self, proof: &SingleThread) -> io::Result<()> {
        // It belongs to the outer user namespace, whose privilege is gone in the inner one.
        self.network.iter().try_for_each(|network| namespace::join(proof, network, Kind::Network))?;
        join(proof, &keeper::INNER, &self.inner)?;
        self.cgroups.iter().try_for_each(|cgroups| namespace::join(proof, cgroups, Kind::ControlGroup))
    }

    /// Whether what runs in the box is about to end, and nothing can be begun there: it was told to stop, or its init is on its
    /// way out.
    pub fn is_ending(&self) -> bool {
        self.ending
    }

    /// Waits for what comes after something that is about to end: the next init of a system that starts anew, or `None`, when
    /// the box has ended.
    ///
    /// # Errors
    /// As [`connect`].
    pub fn await_next(self) -> Result<Option<Self>, Error> {
        // Held, its namespaces would outlive it.
        let (connection, _) = self.into_ends();
        greeted(connection, None)
    }

    /// Whether the init of a system box is known to have booted ([`BOOTED`]).
    pub fn has_booted(&self) -> bool {
        let mark = Path::new(BOOTED).file_name().map(Path::new);
        mark.is_some_and(|mark| root::open_beneath(&self.run_dir, mark).is_ok())
    }

    /// Lets go of the namespaces, which would keep the box's mounts alive when the box is gone. What is left are the
    /// connection and the run directory.
    pub(super) fn into_ends(self) -> (OwnedFd, OwnedFd) {
        (self.connection, self.run_dir)
    }

    /// Lets sessions be forked into a cgroup which the box was given when it was up already, where that can be opened.
    pub fn enter(&mut self, group: &Group) {
        if self.payload.is_none() {
            self.payload = group.payload().ok();
        }
    }

    /// Asks the keeper to end the box, and waits until it has. After `grace` seconds nothing is asked any more.
    ///
    /// # Errors
    /// [`Error::Join`].
    pub fn stop(self, grace: u32) -> Result<(), Error> {
        let fail = |source| Error::Join { what: "stop it", source };
        let keeper = process::pidfd_open(self.pid).map_err(fail)?;
        match Request::Stop(grace).send(&self.connection) {
            // It is on its way out already.
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {}
            sent => sent.map_err(fail)?,
        }
        let limit = Duration::from_secs(u64::from(grace)) + PATIENCE;
        ended(await_end(&keeper, limit).map_err(fail)?, self.pid)
    }
}

fn join(proof: &SingleThread, kinds: &[(Kind, &str)], namespaces: &[OwnedFd]) -> io::Result<()> {
    kinds.iter().zip(namespaces).try_for_each(|((kind, _), namespace)| namespace::join(proof, namespace, *kind))
}

/// Waits for the process a pidfd names to be gone, kills it when the time is up, and says whether it went.
pub(super) fn await_end(pidfd: &OwnedFd, limit: Duration) -> io::Result<bool> {
    let gone = |limit| {
        let wanted = [(pidfd.as_fd(), Ready { read: true, write: false })];
        poll::wait(&wanted, Some(limit)).map(|ready| ready.iter().any(|ready| ready.read))
    };
    if gone(limit)? {
        return Ok(true);
    }
    match process::pidfd_signal(pidfd, Signal::SIGKILL) {
        Err(error) if error.raw_os_error() != Some(ESRCH) => Err(error),
        _ => gone(PATIENCE),
    }
}

/// "No such process" (errno(3)).
const ESRCH: i32 = 3;

pub(super) fn ended(gone: bool, pid: Pid) -> Result<(), Error> {
    if gone { Ok(()) } else { Err(Error::Undead { pid: pid.as_raw() }) }
}
