//! The init of a system box: a child of the keeper's becomes the image's own program.
//!
//! It is process 1 of a pid namespace that belongs to the user namespace behind the seal, so that it may do with it what an
//! init does: signal all, mount proc, end it (reboot(2)). The mount namespace is a copy of the keeper's, in which an init may
//! mount as it likes, and which is gone with it.

mod fresh;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use super::Error;
use super::apply::apply_fresh;
use super::boot::{own_namespaces, told};
use super::protocol::Report;
use super::{bounds, view};
use crate::limits::Membership;
use crate::plan::init::{Ask, Completion, InitPlan, NOTIFY_SOCKET};
use crate::plan::{Bounds, Step};
use crate::sys::namespace::{self, Kind};
use crate::sys::process::{self, Fork, Pid, SingleThread};
use crate::sys::{capabilities, id, mount, signal, socket, system, tty};
use crate::userns::{self, Namespaces};
pub(super) use fresh::{machine_id, renew};

/// The namespaces that are an init's own.
const OWN: [(Kind, &str); 2] = [(Kind::ProcessID, "pid"), (Kind::Mount, "mnt")];

/// Where an init has its console.
const CONSOLE: &str = "/dev/console";

/// What an init is started with.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) proof: &'a SingleThread,
    pub(super) plan: &'a InitPlan,
    /// What each of its processes may use.
    pub(super) bounds: &'a Bounds,
    /// The steps to its root.
    pub(super) fresh: &'a [Step],
    /// The cgroup in whose payload it begins.
    pub(super) member: Option<&'a Membership>,
    /// The terminal that is its console.
    pub(super) console: &'a OwnedFd,
    /// Whether it sees the box's limits in its `/proc`, and whom its programs ask by sysinfo(2).
    pub(super) view: View<'a>,
}

/// What an init sees of its box's limits.
#[derive(Clone, Copy)]
pub(super) enum View<'a> {
    /// Nothing.
    None,
    /// The files in `/proc`.
    Files,
    /// The files, and what sysinfo(2) says: its answers come by this socket.
    Full(&'a OwnedFd),
}

/// An init that runs.
#[derive(Debug)]
pub(super) struct Init {
    /// As the keeper sees it.
    pub(super) pid: Pid,
    /// Its pid and its mount namespace.
    pub(super) namespaces: [OwnedFd; 2],
    /// Where it says that it has booted, if it is one that does.
    pub(super) mailbox: Option<OwnedFd>,
}

/// Starts an init.
///
/// # Errors
/// [`Error::Session`]; [`Error::Boot`] with the reasons of the child's.
pub(super) fn start(start: Start<'_>) -> Result<Init, Error> {
    let fail = |source| Error::Session { what: "start the box's init", source };
    let (words, word) = socket::pair().map_err(fail)?;
    // Of a mount in this process's namespace, which the child leaves.
    let console = mount::copy_open_tree(start.console).map_err(fail)?;
    match process::fork_init(start.proof).map_err(fail)? {
        Fork::Child => process::finish(|| told(&word, &become_init(&start, console, &word))),
        Fork::Parent(pid) => {
            drop(word);
            hear(pid, &words)
        }
    }
}

fn hear(pid: Pid, words: &OwnedFd) -> Result<Init, Error> {
    let fail = |source| Error::Session { what: "hear from the box's init", source };
    let (ready, fds) = Report::receive_with(words).map_err(fail)?;
    // After that, the end of the stream: the program has taken its place.
    let last = if ready == Some(Report::Ready) { Report::receive(words).map_err(fail)? } else { ready };
    let mut fds = fds.into_iter();
    match (last, fds.next(), fds.next()) {
        (Some(Report::Failed(reasons)), ..) => Err(Error::Boot(reasons)),
        (None, Some(pids), Some(mounts)) => Ok(Init { pid, namespaces: [pids, mounts], mailbox: fds.next() }),
        _ => Err(fail(io::ErrorKind::UnexpectedEof.into())),
    }
}

