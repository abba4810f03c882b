//! The keeper: process 1 of a box. It builds the root, hands out the namespaces to whoever may have them, reaps
//! what is orphaned, ends what a dead session left, and leaves when there is nothing left to keep.
//!
//! It is a fork of the program that started it and executes nothing, so a process in the box can neither trace it nor
//! reach the host's binary through `/proc/1/exe` (CVE-2019-5736): its memory belongs to the host's user namespace, and
//! it is not dumpable. That is also why sessions get the namespaces from its socket and not by its pid: setns(2) with a
//! pidfd needs the very access that is denied to all.

mod console;
mod raise;
mod sessions;
mod stop;
mod system;

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::boot::own_namespaces;
use super::protocol::{HELLO, Report, extra};
use super::view::View;
use crate::limits::Membership;
use crate::limits::systemd::STOP_SIGNAL;
use crate::plan::{BootPlan, RUN_DIR};
use crate::recipe::settings::Network;
use crate::sys::namespace::Kind;
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Change, Ended, Pid};
use crate::sys::root::{self, Open};
use crate::sys::signal::{Signal, Signals};
use crate::sys::{lock, socket};
pub use console::BEGINNING;
pub(super) use raise::{Ends, start};
use sessions::Session;
use system::{End, System};

/// The outer namespaces of a box: the user namespace that built it, and the pid namespace that belongs to that one. Names
/// are those under `/proc/PID/ns`; the order is that in which a session joins them.
pub(super) const OUTER: [(Kind, &str); 2] = [(Kind::User, "user"), (Kind::ProcessID, "pid")];

/// The inner namespaces: the user namespace behind the seal, and those that belong to it.
pub(super) const INNER: [(Kind, &str); 4] = [
    (Kind::User, "user"),
    (Kind::Mount, "mnt"),
    (Kind::InterProcessCommunication, "ipc"),
    (Kind::HostNameAndNISDomainName, "uts"),
];

/// Where the pid namespace is among what is handed out, and where the mount namespace.
const PIDS: usize = 1;
const MOUNTS: usize = OUTER.len() + 1;

/// What asks a process to end: a shell that waits for its user ignores `SIGTERM`, and leaves at `SIGHUP`.
const ENDING: [Signal; 3] = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCONT];

/// How long what is left of a dead session has between `SIGHUP` and `SIGKILL`.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often a keeper that has been told to end looks whether all have gone.
const LAST_LOOKS: Duration = Duration::from_millis(5);

/// A keeper looks this often at the most whether it may leave.
const SHORTEST_LINGER: Duration = Duration::from_millis(100);

/// "Too many open files", in the system and in the process (errno(3)).
const NO_DESCRIPTOR: [i32; 2] = [23, 24];

struct Keeper<'a> {
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
    /// What runs in a system box.
    system: Option<System<'a>>,
    /// Whether its init has ended for good.
    over: bool,
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

