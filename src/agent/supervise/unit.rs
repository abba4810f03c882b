//! One service: its process, and what becomes of it.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use super::log::Log;
use super::place;
use super::policy::{Falls, Next};
use super::probe::{Look, Readiness};
use super::spawn::Starter;
use super::spec::{Caller, Spec};
use super::wire::{Exit, State, Status};
use crate::sys::family::Family;
use crate::sys::process::{self, Ended, Pid};
use crate::sys::signal::{self, Signal, Signals};
use crate::sys::{socket, stream};

/// What all services are started with.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) starter: Starter,
    pub(super) signals: Signals,
    pub(super) caller: Caller,
}

/// A service.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) spec: Spec,
    pub(super) status: Status,
    /// Whether it is to run.
    pub(super) wanted: bool,
    /// What it is to be when it has ended: the recipe has changed, or somebody changed their mind.
    renewed: Option<Spec>,
    process: Option<Running>,
    falls: Falls,
    /// When it is started again.
    again: Option<Instant>,
    /// Whether its status has changed since that was last asked.
    news: bool,
}

#[derive(Debug)]
struct Running {
    pid: Pid,
    output: OwnedFd,
    log: Log,
    started: Instant,
    readiness: Readiness,
    /// When it is killed.
    kill_at: Option<Instant>,
    /// Why it was told to end, if not because nobody wants it.
    fault: Option<String>,
}

/// Bytes that are read of a service's output in one go: others have something to say, too.
const AT_ONCE: usize = 64 << 10;
/// How often what was killed is looked for again.
const KILL_AGAIN: Duration = Duration::from_secs(1);

impl Unit {
    pub(super) fn new(name: &str, spec: Spec) -> Self {
        Self {
            spec,
            status: Status::stopped(name),
            wanted: false,
            renewed: None,
            process: None,
            falls: Falls::default(),
            again: None,
            news: false,
        }
    }

