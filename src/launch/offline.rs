//! Work in a root that is no box: how a distribution's own tools finish what was unpacked, and how images are built.
//!
//! The root is there as long as one process is, the init of a pid namespace of its own. Whatever ends it, the death of
//! envbox included, ends all that runs in the root and takes the mounts along.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use super::apply::{Means, apply};
use super::boot::{Served, told};
use super::protocol::Report;
use super::{Error, person};
use crate::plan::{BootPlan, Person};
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Ended, Fork, Pid, Signal, SingleThread};
use crate::sys::{net, socket, stream, system, tty};
use crate::userns::{self, Identity, Namespaces, chain};

/// How much of a failed program's output is kept to be shown.
const TAIL: usize = 16 << 10;

/// How often the one who waits for a silent program hears that it still runs.
const TICK: Duration = Duration::from_millis(500);

/// A program for a root that is no box.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// The path of its executable, and its arguments.
    pub argv: &'a [&'a str],
    /// All of its environment.
    pub env: &'a [(OsString, OsString)],
    /// Who it is; root, where it is nobody else.
    pub user: Option<&'a Person>,
    /// Whether it has the host's network, rather than a loopback device of its own and nothing else.
    pub network: bool,
}

/// Carries `plan` out, and then does `work` in the new root, as root of the user namespace: what it changes in the root
/// stays, what is mounted goes. An overlay is fuse-overlayfs's if that program is given.
///
/// # Errors
/// The step that failed, [`Error::Overlay`] apart from the others; [`Error::Boot`] with the reasons of `work`'s.
pub fn carry_out<E: std::error::Error>(
    proof: &SingleThread,
    identity: &Identity,
    plan: &BootPlan,
    fuse: Option<&Path>,
    work: impl FnOnce() -> Result<(), E>,
) -> Result<(), Error> {
    let null = File::options().write(true).open("/dev/null").map_err(failed("open /dev/null"))?;
    let (reports, report) = socket::pair().map_err(failed("make a socket pair"))?;
    let room = Room { proof, identity, plan, fuse, log: null.into(), report };
    let child = room.spawn(Namespaces::empty(), |_, report| match work() {
        Ok(()) => 0,
        Err(error) => {
            // Nobody is left to tell if the parent is gone.
            let _ = Report::Failed(chain(&error)).send(report);
            1
        }
    })?;
    finished(child, &reports).map(drop)
}

/// Carries `plan` out and runs a program in the new root, without any input. `output` gets what it prints as it comes, and
/// nothing now and then, while it prints nothing. Programs that it leaves behind end with it.
///
/// # Errors
/// [`Error::Offline`] with the end of the output if the program fails; as [`carry_out`] if it does not come to that.
pub fn run_in(
    proof: &SingleThread,
    identity: &Identity,
    plan: &BootPlan,
    fuse: Option<&Path>,
    program: &Program<'_>,
    output: &mut dyn FnMut(&[u8]),
) -> Result<(), Error> {
    let (printed, printing) = process::pipe().map_err(failed("make a pipe"))?;
    let (reports, report) = socket::pair().map_err(failed("make a socket pair"))?;
    let log = printing.try_clone().map_err(failed("make a pipe"))?;
    let network = if program.network { Namespaces::empty() } else { Namespaces::NEWNET };
    let room = Room { proof, identity, plan, fuse, log, report };
    let child = room.spawn(network, move |proof, report| match run(proof, program, &printing) {
        Ok(status) => status,
        Err(error) => told(report, &error),
    })?;
    let tail = follow(&printed, output)?;
    let status = match finished(child, &reports)? {
        Ended::Exited(0) => return Ok(()),
        ended => how(ended),
    };
    let program = program.argv.first().copied().unwrap_or_default().to_owned();
    Err(Error::Offline { program, status, output: String::from_utf8_lossy(&tail).into_owned() })
}

