//! The system in a system box: its init, its console, and what becomes of the box when the init ends.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use super::console::Console;
use super::sessions::is_exiting;
use crate::launch::Error;
use crate::launch::follow::Follower;
use crate::launch::init::{self, Init, Start, View};
use crate::limits::Membership;
use crate::plan::init::{BOOTED, InitPlan};
use crate::plan::{BootPlan, Bounds};
use crate::recipe::settings::View as Seen;
use crate::sys::poll::Ready;
use crate::sys::process::{Ended, Pid, SingleThread};
use crate::sys::signal::{self, Signal};
use crate::sys::{fs, root, socket};

/// How an init has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It is to start anew.
    Reboot,
    /// As it was asked to.
    Halt,
    /// By itself, for this reason.
    Failed(String),
}

impl End {
    /// By the status of the process: reboot(2) in a pid namespace kills its init, with `SIGHUP` for a restart and with `SIGINT`
    /// for everything else.
    fn of(ended: Ended) -> Self {
        const HUP: i32 = Signal::SIGHUP as i32;
        const INT: i32 = Signal::SIGINT as i32;
        match ended {
            Ended::Killed(HUP) => Self::Reboot,
            Ended::Killed(INT) | Ended::Exited(0) => Self::Halt,
            Ended::Exited(status) => Self::Failed(format!("the init ended with exit status {status}")),
            Ended::Killed(signal) => Self::Failed(format!("the init was killed by signal {signal}")),
        }
    }
}

/// A running system.
pub(super) struct System<'a> {
    proof: &'a SingleThread,
    plan: &'a BootPlan,
    init_plan: &'a InitPlan,
    member: Option<&'a Membership>,
    run: OwnedFd,
    /// What answers sysinfo(2), where that is to be answered.
    answers: Option<OwnedFd>,
    /// What follows the host for those who are no session's.
    follower: Option<Follower>,
    init: Init,
    /// What its next init is bound to.
    pub(super) bounds: Bounds,
    pub(super) console: Console,
    /// Whether the init has said that it has booted.
    booted: bool,
}

impl<'a> System<'a> {
    /// Starts the init of a plan that has one.
    ///
    /// # Errors
    /// Those of [`init::start`].
    pub(super) fn start(
        proof: &'a SingleThread,
        plan: &'a BootPlan,
        init_plan: &'a InitPlan,
        member: Option<&'a Membership>,
        ends: Ends,
    ) -> Result<Self, Error> {
        let Ends { run, log, answers, follower } = ends;
        let mut console = Console::new(log).map_err(no_console)?;
        console.begin();
        let view = seen(plan, answers.as_ref());
        let (bounds, fresh) = (init_plan.bounds.clone(), &plan.fresh);
        let start = Start { proof, plan: init_plan, bounds: &bounds, fresh, member, console: console.terminal(), view };
        let init = launch(start, &run)?;
        Ok(Self { proof, plan, init_plan, member, run, answers, follower, init, bounds, console, booted: false })
    }

    /// Its pid and its mount namespace.
    ///
    /// # Errors
    /// fcntl(2)'s.
    pub(super) fn namespaces(&self) -> io::Result<[OwnedFd; 2]> {
        let [pids, mounts] = &self.init.namespaces;
        Ok([pids.try_clone()?, mounts.try_clone()?])
    }

    /// The cgroup for sessions, if the box has one of its own: made anew for each init.
    pub(super) fn sessions(&self) -> Option<io::Result<OwnedFd>> {
        self.member.map(Membership::sessions)
    }

    /// Whether this process is its init.
    pub(super) fn is_init(&self, pid: Pid) -> bool {
        self.init.pid == pid
    }

    /// Whether the init is on its way out, or dead, or has cleared away what sessions are in.
    pub(super) fn is_ending(&self, proc: &OwnedFd) -> bool {
        is_exiting(proc, self.init.pid) || self.member.is_some_and(Membership::has_lost_sessions)
    }

    /// Whether it is known to have booted.
    pub(super) fn has_booted(&self) -> bool {
        self.booted
    }