    /// Whether it runs, or is going to.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.status.state, State::Stopped | State::Exited | State::Failed)
    }

    /// Whether those that need it can be started.
    pub(super) fn is_there(&self) -> bool {
        matches!(self.status.state, State::Ready | State::Exited)
    }

    /// Asks for it. One that runs as it should stays as it is.
    pub(super) fn want(&mut self, spec: &Spec) {
        self.wanted = true;
        if !self.is_alive() {
            self.spec = spec.clone();
            self.begin_waiting();
        } else if self.process.is_none() {
            self.spec = spec.clone();
        } else if self.spec != *spec || self.status.state == State::Stopping {
            self.renewed = Some(spec.clone());
            self.stop(None);
        }
    }

    fn begin_waiting(&mut self) {
        self.falls = Falls::default();
        self.status.restarts = 0;
        self.status.ended = None;
        self.be(State::Waiting, None);
    }

    /// Nobody asks for it any more.
    pub(super) fn let_go(&mut self) {
        self.wanted = false;
        self.renewed = None;
        if self.process.is_none() && self.is_alive() {
            self.be(State::Stopped, None);
        }
    }

    /// It cannot be.
    pub(super) fn fail(&mut self, reason: String) {
        self.be(State::Failed, Some(reason));
    }

    /// Starts its program.
    pub(super) fn start(&mut self, means: &Means, now: Instant) {
        self.again = None;
        match self.launch(means, now) {
            Ok(running) => {
                self.status.pid = Some(running.pid.as_raw());
                self.process = Some(running);
                self.status.took = None;
                self.be(State::Starting, None);
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn launch(&self, means: &Means, now: Instant) -> io::Result<Running> {
        let log = Log::open(place::logs()?, &self.status.name)?;
        let (output, input) = process::pipe()?;
        socket::set_nonblocking(&output)?;
        let pid = means.starter.start(&self.spec.run, &self.spec, &means.caller, &means.signals, Some(&input))?;
        let readiness = Readiness::new(self.spec.ready.clone(), now);
        Ok(Running { pid, output, log, started: now, readiness, kill_at: None, fault: None })
    }

    /// Asks its process to end, for this reason, if it is one that makes it a failure.
    pub(super) fn stop(&mut self, fault: Option<String>) {
        let Some(running) = &mut self.process else { return };
        if self.status.state == State::Stopping {
            return;
        }
        running.fault = fault;
        running.kill_at = Some(Instant::now() + Duration::from_secs(self.spec.stop_time.into()));
        if let Some(probe) = running.readiness.running() {
            let _ = signal::kill_group(probe, Signal::SIGKILL);
        }
        // It may have ended in between.
        let _ = signal::kill_by_number(running.pid, self.spec.stop_signal);
        let _ = signal::kill_group(running.pid, Signal::SIGCONT);
        self.be(State::Stopping, None);
    }

    /// Goes on with whatever it is time for.
    pub(super) fn turn(&mut self, means: &Means, now: Instant) {
        match self.status.state {
            State::Restarting if self.again.is_some_and(|at| at <= now) => {
                self.status.restarts += 1;
                self.start(means, now);
            }
            State::Starting => self.look(means, now),
            State::Stopping => self.kill_if_due(now),
            _ => {}
        }
    }

    fn look(&mut self, means: &Means, now: Instant) {
        let Some(running) = &mut self.process else { return };
        match running.readiness.look(now) {
            Look::Ready => {
                self.status.took = now.duration_since(running.started).as_millis().try_into().ok();
                self.be(State::Ready, None);
            }
            Look::NotYet => {}
            Look::TooLate => {
                let within = running.readiness.within();
                self.wanted = false;
                self.stop(Some(format!("not ready after {within} s")));
            }
            Look::Start(words) => match means.starter.start(&words, &self.spec, &means.caller, &means.signals, None) {
                Ok(pid) => running.readiness.started(pid, now),
                Err(error) => {
                    running.log.remark(&format!("cannot look whether it is ready: {error}"), SystemTime::now());
                }
            },
            Look::Kill(pid) => drop(signal::kill_group(pid, Signal::SIGKILL)),
        }
    }

    /// The whole group, and whoever has left it and is still a descendant.
    fn kill_if_due(&mut self, now: Instant) {
        let Some(running) = &mut self.process else { return };
        if running.kill_at.is_some_and(|at| at <= now) {
            running.kill_at = Some(now + KILL_AGAIN);
            for pid in Family::here().map(|family| family.of(running.pid)).unwrap_or_default() {
                let _ = signal::kill(pid, Signal::SIGKILL);
            }
            let _ = signal::kill_group(running.pid, Signal::SIGKILL);
        }
    }

    /// A child of the supervisor's has ended; whether it was one of this service's.
    pub(super) fn take_end(&mut self, pid: Pid, ended: Ended, now: Instant) -> bool {
        let Some(running) = &mut self.process else { return false };
        if running.readiness.take_end(pid, ended) {
            return true;
        }
        if running.pid != pid {
            return false;
        }
        self.read_output();
        let Some(mut running) = self.process.take() else { return true };
        // What it has left in its group has nobody who looks after it.
        let _ = signal::kill_group(pid, Signal::SIGKILL);
        if let Some(probe) = running.readiness.running() {
            let _ = signal::kill_group(probe, Signal::SIGKILL);
        }
        let exit = Exit::from(ended);
        running.log.remark(&format!("ended: {exit}"), SystemTime::now());
        self.status.pid = None;
        self.status.ended = Some(exit);
        match (self.status.state, running.fault.take(), self.renewed.take()) {
            (State::Stopping, Some(fault), _) => self.fail(fault),
            (State::Stopping, None, Some(spec)) => {
                self.spec = spec;
                self.begin_waiting();
            }
            (State::Stopping, None, None) => self.be(State::Stopped, None),
            _ => self.decide(ended, now.duration_since(running.started), now),
        }
        true
    }

    fn decide(&mut self, ended: Ended, lived: Duration, now: Instant) {
        let exit = Exit::from(ended);
        let was_ready = self.status.state == State::Ready || self.spec.ready.is_none();
        match self.falls.next(self.spec.restart, ended, lived) {
            Next::Again(pause) => {
                self.again = Some(now + pause);
                self.be(State::Restarting, Some(exit.to_string()));
            }
            Next::Rest if was_ready => self.be(State::Exited, None),
            Next::Rest => self.fail(format!("{exit}, before it was ready")),
            Next::Fail => self.fail(exit.to_string()),
            Next::Loop => self.fail(format!("ends again and again: {exit}")),
        }
    }

    /// Takes in what it has printed.
    pub(super) fn read_output(&mut self) {
        let Some(running) = &mut self.process else { return };
        let mut buffer = vec![0; AT_ONCE];
        if let Ok(Some(length @ 1..)) = stream::read(&running.output, &mut buffer) {
            running.log.add(&buffer[..length], SystemTime::now());
            running.readiness.hear(&buffer[..length]);
        }
    }

    /// Its output, if it may have any.
    pub(super) fn output(&self) -> Option<BorrowedFd<'_>> {
        self.process.as_ref().map(|running| running.output.as_fd())
    }

    /// When there is something to do about it.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.status.state {
            State::Restarting => self.again,
            State::Starting => self.process.as_ref().map(|running| running.readiness.due()),
            State::Stopping => self.process.as_ref().and_then(|running| running.kill_at),
            _ => None,
        }
    }

    fn be(&mut self, state: State, reason: Option<String>) {
        self.status.state = state;
        self.status.reason = reason;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.status.since = since.as_secs();
        self.news = true;
    }

    /// Its status, if that is news.
    pub(super) fn news(&mut self) -> Option<Status> {
        std::mem::take(&mut self.news).then(|| self.status.clone())
    }
}