/// How a process ended, in words.
fn how(ended: Ended) -> String {
    match ended {
        Ended::Exited(status) => format!("exit status {status}"),
        Ended::Killed(signal) => format!("killed by signal {signal}"),
    }
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Session { what, source }
}

/// A root to be, and what it takes.
struct Room<'a> {
    proof: &'a SingleThread,
    identity: &'a Identity,
    plan: &'a BootPlan,
    fuse: Option<&'a Path>,
    /// What fuse-overlayfs says goes here.
    log: OwnedFd,
    /// Where failures are told.
    report: OwnedFd,
}

impl Room<'_> {
    /// Forks what waits for the init, which does `work` once the root is its own; the exit status is what `work` returns.
    fn spawn(self, kinds: Namespaces, work: impl FnOnce(&SingleThread, &OwnedFd) -> u8) -> Result<Pid, userns::Error> {
        let others = Namespaces::NEWIPC | Namespaces::NEWUTS;
        userns::spawn(
            self.proof,
            self.identity,
            others,
            None,
            |_| {},
            move |proof| {
                let Self { plan, report, .. } = &self;
                match self.wait_for_init(proof, |fuse, proof| {
                    // If the one that forked us is killed, so is its child, and with that everything in its namespace.
                    let set_up = || -> Result<(), Error> {
                        process::die_with_parent(Signal::SIGKILL).map_err(failed("arrange for an end"))?;
                        process::set_dumpable(false).map_err(failed("close this process to others"))?;
                        tty::new_session().map_err(failed("begin a session"))?;
                        userns::unshare(proof, Namespaces::NEWNS | kinds).map_err(failed("make a mount namespace"))?;
                        if kinds.contains(Namespaces::NEWNET) {
                            net::raise_loopback().map_err(failed("bring up the loopback device"))?;
                        }
                        system::set_umask(0);
                        apply(plan, Means { proof, fuse, inner: &self.identity.map, payload: None }, &mut |_| {})
                    };
                    match set_up() {
                        Ok(()) => work(proof, report),
                        Err(error) => told(report, &error),
                    }
                }) {
                    Ok(status) => status,
                    Err(error) => told(report, &error),
                }
            },
        )
    }

    /// Forks the init, after a fuse-overlayfs if there is to be one, and waits for both to end. Returns the init's status.
    fn wait_for_init(
        &self,
        proof: &SingleThread,
        init: impl FnOnce(Option<super::overlay::Fuse>, &SingleThread) -> u8,
    ) -> Result<u8, Error> {
        process::die_with_parent(Signal::SIGKILL).map_err(failed("arrange for an end"))?;
        let refused = |source| Error::Overlay { source };
        let served = self.fuse.map(|program| Served::new(program, self.plan)).transpose().map_err(refused)?;
        let (served, server) = match served.map(|served| Ok((process::fork(proof)?, served))).transpose() {
            Err(source) => return Err(failed("fork")(source)),
            Ok(None) => (None, None),
            Ok(Some((Fork::Parent(pid), served))) => (Some(served), Some(pid)),
            Ok(Some((Fork::Child, served))) => process::finish(|| {
                let armed = process::die_with_parent(Signal::SIGKILL);
                let error = armed.map_or_else(|error| error, |()| served.serve(&self.log));
                told(&self.report, &refused(error))
            }),
        };
        // Not before: its first child is the init, and the server is to outlive that.
        userns::unshare(proof, Namespaces::NEWPID).map_err(failed("make a pid namespace"))?;
        match process::fork(proof).map_err(failed("fork"))? {
            Fork::Child => process::finish(|| init(served.map(|served| served.fuse), proof)),
            Fork::Parent(pid) => {
                // The server waits for the last of these to be closed.
                drop(served);
                let ended = process::wait(pid).map_err(failed("wait for a program"))?;
                // What is still on its way to the disk is there when the server is gone.
                let served = server.map(process::wait).transpose().map_err(failed("wait for fuse-overlayfs"))?;
                match served.filter(|served| ended == Ended::Exited(0) && *served != Ended::Exited(0)) {
                    // A program need not notice, or care, that from then on nothing of its was written.
                    Some(served) => Err(Error::Server { status: how(served) }),
                    None => Ok(ended.status()),
                }
            }
        }
    }
}