/// Becomes the init. Returns only the failure.
fn become_init(start: &Start<'_>, console: OwnedFd, word: &OwnedFd) -> Error {
    let fail = |source| Error::Session { what: "prepare the box's init", source };
    let prepared = || {
        start.member.map_or(Ok(()), Membership::enter).map_err(fail)?;
        userns::unshare(start.proof, Namespaces::NEWNS).map_err(fail)?;
        apply_fresh(start.fresh, console)?;
        if !matches!(start.view, View::None) {
            // Over the proc that is the init's own; that of the keeper has them already.
            view::copies().and_then(|copies| view::bind_over(&copies, false)).map_err(fail)?;
        }
        let mut open = own_namespaces(&OWN).map_err(fail)?;
        if start.plan.completion == Completion::Notified {
            open.push(socket::mailbox(Path::new(NOTIFY_SOCKET)).map_err(fail)?);
        }
        Report::Ready.send_with(word, &open).map_err(fail)?;
        take_console().map_err(fail)?;
        // Those of the host's user, which the services that run as root would have as well.
        id::set_groups(&[]).map_err(fail)?;
        capabilities::give_up(start.plan.without.iter().map(|capability| capability.number)).map_err(fail)?;
        capabilities::inherit_none().map_err(fail)?;
        process::ordinary_descriptor_limit().map_err(fail)?;
        process::close_rest_on_exec().map_err(fail)?;
        if let View::Full(socket) = start.view {
            view::divert_sysinfo(socket).map_err(fail)?;
        }
        // Sessions have them said what they cannot have.
        bounds::apply(start.bounds).map(drop).map_err(fail)?;
        signal::reset_all().map_err(fail)
    };
    match prepared() {
        Err(error) => error,
        Ok(()) => execute(start.plan, &start.plan.argv),
    }
}

fn take_console() -> io::Result<()> {
    tty::new_session()?;
    let console = File::options().read(true).write(true).open(CONSOLE)?;
    tty::take_controlling(&console)?;
    (0..3).try_for_each(|number| tty::as_standard(&console, number))
}

fn execute(plan: &InitPlan, argv: &[String]) -> Error {
    let env: Vec<_> = plan.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let source = system::exec(plan.program.as_path(), argv, &env);
    Error::exec(plan.program.to_string(), source)
}

impl Init {
    /// Asks it for something. What it is told by a program is told when that has begun.
    ///
    /// # Errors
    /// kill(2)'s, fork(2)'s, setns(2)'s.
    pub(super) fn ask(&self, proof: &SingleThread, plan: &InitPlan, what: Ask) -> io::Result<()> {
        match what {
            Ask::Signal(number) => signal::kill_by_number(self.pid, number),
            Ask::Program(words) => match process::fork(proof)? {
                // Nobody waits for it; what comes of it is the end of the init, or is not.
                Fork::Parent(_) => Ok(()),
                Fork::Child => process::finish(|| self.tell(proof, plan, words).map_or(1, |()| 0)),
            },
        }
    }

    /// Runs the init's own program once more, beside it.
    fn tell(&self, proof: &SingleThread, plan: &InitPlan, words: &[&str]) -> io::Result<()> {
        for ((kind, _), namespace) in OWN.iter().zip(&self.namespaces) {
            namespace::join(proof, namespace, *kind)?;
        }
        // A pid namespace is entered by one's children.
        match process::fork(proof)? {
            Fork::Parent(child) => process::wait(child).map(drop),
            Fork::Child => process::finish(|| {
                let ready =
                    id::set_groups(&[]).and_then(|()| process::close_rest_on_exec()).and_then(|()| signal::reset_all());
                let name = plan.argv.first().cloned().unwrap_or_default();
                let argv: Vec<String> =
                    std::iter::once(name).chain(words.iter().map(|&word| word.to_owned())).collect();
                if ready.is_ok() {
                    execute(plan, &argv);
                }
                process::EXIT_PANIC
            }),
        }
    }
}
