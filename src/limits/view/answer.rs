//! Answers sysinfo(2) in the place of the kernel.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::SysInfo;
use crate::sys::seccomp::{self, Call, Event, Reply};

/// Those who ask: a descriptor for each session of the box.
#[derive(Debug, Default)]
pub struct Answerer {
    listeners: Vec<OwnedFd>,
}

impl Answerer {
    /// Takes over a listener, which [`seccomp::listen`] has made.
    pub fn add(&mut self, listener: OwnedFd) {
        self.listeners.push(listener);
    }

    /// What is to be waited for.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.listeners.iter().map(OwnedFd::as_fd)
    }

    /// Answers one call of each listener, with what `info` says, and drops those that nobody can call any more. `proc`: of a
    /// pid namespace in which the callers are.
    pub fn turn(&mut self, proc: impl AsFd, mut info: impl FnMut() -> io::Result<SysInfo>) {
        self.listeners.retain(|listener| match seccomp::next_event(listener) {
            Ok(Event::Called(call)) => {
                let reply = match info().and_then(|info| write(listener, &proc, &call, info)) {
                    Ok(()) => Reply::Returns(0),
                    // The kernel's own answer is better than none, and it knows what is wrong with the address.
                    Err(_) => Reply::MakeTheCall,
                };
                // It may have been killed meanwhile.
                let _ = seccomp::reply(listener, &call, reply);
                true
            }
            Ok(Event::Nothing) => true,
            Ok(Event::Over) | Err(_) => false,
        });
    }
}

/// Writes into the caller's memory what the call's argument points to.
fn write(listener: &OwnedFd, proc: impl AsFd, call: &Call, info: SysInfo) -> io::Result<()> {
    let memory = seccomp::memory_of(listener, proc, call)?;
    seccomp::write_memory(&memory, call.arguments[0], &info.to_memory())
}