/// Runs a program as a child of the init's, which collects whoever else ends in the meantime, and returns its status.
fn run(proof: &SingleThread, program: &Program<'_>, printing: &OwnedFd) -> Result<u8, Error> {
    match process::fork(proof).map_err(failed("fork"))? {
        Fork::Child => {
            let error = become_program(program, printing);
            // Shown where its output would be.
            let _ = stream::write(printing, format!("{}\n", chain(&error).join(": ")).as_bytes());
            process::exit_now(
                if matches!(&error, Error::Exec { source, .. } if source.kind() == io::ErrorKind::NotFound) {
                    127
                } else {
                    126
                },
            )
        }
        Fork::Parent(child) => loop {
            let (pid, ended) = process::wait_any().map_err(failed("wait for a program"))?;
            if pid == child {
                return Ok(ended.status());
            }
        },
    }
}

fn become_program(program: &Program<'_>, printing: &OwnedFd) -> Error {
    let prepared = || -> Result<(), Error> {
        let null = File::open("/dev/null").map_err(failed("open /dev/null"))?;
        tty::as_standard(null.as_fd(), 0).map_err(failed("close the input"))?;
        tty::as_standard(printing, 1).map_err(failed("pass the output on"))?;
        tty::as_standard(printing, 2).map_err(failed("pass the output on"))?;
        process::close_rest_on_exec().map_err(failed("close what is open"))?;
        tty::new_session().map_err(failed("begin a session"))?;
        system::set_umask(0o022);
        crate::sys::signal::set_default(Signal::SIGPIPE).map_err(failed("set signals"))?;
        let root = Person { name: "root".to_owned(), uid: 0, gid: 0, groups: Some(vec![0]), home: "/root".into() };
        let who = program.user.unwrap_or(&root);
        person::become_person(who).map_err(|source| Error::Become { user: who.name.clone(), source })
    };
    match prepared() {
        Ok(()) => {
            let name = program.argv.first().copied().unwrap_or_default();
            let source = system::exec(Path::new(name), program.argv, program.env);
            Error::Exec { program: name.to_owned(), source }
        }
        Err(error) => error,
    }
}

/// Passes on what comes out of a pipe until its last writer is gone. The result is the end of it.
fn follow(printed: &OwnedFd, output: &mut dyn FnMut(&[u8])) -> Result<Vec<u8>, Error> {
    let mut tail: Vec<u8> = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let wanted = [(printed.as_fd(), Ready { read: true, write: false })];
        let ready = poll::wait(&wanted, Some(TICK)).map_err(failed("wait for what a program prints"))?;
        if !ready.iter().any(|ready| ready.read) {
            output(&[]);
            continue;
        }
        match stream::read(printed, &mut chunk).map_err(failed("read what a program prints"))? {
            Some(0) => return Ok(tail),
            Some(length) => {
                output(&chunk[..length]);
                tail.extend_from_slice(&chunk[..length]);
                tail.drain(..tail.len().saturating_sub(TAIL));
            }
            None => {}
        }
    }
}

/// How the init has ended, unless it or its keeper has told of a failure of envbox's own.
fn finished(child: Pid, reports: &OwnedFd) -> Result<Ended, Error> {
    let told = Report::receive(reports).map_err(failed("hear from a process"))?;
    let ended = process::wait(child).map_err(failed("wait for a process"))?;
    match told {
        Some(Report::OverlayRefused(reasons)) => {
            let reason = reasons.get(1..).unwrap_or_default().join(": ");
            Err(Error::Overlay { source: io::Error::other(reason) })
        }
        Some(Report::Failed(reasons)) => Err(Error::Boot(reasons)),
        _ => Ok(ended),
    }
}
