//! The keeper: PID 1 of an application box. It builds the root, hands out the namespaces to whoever may have them, reaps
//! what is orphaned, ends what a dead session left, and leaves when there is nothing left to keep.
//!
//! It is a fork of the program that started it and executes nothing, so a process in the box can neither trace it nor
//! reach the host's binary through `/proc/1/exe` (CVE-2019-5736): its memory belongs to the host's user namespace, and
//! it is not dumpable. That is also why sessions get the namespaces from its socket and not by its pid: setns(2) with a
//! pidfd needs the very access that is denied to all.

mod raise;

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::boot::own_namespaces;
use super::protocol::{HELLO, Request, extra};
use super::view::View;
use crate::limits::Membership;
use crate::plan::{BootPlan, RUN_DIR};
use crate::recipe::settings::Network;
use crate::sys::family::Family;
use crate::sys::namespace::Kind;
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Change, Pid};
use crate::sys::root::{self, Open};
use crate::sys::signal::{self, Signal, Signals};
use crate::sys::{fs, lock, socket};
pub(super) use raise::{Ends, start};

/// The outer namespaces of a box: the user namespace that built it, and the pid namespace that belongs to that one. Names
/// are those under `/proc/PID/ns`; the order is that in which a session joins them.
pub(super) const OUTER: [(Kind, &str); 2] = [(Kind::User, "user"), (Kind::ProcessID, "pid")];

/// The inner namespaces: the user namespace behind the seal, and those that belong to it.
pub(super) const INNER: [(Kind, &str); 5] = [
    (Kind::User, "user"),
    (Kind::Mount, "mnt"),
    (Kind::InterProcessCommunication, "ipc"),
    (Kind::HostNameAndNISDomainName, "uts"),
    (Kind::ControlGroup, "cgroup"),
];

/// What asks a process to end: a shell that waits for its user ignores `SIGTERM`, and leaves at `SIGHUP`.
const ENDING: [Signal; 3] = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCONT];

/// How long what is left of a dead session has between `SIGHUP` and `SIGKILL`.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often a keeper that has been told to end looks whether all have gone.
const LAST_LOOKS: Duration = Duration::from_millis(5);

/// A keeper looks this often at the most whether it may leave.
const SHORTEST_LINGER: Duration = Duration::from_millis(100);

/// Words of one session that are heard before anything is done about them. An honest one has no more than three.
const MOST_WORDS: u32 = 8;

/// "Too many open files", in the system and in the process (errno(3)).
const NO_DESCRIPTOR: [i32; 2] = [23, 24];

struct Keeper {
    signals: Signals,
    listener: OwnedFd,
    lock: OwnedFd,
    linger: Duration,
    /// Sent to every session: the first packet, and its descriptors.
    hello: Vec<u8>,
    handout: Vec<OwnedFd>,
    /// What shows the box its limits, where it has some.
    view: Option<View>,
    /// `/proc` as it was before any program of the box ran.
    proc: OwnedFd,
    sessions: Vec<Session>,
    /// Sessions that died without a word, and when what is left of them is killed.
    condemned: Vec<(Pid, Instant)>,
    /// Set by [`Request::Stop`]: when all is killed.
    stopping: Option<Instant>,
    /// Whether that has been done.
    killed: bool,
    idle_since: Option<Instant>,
    /// There is no descriptor left for another connection: the next one waits until a session has ended.
    full: bool,
}

struct Session {
    connection: OwnedFd,
    leader: Option<Pid>,
    /// The image's own command, and the signal that asks it to end.
    main: Option<(Pid, i32)>,
    said_bye: bool,
}

