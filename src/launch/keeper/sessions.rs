//! The sessions of a box, as its keeper knows them: what they say, and what is left of those that died.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{ENDING, Keeper, LAST_WORDS, System, ended_by_init};
use crate::launch::protocol::{Heard, Report, Request};
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Pid};
use crate::sys::signal::{self, Signal};
use crate::sys::{fs, root};

/// Words of one session that are heard before anything is done about them. An honest one has no more than three.
const MOST_WORDS: u32 = 8;

/// A connection, which is a session as soon as it says so.
pub(super) struct Session {
    pub(super) connection: OwnedFd,
    pub(super) leader: Option<Pid>,
    /// The image's own command, and the signal that asks it to end.
    pub(super) main: Option<(Pid, i32)>,
    said_bye: bool,
    /// Whether it is to be told when the init has booted.
    awaits_boot: bool,
    /// Whether it was told that what runs here is about to end.
    pub(super) awaits_next: bool,
}

impl Session {
    pub(super) fn new(connection: OwnedFd) -> Self {
        Self { connection, leader: None, main: None, said_bye: false, awaits_boot: false, awaits_next: false }
    }
}

impl Keeper<'_> {
    /// Takes in all that sessions have said by now, and only then stops if one of them wants that: a session says who it is
    /// before what it wants, and both may be waiting to be heard.
    pub(super) fn hear_sessions(&mut self) {
        let mut stop = None;
        for _ in 0..MOST_WORDS {
            if !self.hear_each(&mut stop) {
                break;
            }
        }
        // Which signal it is for whom, the sessions know.
        if let Some(grace) = stop {
            self.begin_stop(grace);
        }
    }

    /// Hears one word of each session that has one; `false` where none has.
    fn hear_each(&mut self, stop: &mut Option<u32>) -> bool {
        let read = Ready { read: true, write: false };
        let fds: Vec<_> = self.sessions.iter().map(|session| (session.connection.as_fd(), read)).collect();
        let Ok(ready) = poll::wait(&fds, Some(Duration::ZERO)) else { return false };
        let heard = ready.iter().any(|ready| ready.read);
        let mut ready = ready.into_iter();
        let mut kept = Vec::new();
        for mut session in std::mem::take(&mut self.sessions) {
            if !ready.next().is_some_and(|ready| ready.read) {
                kept.push(session);
                continue;
            }
            match Request::receive(&session.connection) {
                Ok(Some(heard)) => {
                    if let Request::Stop(grace) = heard.request {
                        *stop = Some(stop.map_or(grace, |other| other.min(grace)));
                    }
                    self.heed(&mut session, heard);
                    kept.push(session);
                }
                Ok(None) | Err(_) => self.part_with(&session),
            }
        }
        self.sessions = kept;
        heard
    }

    fn heed(&mut self, session: &mut Session, heard: Heard) {
        // A process outside of the box has no number here.
        let sender = heard.sender.filter(|pid| pid.as_raw() > 0);
        match (heard.request, &mut self.system) {
            (Request::Session, _) => session.leader = sender,
            (Request::Main(signal), _) => session.main = sender.map(|pid| (pid, signal)),
            (Request::Bye, _) => session.said_bye = true,
            (Request::Console, Some(system)) => heard.fds.into_iter().for_each(|fd| system.console.attach(fd)),
            (Request::Resize(columns, rows), Some(system)) => system.console.resize(columns, rows),
            (Request::AwaitBoot, Some(system)) if !system.has_booted() => session.awaits_boot = true,
            // Whoever asks before the keeper has gone, and after the init has.
            (Request::AwaitBoot, None) if self.over => drop(ended_by_init().send(&session.connection)),
            // Of what is no system, whatever there is has been started.
            (Request::AwaitBoot, _) => drop(Report::Ready.send(&session.connection)),
            // Not of a process in the box: that would be its limits' own master.
            (Request::Bounds(bounds), Some(system)) if sender.is_none() => system.bounds = bounds,
            (Request::Stop(_) | Request::Console | Request::Resize(..) | Request::Bounds(_), _) => {}
        }
    }

    /// Tells those who wait for it what has become of the boot.
    pub(super) fn tell_of_boot(&mut self, outcome: &Report) {
        for session in self.sessions.iter_mut().filter(|session| session.awaits_boot) {
            session.awaits_boot = false;
            // Who has gone shows when they are listened to.
            let _ = outcome.send(&session.connection);
        }
    }

    fn part_with(&mut self, session: &Session) {
        self.full = false;
        if let (Some(leader), false) = (session.leader, session.said_bye) {
            self.signal_session(leader, Signal::SIGHUP);
            self.signal_session(leader, Signal::SIGCONT);
            self.condemned.push((leader, Instant::now() + LAST_WORDS));
        } else if let (Some(leader), Some(_), Some(_)) = (session.leader, session.main, self.stopping) {
            // The image's command was left to end what it had started, and has ended itself.
            for signal in ENDING {
                self.signal_session(leader, signal);
            }
        }
    }

    pub(super) fn end_condemned(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let (due, waiting) = std::mem::take(&mut self.condemned).into_iter().partition(|(_, at)| *at <= now);
        self.condemned = waiting;
        let due: Vec<(Pid, Instant)> = due;
        for (leader, _) in due {
            // A leader's parent is outside of the box, so its end is no event here: it is looked for once more.
            if self.signal_session(leader, Signal::SIGKILL) {
                self.condemned.push((leader, now + LAST_WORDS));
            }
        }
        if !self.killed && self.stopping.is_some_and(|at| at <= now) {
            self.killed = true;
            self.system.iter().for_each(System::kill);
            return ignore_none(signal::kill_all(Some(Signal::SIGKILL)));
        }
        Ok(())
    }

    /// Signals every process of a session, whatever its process group, and says whether there was any.
    pub(super) fn signal_session(&self, leader: Pid, signal: Signal) -> bool {
        let members = self.processes().filter(|&pid| process::session_of(pid).is_ok_and(|session| session == leader));
        members.fold(false, |_, pid| {
            // It may have ended in between.
            let _ = signal::kill(pid, signal);
            true
        })
    }

    /// The processes of the box, this one left out, and the one that shows it its limits.
    pub(super) fn processes(&self) -> impl Iterator<Item = Pid> {
        let entries = fs::list(&self.proc).unwrap_or_default();
        let pids = entries.into_iter().filter_map(|(name, _)| name.to_str()?.parse().ok());
        let ours = |pid| pid == 1 || self.view.as_ref().is_some_and(|view| view.is_server(pid));
        pids.filter(move |&pid| !ours(pid)).map(Pid::from_raw)
    }

    /// Whether nothing lives in the box but this process. What is dead and waits to be collected does not count: a session's
    /// program is its parent's to collect, which is outside, and may be gone itself.
    pub(super) fn is_alone(&self) -> bool {
        signal::kill_all(None).is_err() || self.processes().all(|pid| is_dead(&self.proc, pid))
    }
}

