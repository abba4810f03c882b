//! Waiting for descriptors (poll(2)) and for changes of files (inotify(7)).

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// What is waited for on a descriptor, and what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Something can be read, or the other end is closed, or it failed: a read will not block.
    pub read: bool,
    /// Something can be written.
    pub write: bool,
}

/// Waits until one of the descriptors is ready for what its flags ask, or the time is up; the answers are in the same
/// order. A descriptor asked for nothing is ignored.
///
/// # Errors
/// poll(2)'s, interruptions excepted (they count as nothing ready).
pub fn wait(fds: &[(BorrowedFd<'_>, Ready)], timeout: Option<Duration>) -> io::Result<Vec<Ready>> {
    let mut polled: Vec<PollFd<'_>> = fds
        .iter()
        .filter(|(_, want)| want.read || want.write)
        .map(|(fd, want)| {
            let read = if want.read { PollFlags::POLLIN } else { PollFlags::empty() };
            let write = if want.write { PollFlags::POLLOUT } else { PollFlags::empty() };
            PollFd::new(*fd, read | write)
        })
        .collect();
    let timeout = match timeout {
        None => PollTimeout::NONE,
        Some(time) => PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX),
    };
    match nix::poll::poll(&mut polled, timeout) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut answers = polled.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
    let end = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    Ok(fds
        .iter()
        .map(|(_, want)| match want.read || want.write {
            false => Ready { read: false, write: false },
            true => {
                let came = answers.next().unwrap_or(PollFlags::empty());
                Ready {
                    read: want.read && came.intersects(PollFlags::POLLIN | end),
                    write: want.write && came.intersects(PollFlags::POLLOUT | end),
                }
            }
        })
        .collect())
}

/// Waits until a file of the kernel's own says that it has something new since it was read (`POLLPRI`: cgroups(7),
/// `cgroup.events`), or the time is up.
///
/// # Errors
/// poll(2)'s, interruptions excepted.
pub fn await_news(file: impl AsFd, timeout: Duration) -> io::Result<()> {
    let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
    match nix::poll::poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLPRI)], timeout) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Watches directories for files that are written or put in place.
#[derive(Debug)]
pub struct Watch(Inotify);

impl Watch {
    /// A watch on nothing yet.
    ///
    /// # Errors
    /// `EMFILE` at the user's limit of instances.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?))
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// inotify_add_watch(2)'s.
    pub fn add(&self, dir: &Path) -> io::Result<()> {
        let events = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CREATE;
        self.0.add_watch(dir, events)?;
        Ok(())
    }

    /// Adds a directory, whose files are watched while they are being written, too.
    ///
    /// # Errors
    /// inotify_add_watch(2)'s.
    pub fn add_written(&self, dir: &Path) -> io::Result<()> {
        let events = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CREATE;
        self.0.add_watch(dir, events)?;
        Ok(())
    }

    /// The names of what has changed since the last call.
    ///
    /// # Errors
    /// read(2)'s.
    pub fn changes(&self) -> io::Result<Vec<OsString>> {
        match self.0.read_events() {
            Ok(events) => Ok(events.into_iter().filter_map(|event| event.name).collect()),
            Err(nix::errno::Errno::EAGAIN) => Ok(Vec::new()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