impl Keeper {
    fn new(
        listener: OwnedFd,
        lock: OwnedFd,
        outer: Vec<OwnedFd>,
        plan: &BootPlan,
        member: Option<&Membership>,
        view: Option<View>,
    ) -> io::Result<Self> {
        // Each session costs one, and the limit is that of whoever happened to come first.
        process::raise_descriptor_limit()?;
        let signals = Signals::watch(&[Signal::SIGCHLD, Signal::SIGTERM])?;
        let mut handout = outer;
        handout.extend(own_namespaces(&INNER)?);
        handout.push(root::open_absolute(Path::new(RUN_DIR), Open::Directory)?);
        let mut hello = HELLO.to_vec();
        if plan.network != Network::Host {
            hello.push(extra::NETWORK);
            handout.extend(own_namespaces(&[(Kind::Network, "net")])?);
        }
        if let Some(member) = member {
            hello.push(extra::PAYLOAD);
            handout.push(member.payload.try_clone()?);
        }
        if let Some(view) = &view {
            hello.push(if view.answers() { extra::SYSINFO } else { extra::VIEW });
            handout.push(view.handout().try_clone()?);
        }
        let proc = root::open_absolute(Path::new("/proc"), Open::Directory)?;
        socket::set_nonblocking(&listener)?;
        socket::start_listening(&listener)?;
        Ok(Self {
            signals,
            listener,
            lock,
            linger: Duration::from_secs(u64::from(plan.linger)).max(SHORTEST_LINGER),
            hello,
            handout,
            view,
            proc,
            sessions: Vec::new(),
            condemned: Vec::new(),
            stopping: None,
            killed: false,
            idle_since: Some(Instant::now()),
            full: false,
        })
    }

    fn keep(&mut self) -> io::Result<()> {
        loop {
            self.wait()?;
            self.reap()?;
            if let Some(view) = &mut self.view {
                view.turn(self.stopping.is_some());
            }
            self.take_connections()?;
            self.hear_sessions();
            self.end_condemned()?;
            if self.is_over()? {
                return Ok(());
            }
        }
    }

    /// Waits for whatever comes next: a signal, a connection, a word of a session, or the end of a term.
    fn wait(&self) -> io::Result<()> {
        let read = Ready { read: true, write: false };
        let knocking = Ready { read: !self.full, write: false };
        let mut fds = vec![(self.signals.as_fd(), read), (self.listener.as_fd(), knocking)];
        fds.extend(self.sessions.iter().map(|session| (session.connection.as_fd(), read)));
        fds.extend(self.view.iter().flat_map(View::fds).map(|fd| (fd, read)));
        let terms = self.condemned.iter().map(|(_, at)| *at);
        // The end of a session's program is reported to its parent, outside, and to nobody here.
        let terms = terms.chain(self.stopping.map(|_| Instant::now() + LAST_LOOKS));
        let terms = terms.chain(self.idle_since.map(|since| since + self.linger));
        let terms = terms.chain(self.view.as_ref().and_then(View::term).filter(|_| self.stopping.is_none()));
        let timeout = terms.min().map(|at| at.saturating_duration_since(Instant::now()));
        poll::wait(&fds, timeout)?;
        Ok(())
    }

    fn reap(&mut self) -> io::Result<()> {
        while let Some(arrival) = self.signals.next()? {
            if arrival.signal == Signal::SIGTERM {
                self.begin_stop(10);
            }
        }
        while let Some(change) = process::reap(false)? {
            if let (Some(view), Change::Ended(pid, _)) = (&mut self.view, change) {
                view.child_ended(pid);
            }
        }
        Ok(())
    }

    fn take_connections(&mut self) -> io::Result<()> {
        loop {
            match socket::accept(&self.listener) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.raw_os_error().is_some_and(|errno| NO_DESCRIPTOR.contains(&errno)) => {
                    self.full = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
                Ok(connection) => {
                    // A peer that is gone already shows when it is listened to.
                    let _ = socket::send(&connection, &self.hello, &self.handout);
                    self.sessions.push(Session { connection, leader: None, main: None, said_bye: false });
                    self.idle_since = None;
                }
            }
        }
    }

