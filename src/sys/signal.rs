//! Signals as events (signalfd(2)), and giving a new program the dispositions it expects.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

pub use nix::sys::signal::Signal;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, sigaction, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::process::Pid;

/// Signals that arrive at a descriptor instead of interrupting. They are blocked for as long as the value lives.
#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
    previous: SigSet,
}

/// A signal that arrived, and who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Which one.
    pub signal: Signal,
    /// The sender, 0 for the kernel or for a process outside the pid namespace.
    pub sender: i32,
}

impl Signals {
    /// Blocks these signals and opens a descriptor for them.
    ///
    /// # Errors
    /// signalfd(2)'s.
    pub fn watch(signals: &[Signal]) -> io::Result<Self> {
        let set: SigSet = signals.iter().copied().collect();
        let mut previous = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), Some(&mut previous))?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { fd, previous })
    }

    /// The next signal that has arrived, if any.
    ///
    /// # Errors
    /// read(2)'s.
    pub fn next(&self) -> io::Result<Option<Arrival>> {
        let Some(info) = self.fd.read_signal()? else { return Ok(None) };
        let signal = i32::try_from(info.ssi_signo).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Some(Arrival {
            signal: Signal::try_from(signal)?,
            sender: i32::try_from(info.ssi_pid).map_err(|_| io::ErrorKind::InvalidData)?,
        }))
    }

    /// Puts the mask back as it was before [`Signals::watch`], in a forked child that goes on to another program.
    ///
    /// # Errors
    /// sigprocmask(2)'s.
    pub fn restore_mask(&self) -> io::Result<()> {
        Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.previous), None)?)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // There is nobody to tell, and a mask that was valid once still is.
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.previous), None);
    }
}

/// Gives a signal its default action.
///
/// # Errors
/// sigaction(2)'s.
pub fn set_default(signal: Signal) -> io::Result<()> {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of this process.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

/// Gives every signal its default action and lets all of them in, as a first program expects it.
///
/// # Errors
/// sigprocmask(2)'s.
pub fn reset_all() -> io::Result<()> {
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: the default action runs no code of this process. The two that cannot be changed, and those that the C
        // library keeps for itself, are refused.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
}

/// Sends a signal to this process itself, and returns when it has been acted upon: after a stop, when it is continued.
///
/// # Errors
/// kill(2)'s.
pub fn raise(signal: Signal) -> io::Result<()> {
    Ok(nix::sys::signal::raise(signal)?)
}

/// Sends a signal to a process.
///
/// # Errors
/// kill(2)'s.
pub fn kill(pid: Pid, signal: Signal) -> io::Result<()> {
    Ok(nix::sys::signal::kill(pid, signal)?)
}

/// Sends a signal by its number to a process: a real-time one (signal(7)) has no name.
///
/// # Errors
/// kill(2)'s; `EINVAL` for what is no signal.
pub fn kill_by_number(pid: Pid, signal: i32) -> io::Result<()> {
    // SAFETY: two integers go into the kernel, and nothing of this process's memory.
    let sent = unsafe { libc::kill(pid.as_raw(), signal) };
    if sent == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a signal to a process group.
///
/// # Errors
/// kill(2)'s.
pub fn kill_group(group: Pid, signal: Signal) -> io::Result<()> {
    Ok(nix::sys::signal::killpg(group, signal)?)
}

/// Sends a signal to every process the caller may signal but itself and init: in a pid namespace, for its init, all of it
/// (kill(2), pid -1). `None` asks only whether there is any.
///
/// # Errors
/// `ESRCH` if there is none.
pub fn kill_all(signal: Option<Signal>) -> io::Result<()> {
    Ok(nix::sys::signal::kill(Pid::from_raw(-1), signal)?)
}
