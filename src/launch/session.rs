//! The side of a session that stays outside of the box: it waits, passes signals and terminal bytes on, and returns how
//! the program ended.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use super::follow::Follower;
use super::payload;
use super::protocol::Request;
use super::pump::{Pump, Turn};
use super::word::Word;
use super::{Error, Live, group};
use crate::limits::systemd::Manager;
use crate::plan::SessionPlan;
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Ended, Fork, Pid, SingleThread};
use crate::sys::signal::{self, Signal, Signals};
use crate::sys::socket;

/// Signals that are passed on to the program, as if it had been started here.
const PASSED_ON: [Signal; 8] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGIO,
];

/// Signals that mean something to the session itself. `SIGTTOU` is only blocked: whoever changes a terminal's settings or
/// foreground from the background would be stopped by it (tcsetpgrp(3)).
const HANDLED: [Signal; 5] = [Signal::SIGCHLD, Signal::SIGWINCH, Signal::SIGTSTP, Signal::SIGCONT, Signal::SIGTTOU];

/// A terminal's name and its compiled description (term(5)), for a box that does not know it.
pub type Terminfo = (String, Vec<u8>);

/// Runs a program in a live box and returns how it ended. `manager` knows whom to ask for a place in a cgroup of systemd's;
/// `note` gets what the user should know.
///
/// # Errors
/// [`Error::Join`], [`Error::Exec`], [`Error::NoShell`], [`Error::WorkDir`], [`Error::Session`].
pub fn run(
    proof: &SingleThread,
    live: Live,
    plan: &SessionPlan,
    terminfo: Option<Terminfo>,
    manager: &dyn Fn() -> Option<Manager>,
    note: &mut dyn FnMut(&str),
) -> Result<Ended, Error> {
    let fail = |what| move |source| Error::Session { what, source };
    if live.is_ending() {
        return Err(Error::Ending);
    }
    let watched: Vec<Signal> = PASSED_ON.into_iter().chain(HANDLED).collect();
    let signals = Signals::watch(&watched).map_err(fail("watch for signals"))?;
    let follower = Follower::new(plan);

    // This process joins only what its child needs it to: a pid namespace counts for children, and takes the user
    // namespace's privilege. It stays in the host's mount namespace, and holds nothing of the box's open.
    live.join_outer(proof).map_err(|source| Error::Join { what: "enter its namespaces", source })?;
    follower.refresh_all(&live.run_dir).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Ending,
        _ => Error::Session { what: "write the box's resolver configuration", source },
    })?;
    let (words, word) = socket::pair().map_err(fail("make a socket pair"))?;
    let forked =
        live.payload.as_ref().map_or_else(|| process::fork(proof), |payload| group::fork(proof, payload, manager));
    match forked.map_err(ending)? {
        Fork::Child => {
            drop(words);
            process::finish(|| payload::start(proof, live, plan, terminfo, &signals, &word))
        }
        Fork::Parent(child) => {
            drop(word);
            let FirstWords { terminal, login } = hear_first_words(&words, note).inspect_err(|_| {
                // It has nothing left to say and ends. Uncollected, it would keep the box's first process from leaving.
                let _ = process::wait(child);
            })?;
            if plan.detached {
                process::wait(child).map_err(fail("wait for its start"))?;
                return Ok(Ended::Exited(0));
            }
            let pump = terminal.map(Pump::new).transpose().map_err(fail("prepare the terminal"))?;
            let (connection, run_dir) = live.into_ends();
            let mut session = Session { child, signals, words, pump, follower, connection, run_dir, _login: login };
            match session.attend().map_err(fail("attend to the session"))? {
                Outcome::Ended(ended) => {
                    // A keeper that has gone has no more to hear.
                    let _ = Request::Bye.send(&session.connection);
                    Ok(ended)
                }
                // Without a farewell the keeper ends whatever does not go by itself.
                Outcome::HungUp => Ok(Ended::Killed(Signal::SIGHUP as i32)),
            }
        }
    }
}

/// How a session came to its end.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// The program ended.
    Ended(Ended),
    /// The terminal is gone, and closing the pseudo-terminal's master hangs up on all that uses it in the box.
    HungUp,
}

/// In a pid namespace whose init has ended, nothing can be forked any more (fork(2), `ENOMEM`), nor into a cgroup that this init
/// has removed (cgroups(7), `ENODEV`; its files are gone).
fn ending(source: io::Error) -> Error {
    const ENODEV: i32 = 19;
    match source.kind() {
        io::ErrorKind::OutOfMemory | io::ErrorKind::NotFound => Error::Ending,
        _ if source.raw_os_error() == Some(ENODEV) => Error::Ending,
        // The cgroup above this process's and the box's is not the user's (cgroups(7), "Delegation containment").
        io::ErrorKind::PermissionDenied => Error::OtherGround { source },
        _ => Error::Session { what: "fork", source },
    }
}