    /// Takes in all that sessions have said by now, and only then stops if one of them wants that: a session says who it is
    /// before what it wants, and both may be waiting to be heard.
    fn hear_sessions(&mut self) {
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
                Ok(Some(request)) => {
                    match request {
                        Request::Session(leader) => session.leader = Some(leader),
                        Request::Main(pid, signal) => session.main = Some((pid, signal)),
                        Request::Bye => session.said_bye = true,
                        Request::Stop(grace) => *stop = Some(stop.map_or(grace, |other| other.min(grace))),
                    }
                    kept.push(session);
                }
                Ok(None) | Err(_) => self.part_with(&session),
            }
        }
        self.sessions = kept;
        heard
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

    fn end_condemned(&mut self) -> io::Result<()> {
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
            return ignore_none(signal::kill_all(Some(Signal::SIGKILL)));
        }
        Ok(())
    }

    /// Signals every process of a session, whatever its process group, and says whether there was any.
    fn signal_session(&self, leader: Pid, signal: Signal) -> bool {
        let members = self.processes().filter(|&pid| process::session_of(pid).is_ok_and(|session| session == leader));
        members.fold(false, |_, pid| {
            // It may have ended in between.
            let _ = signal::kill(pid, signal);
            true
        })
    }

    /// The processes of the box, this one left out, and the one that shows it its limits.
    fn processes(&self) -> impl Iterator<Item = Pid> {
        let entries = fs::list(&self.proc).unwrap_or_default();
        let pids = entries.into_iter().filter_map(|(name, _)| name.to_str()?.parse().ok());
        let ours = |pid| pid == 1 || self.view.as_ref().is_some_and(|view| view.is_server(pid));
        pids.filter(move |&pid| !ours(pid)).map(Pid::from_raw)
    }

    /// Whether nothing lives in the box but this process. What is dead and waits to be collected does not count: a session's
    /// program is its parent's to collect, which is outside, and may be gone itself.
    fn is_alone(&self) -> bool {
        signal::kill_all(None).is_err() || self.processes().all(|pid| is_dead(&self.proc, pid))
    }

    fn begin_stop(&mut self, grace: u32) {
        let at = Instant::now() + Duration::from_secs(u64::from(grace));
        self.stopping = Some(self.stopping.map_or(at, |earlier| earlier.min(at)));
        let mains: Vec<_> = self.sessions.iter().filter_map(|session| session.leader.zip(session.main)).collect();
        if mains.is_empty() {
            for signal in ENDING {
                let _ = signal::kill_all(Some(signal));
            }
            return;
        }
        let family = Family::read(&self.proc).unwrap_or_default();
        // What a main process has started may lead a session of its own, and is its to end all the same.
        let is_mains = |pid| {
            let of = process::session_of(pid);
            mains
                .iter()
                .any(|(leader, (main, _))| of.as_ref().is_ok_and(|of| of == leader) || family.descends(pid, *main))
        };
        for pid in self.processes().filter(|&pid| !is_mains(pid)) {
            for signal in ENDING {
                let _ = signal::kill(pid, signal);
            }
        }
        // To them SIGTERM may mean "at once" and SIGHUP "read your configuration": they get the one signal that they asked
        // for, and end their own children.
        for (_, (main, signal)) in &mains {
            let _ = signal::kill_by_number(*main, *signal);
            let _ = signal::kill(*main, Signal::SIGCONT);
        }
    }

    /// Whether the box has come to its end: it was told to stop and all have gone, or nothing has been in it for as long
    /// as it was to linger and nobody is about to come.
    fn is_over(&mut self) -> io::Result<bool> {
        let alone = self.is_alone();
        if self.stopping.is_some() {
            return Ok(alone || self.stopping.is_some_and(|at| at + LAST_WORDS <= Instant::now()));
        }
        if !alone || !self.sessions.is_empty() {
            self.idle_since = None;
            return Ok(false);
        }
        let since = *self.idle_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.linger {
            return Ok(false);
        }
        if !lock::try_exclusive(&self.lock)? {
            // Somebody is looking for this box right now.
            self.idle_since = Some(Instant::now());
            return Ok(false);
        }
        // With the lock held nobody starts another keeper, so whoever is connected by now is the last to be.
        self.take_connections()?;
        if self.sessions.is_empty() {
            return Ok(true);
        }
        lock::unlock(&self.lock)?;
        Ok(false)
    }
}

/// Whether a process is a zombie, or gone (proc_pid_stat(5), field 3).
fn is_dead(proc: &OwnedFd, pid: Pid) -> bool {
    let stat = root::read(proc, Path::new(&format!("{pid}/stat")));
    let state = |stat: Vec<u8>| stat.iter().rposition(|&byte| byte == b')').and_then(|end| stat.get(end + 2).copied());
    stat.ok().and_then(state).is_none_or(|state| state == b'Z' || state == b'X')
}

fn ignore_none(result: io::Result<()>) -> io::Result<()> {
    // ESRCH: there was nobody left.
    result.or_else(|error| if error.raw_os_error() == Some(3) { Ok(()) } else { Err(error) })
}