impl<'a> Keeper<'a> {
    fn new(
        signals: Signals,
        (listener, lock): (OwnedFd, OwnedFd),
        outer: Vec<OwnedFd>,
        plan: &BootPlan,
        member: Option<&Membership>,
        view: Option<View>,
    ) -> io::Result<Self> {
        // Each session costs one, and the limit is that of whoever happened to come first.
        process::raise_descriptor_limit()?;
        let mut handout = outer;
        handout.extend(own_namespaces(&INNER)?);
        handout.push(root::open_absolute(Path::new(RUN_DIR), Open::Directory)?);
        let mut hello = HELLO.to_vec();
        if plan.network != Network::Host {
            hello.push(extra::NETWORK);
            handout.extend(own_namespaces(&[(Kind::Network, "net")])?);
        }
        if let Some(member) = member {
            hello.extend([extra::CGROUPS, extra::PAYLOAD]);
            handout.extend(own_namespaces(&[(Kind::ControlGroup, "cgroup")])?);
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
            system: None,
            over: false,
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
            self.attend_system();
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
        fds.extend(self.system.iter().flat_map(System::wants));
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
        if self.is_told_to_end()? {
            self.begin_stop(10);
        }
        while let Some(change) = process::reap(false)? {
            let Change::Ended(pid, ended) = change else { continue };
            self.view.iter_mut().for_each(|view| view.child_ended(pid));
            if self.system.as_ref().is_some_and(|system| system.is_init(pid)) {
                self.init_ended(ended)?;
            }
        }
        Ok(())
    }

    /// Whether a signal has come since the last look that is to end the box.
    fn is_told_to_end(&self) -> io::Result<bool> {
        let mut told = false;
        while let Some(arrival) = self.signals.next()? {
            told |= [Signal::SIGTERM, STOP_SIGNAL].contains(&arrival.signal);
        }
        Ok(told)
    }

    /// What answers sysinfo(2), where that is to be answered.
    fn answers(&self) -> io::Result<Option<OwnedFd>> {
        let view = self.view.as_ref().filter(|view| view.answers());
        view.map(|view| view.handout().try_clone()).transpose()
    }

    /// Gives the box an init to live for. Whoever joins the box from now on joins that.
    fn live_for(&mut self, system: System<'a>) -> io::Result<()> {
        let [pids, mounts] = system.namespaces()?;
        if let Some(view) = &mut self.view {
            view.show_in(mounts.try_clone()?);
        }
        self.handout[PIDS] = pids;
        self.handout[MOUNTS] = mounts;
        // As it ends, systemd removes every cgroup that is empty.
        let extras = OUTER.len() + INNER.len() + 1;
        let payload = self.hello.iter().skip(HELLO.len()).position(|letter| *letter == extra::PAYLOAD);
        if let Some((payload, sessions)) = payload.zip(system.sessions()) {
            self.handout[extras + payload] = sessions?;
        }
        self.system = Some(system);
        Ok(())
    }

    fn init_ended(&mut self, ended: Ended) -> io::Result<()> {
        let Some(mut system) = self.system.take() else { return Ok(()) };
        match system.ended(ended, self.stopping.is_none()) {
            End::Reboot => {
                self.live_for(system)?;
                self.greet_waiting();
                return Ok(());
            }
            End::Halt => self.tell_of_boot(&ended_by_init()),
            End::Failed(reason) => self.tell_of_boot(&Report::Failed(vec![reason])),
        }
        self.over = true;
        Ok(())
    }

    fn attend_system(&mut self) {
        if self.system.as_mut().is_some_and(System::turn) {
            self.tell_of_boot(&Report::Ready);
        }
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
                    let mut session = Session::new(connection);
                    // A peer that is gone already shows when it is listened to.
                    let _ = socket::name_senders(&session.connection);
                    self.greet(&mut session);
                    self.sessions.push(session);
                    self.idle_since = None;
                }
            }
        }
    }

    /// Says what is said first. Whoever comes to what is about to end is told to wait for what comes after it.
    fn greet(&self, session: &mut Session) {
        let is_ending = |system: &System<'_>| system.is_ending(&self.proc);
        session.awaits_next = self.over || self.stopping.is_some() || self.system.as_ref().is_some_and(is_ending);
        let mut hello = self.hello.clone();
        hello.extend(session.awaits_next.then_some(extra::ENDING));
        let _ = socket::send(&session.connection, &hello, &self.handout);
    }

    /// Lets those who have waited have the init that has started anew.
    fn greet_waiting(&mut self) {
        let mut sessions = std::mem::take(&mut self.sessions);
        sessions.iter_mut().filter(|session| session.awaits_next).for_each(|session| self.greet(session));
        self.sessions = sessions;
    }

    /// Whether the box has come to its end: it was told to stop and all have gone, or nothing has been in it for as long
    /// as it was to linger and nobody is about to come.
    fn is_over(&mut self) -> io::Result<bool> {
        if self.over {
            return Ok(true);
        }
        if self.system.is_some() {
            return Ok(self.stopping.is_some_and(|at| at + LAST_WORDS <= Instant::now()));
        }
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

fn ended_by_init() -> Report {
    Report::Failed(vec!["the init has ended the box".to_owned()])
}