/// What a session has got by the time that its program runs.
#[derive(Default)]
struct FirstWords {
    /// The master of its terminal.
    terminal: Option<OwnedFd>,
    /// What holds it for the box's logind.
    login: Option<OwnedFd>,
}

/// Until the program runs: notes, the terminal, and what went wrong.
fn hear_first_words(words: &OwnedFd, note: &mut dyn FnMut(&str)) -> Result<FirstWords, Error> {
    let mut first = FirstWords::default();
    loop {
        match Word::receive(words).map_err(|source| Error::Session { what: "hear from the box", source })? {
            Word::Note(text) => note(&text),
            Word::Terminal(master) => first.terminal = Some(master),
            Word::Login(held) => first.login = Some(held),
            Word::Failed(failure) => return Err(failure.into()),
            Word::Stopped | Word::Running => return Ok(first),
        }
    }
}

struct Session {
    child: Pid,
    signals: Signals,
    words: OwnedFd,
    pump: Option<Pump>,
    follower: Follower,
    connection: OwnedFd,
    run_dir: OwnedFd,
    /// Closed, it ends the session for the box's logind.
    _login: Option<OwnedFd>,
}

impl Session {
    fn attend(&mut self) -> io::Result<Outcome> {
        let mut words_open = true;
        loop {
            let read = |read| Ready { read, write: false };
            let mut fds = vec![(self.signals.as_fd(), read(true)), (self.words.as_fd(), read(words_open))];
            fds.extend(self.follower.as_fd().map(|fd| (fd, read(true))));
            let before_pump = fds.len();
            fds.extend(self.pump.iter().flat_map(Pump::wants));
            let ready = poll::wait(&fds, self.pump.as_ref().and_then(Pump::patience))?;
            if let Some(pump) = &mut self.pump {
                pump.look()?;
                if pump.turn(&ready[before_pump..])? != Turn::GoesOn {
                    return Ok(Outcome::HungUp);
                }
            }
            if before_pump > 2 && ready[2].read {
                self.follower.refresh_changed(&self.run_dir)?;
            }
            if ready[1].read {
                match Word::receive(&self.words) {
                    Ok(Word::Stopped) => self.suspend()?,
                    // The other end is closed: the program runs, or has ended and is about to be collected.
                    _ => words_open = false,
                }
            }
            while let Some(arrival) = self.signals.next()? {
                if let Some(outcome) = self.handle(arrival.signal)? {
                    return Ok(outcome);
                }
            }
        }
    }

    fn handle(&mut self, signal: Signal) -> io::Result<Option<Outcome>> {
        match (signal, &mut self.pump) {
            (Signal::SIGCHLD, _) => return self.collect(),
            (Signal::SIGWINCH, Some(pump)) => pump.resize()?,
            (Signal::SIGHUP, Some(_)) => return Ok(Some(Outcome::HungUp)),
            // Without a terminal of its own the program is no part of the caller's job, so it is stopped along with it.
            (Signal::SIGTSTP, None) => {
                pass_on(self.child, Signal::SIGSTOP);
                signal::raise(Signal::SIGSTOP)?;
                pass_on(self.child, Signal::SIGCONT);
            }
            // Whoever had the terminal meanwhile may have set it otherwise.
            (Signal::SIGCONT, Some(pump)) => pump.resume()?,
            (Signal::SIGTSTP | Signal::SIGCONT | Signal::SIGWINCH | Signal::SIGTTOU, _) => {}
            (other, _) => pass_on(self.child, other),
        }
        Ok(None)
    }

    fn collect(&mut self) -> io::Result<Option<Outcome>> {
        // This one only: others may be somebody else's to wait for.
        let Some(ended) = process::try_wait(self.child)? else { return Ok(None) };
        if let Some(pump) = &mut self.pump {
            pump.drain()?;
        }
        Ok(Some(Outcome::Ended(ended)))
    }

    /// Job control inside has stopped the program: stop too, so that the caller's shell takes over, and go on with it.
    fn suspend(&mut self) -> io::Result<()> {
        if let Some(pump) = &mut self.pump {
            pump.pause()?;
            signal::raise(Signal::SIGSTOP)?;
            pump.resume()?;
        }
        // To the leader of the session, which passes it on.
        pass_on(self.child, Signal::SIGCONT);
        Ok(())
    }
}

/// To the program's whole process group: it is the leader of its own session, so what it started is in there too.
fn pass_on(child: Pid, signal: Signal) {
    // It may have ended in between.
    let _ = signal::kill_group(child, signal).or_else(|_| signal::kill(child, signal));
}
