//! Terminals and pseudo-terminals (tty_ioctl(4), pty(7)).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::pty::OpenptFlags;
pub use rustix::termios::Winsize;
use rustix::termios::{OptionalActions, Termios};

use super::process::Pid;

/// Whether a descriptor is a terminal.
pub fn is_terminal(fd: impl AsFd) -> bool {
    rustix::termios::isatty(fd)
}

/// The size of a terminal's window.
///
/// # Errors
/// `ENOTTY`.
pub fn window_size(tty: impl AsFd) -> io::Result<Winsize> {
    Ok(rustix::termios::tcgetwinsize(tty)?)
}

/// Sets the size of a pseudo-terminal's window; its foreground process group gets `SIGWINCH` if it differs.
///
/// # Errors
/// `ENOTTY`.
pub fn set_window_size(tty: impl AsFd, size: Winsize) -> io::Result<()> {
    Ok(rustix::termios::tcsetwinsize(tty, size)?)
}

/// A terminal's settings, to be put back later.
#[derive(Debug, Clone)]
pub struct Settings(Termios);

/// Reads a terminal's settings.
///
/// # Errors
/// `ENOTTY`.
pub fn settings(tty: impl AsFd) -> io::Result<Settings> {
    Ok(Settings(rustix::termios::tcgetattr(tty)?))
}

/// Puts a terminal's settings in force when what was written has been sent.
///
/// # Errors
/// tcsetattr(3)'s.
pub fn apply(tty: impl AsFd, settings: &Settings) -> io::Result<()> {
    Ok(rustix::termios::tcsetattr(tty, OptionalActions::Drain, &settings.0)?)
}

impl Settings {
    /// The same terminal in raw mode: every byte passes as it is (cfmakeraw(3)).
    #[must_use]
    pub fn raw(&self) -> Self {
        let mut raw = self.0.clone();
        raw.make_raw();
        Self(raw)
    }
}

/// A new pseudo-terminal of the devpts instance whose `ptmx` is at `path`: (master, slave). The slave is opened through
/// the master (`TIOCGPTPEER`), never by a name that could have been replaced (CVE-2025-52565).
///
/// # Errors
/// Those of open(2); `ENOTTY` if what is at the path is no devpts `ptmx`.
pub fn open_pty(path: &Path) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let master = rustix::fs::open(path, flags, rustix::fs::Mode::empty())?;
    rustix::pty::unlockpt(&master)?;
    let slave = open_slave(&master)?;
    Ok((master, slave))
}

/// Opens a pseudo-terminal's slave by its master once more (`TIOCGPTPEER`).
///
/// # Errors
/// ioctl(2)'s.
pub fn open_slave(master: impl AsFd) -> io::Result<OwnedFd> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    Ok(rustix::pty::ioctl_tiocgptpeer(master, flags)?)
}

/// Starts a new session without a controlling terminal (setsid(2)).
///
/// # Errors
/// `EPERM` for a process group leader.
pub fn new_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Makes a terminal the controlling terminal of this session (`TIOCSCTTY`).
///
/// # Errors
/// `EPERM` unless the caller leads a session without one.
pub fn take_controlling(tty: impl AsFd) -> io::Result<()> {
    Ok(rustix::process::ioctl_tiocsctty(tty)?)
}

/// Puts a process into a process group of its own (setpgid(2)); both parent and child do it, so that it is done before
/// either goes on.
///
/// # Errors
/// setpgid(2)'s.
pub fn own_group(pid: Pid) -> io::Result<()> {
    Ok(nix::unistd::setpgid(pid, pid)?)
}

/// Makes a process group the terminal's foreground one (tcsetpgrp(3)).
///
/// # Errors
/// tcsetpgrp(3)'s.
pub fn set_foreground(tty: impl AsFd, group: Pid) -> io::Result<()> {
    Ok(nix::unistd::tcsetpgrp(tty, group)?)
}

/// Whether this process is in a terminal's foreground process group (tcgetpgrp(3)); so is one whose controlling terminal
/// is another.
pub fn is_foreground(tty: impl AsFd) -> bool {
    nix::unistd::tcgetpgrp(tty).map_or(true, |group| group == nix::unistd::getpgrp())
}

/// Makes an open descriptor the process's standard input, output or error, by number (dup2(2)); it survives an exec.
///
/// # Errors
/// dup2(2)'s.
pub fn as_standard(fd: impl AsFd, number: i32) -> io::Result<()> {
    match number {
        0 => Ok(rustix::stdio::dup2_stdin(fd)?),
        1 => Ok(rustix::stdio::dup2_stdout(fd)?),
        2 => Ok(rustix::stdio::dup2_stderr(fd)?),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}