/// Whether a process is a zombie, or gone (proc_pid_stat(5), field 3).
fn is_dead(proc: &OwnedFd, pid: Pid) -> bool {
    stat_field(proc, pid, 3).is_none_or(|state| state == "Z" || state == "X")
}

/// Whether a process is on its way out: an init stays there until all of its namespace are dead and collected, and nothing can
/// be begun in that any more (pid_namespaces(7); linux/sched.h, `PF_EXITING`).
pub(super) fn is_exiting(proc: &OwnedFd, pid: Pid) -> bool {
    const PF_EXITING: u32 = 4;
    let is_set = |flags: String| flags.parse::<u32>().is_ok_and(|flags| flags & PF_EXITING != 0);
    stat_field(proc, pid, 9).is_none_or(is_set)
}

/// A field of a process's status, by its number in proc_pid_stat(5), from the third on: `None` for a process that is gone, and
/// empty for one that cannot be looked at now.
fn stat_field(proc: &OwnedFd, pid: Pid, number: usize) -> Option<String> {
    match root::read(proc, Path::new(&format!("{pid}/stat"))) {
        Ok(stat) => process::stat_field(&String::from_utf8_lossy(&stat), number).map(str::to_owned),
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH) => None,
        Err(_) => Some(String::new()),
    }
}

/// "No such process" (errno(3)).
const ESRCH: i32 = 3;

fn ignore_none(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.raw_os_error() == Some(ESRCH) { Ok(()) } else { Err(error) })
}