    /// Asks the init to end the system.
    pub(super) fn halt(&self) {
        // One that has ended already is what was asked for.
        let _ = self.init.ask(self.proof, self.init_plan, self.init_plan.halt);
    }

    /// Ends the init, and all processes of its pid namespace with it.
    pub(super) fn kill(&self) {
        let _ = signal::kill(self.init.pid, Signal::SIGKILL);
    }

    /// What becomes of the box when the init has ended so. An init that is to start anew has been started.
    pub(super) fn ended(&mut self, ended: Ended, may_restart: bool) -> End {
        self.console.turn();
        let end = match End::of(ended) {
            End::Reboot if may_restart => {
                self.restart().map_or_else(|error| End::Failed(failure(&error)), |()| End::Reboot)
            }
            End::Reboot => End::Halt,
            end => end,
        };
        if let End::Failed(reason) = &end {
            self.console.say(reason);
        }
        end
    }

    fn restart(&mut self) -> Result<(), Error> {
        self.console.renew().map_err(no_console)?;
        self.console.begin();
        self.member.iter().for_each(|member| member.clear());
        self.booted = false;
        let start = Start {
            proof: self.proof,
            plan: self.init_plan,
            bounds: &self.bounds,
            fresh: &self.plan.fresh,
            member: self.member,
            console: self.console.terminal(),
            view: seen(self.plan, self.answers.as_ref()),
        };
        self.init = launch(start, &self.run)?;
        Ok(())
    }

    /// What to wait for.
    pub(super) fn wants(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Ready)> {
        let read = Ready { read: true, write: false };
        let follower = self.follower.iter().filter_map(Follower::as_fd);
        let heard = follower.chain(self.init.mailbox.iter().map(OwnedFd::as_fd));
        self.console.wants().chain(heard.map(move |fd| (fd, read)))
    }

    /// Takes in what was said and printed. `true`: the init has just said that it has booted.
    pub(super) fn turn(&mut self) -> bool {
        self.console.turn();
        // What cannot be written now is tried again at the host's next change, and by the next session.
        let _ = self.follower.as_ref().map(|follower| follower.refresh_changed(&self.run));
        let mut buffer = [0; 4096];
        let mut ready = false;
        while let Some((length, _, sender)) =
            self.init.mailbox.as_ref().and_then(|mailbox| socket::receive_from(mailbox, &mut buffer).ok())
        {
            // Nobody else speaks for it.
            ready |= sender == Some(self.init.pid)
                && buffer[..length].split(|&byte| byte == b'\n').any(|line| line == b"READY=1");
        }
        if !ready || self.booted {
            return false;
        }
        self.booted = true;
        // Those who look for it have a bound to their patience.
        let _ = root::replace_file(&self.run, mark(), b"", 0o644);
        true
    }
}

/// What a system has of its keeper's.
pub(super) struct Ends {
    /// The box's run directory.
    pub(super) run: OwnedFd,
    /// What the console shows is written there.
    pub(super) log: OwnedFd,
    /// What answers sysinfo(2), where that is to be answered.
    pub(super) answers: Option<OwnedFd>,
    /// What follows the host.
    pub(super) follower: Option<Follower>,
}

fn seen<'a>(plan: &BootPlan, answers: Option<&'a OwnedFd>) -> View<'a> {
    match (plan.limits.seen(), answers) {
        (Seen::None, _) => View::None,
        (Seen::Full, Some(answers)) => View::Full(answers),
        (Seen::Files | Seen::Full, _) => View::Files,
    }
}

fn launch(start: Start<'_>, run: &OwnedFd) -> Result<Init, Error> {
    // What an init before has left of its own.
    let _ = fs::remove_file(run, mark());
    init::start(start)
}

/// The name of what says that the init has booted.
fn mark() -> &'static OsStr {
    Path::new(BOOTED).file_name().unwrap_or(OsStr::new(""))
}

fn no_console(source: io::Error) -> Error {
    Error::Session { what: "make the box's console", source }
}

fn failure(error: &Error) -> String {
    error.texts().join(": ")
}
