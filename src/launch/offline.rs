//! A program in a root that is no box yet: how a distribution's own tools finish what was unpacked.

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::Error;
use super::apply::{Means, apply};
use crate::plan::BootPlan;
use crate::sys::namespace::{self, Namespaces};
use crate::sys::process::{self, Ended, Fork, Signal, SingleThread};
use crate::sys::{stream, system, tty};
use crate::userns::{self, Identity, chain};

/// How much of a failed program's output is kept to be shown.
const TAIL: usize = 4096;

/// Carries `plan` out and no more: what it has changed in its root stays, what it has mounted goes.
///
/// # Errors
/// The step that failed.
pub fn carry_out(proof: &SingleThread, identity: &Identity, plan: &BootPlan) -> Result<(), Error> {
    userns::run(proof, identity, |proof| {
        system::set_umask(0);
        apply(plan, Means { proof, fuse: None, inner: &identity.map }, &mut |_| {})
    })?;
    Ok(())
}

/// Carries `plan` out and runs a program in the new root, as its PID 1 and as root of the user namespace, with this
/// environment and no input. `output` gets what it prints as it comes.
///
/// # Errors
/// [`Error::Offline`] with the end of the output if the program fails; a step's error if it does not come to that.
pub fn run_in(
    proof: &SingleThread,
    identity: &Identity,
    plan: &BootPlan,
    argv: &[&str],
    env: &[(std::ffi::OsString, std::ffi::OsString)],
    output: &mut dyn FnMut(&[u8]),
) -> Result<(), Error> {
    let fail = |what| move |source| Error::Session { what, source };
    let program = argv.first().copied().unwrap_or_default();
    let (mut printed, printing) = UnixStream::pair().map_err(fail("make a socket pair"))?;
    let printing = OwnedFd::from(printing);
    // A network it has; it gets no chance to keep anything of ours open.
    let kinds = Namespaces::NEWPID | Namespaces::NEWIPC | Namespaces::NEWUTS | Namespaces::NEWCGROUP;
    let child = userns::spawn(proof, identity, kinds, move |proof| {
        match process::die_with_parent(Signal::SIGKILL).and_then(|()| process::fork(proof)) {
            Err(_) => process::EXIT_PANIC,
            Ok(Fork::Child) => process::finish(|| {
                let error = become_program(proof, identity, plan, argv, env, &printing);
                // What cannot be said here shows in the exit status.
                let _ = stream::write(&printing, chain(&error).join(": ").as_bytes());
                process::EXIT_PANIC
            }),
            Ok(Fork::Parent(init)) => {
                drop(printing);
                process::wait(init).map_or(process::EXIT_PANIC, Ended::status)
            }
        }
    })?;
    let mut tail: Vec<u8> = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match printed.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => {
                output(&chunk[..length]);
                tail.extend_from_slice(&chunk[..length]);
                tail.drain(..tail.len().saturating_sub(TAIL));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fail("read what a program prints")(error)),
        }
    }
    let status = match process::wait(child).map_err(fail("wait for a program"))? {
        Ended::Exited(0) => return Ok(()),
        Ended::Exited(status) => format!("exit status {status}"),
        Ended::Killed(signal) => format!("killed by signal {signal}"),
    };
    let output = String::from_utf8_lossy(&tail).into_owned();
    Err(Error::Offline { program: program.to_owned(), status, output })
}

fn become_program(
    proof: &SingleThread,
    identity: &Identity,
    plan: &BootPlan,
    argv: &[&str],
    env: &[(std::ffi::OsString, std::ffi::OsString)],
    printing: &OwnedFd,
) -> Error {
    let fail = |what| move |source| Error::Session { what, source };
    let prepared = || -> Result<(), Error> {
        // If the one that forked us is killed, so is its child, and with that this namespace's init.
        process::die_with_parent(Signal::SIGKILL).map_err(fail("arrange for an end"))?;
        tty::new_session().map_err(fail("begin a session"))?;
        let null = std::fs::File::open("/dev/null").map_err(fail("open /dev/null"))?;
        tty::as_standard(null.as_fd(), 0).map_err(fail("close the input"))?;
        namespace::unshare(proof, Namespaces::NEWNS).map_err(fail("make a mount namespace"))?;
        system::set_umask(0);
        apply(plan, Means { proof, fuse: None, inner: &identity.map }, &mut |_| {})?;
        system::set_umask(0o022);
        tty::as_standard(printing, 1).map_err(fail("pass the output on"))?;
        tty::as_standard(printing, 2).map_err(fail("pass the output on"))?;
        process::close_rest_on_exec().map_err(fail("close what is open"))?;
        crate::sys::signal::set_default(Signal::SIGPIPE).map_err(fail("set signals"))
    };
    match prepared() {
        Ok(()) => {
            let program = argv.first().copied().unwrap_or_default();
            let source = system::exec(Path::new(program), argv, env);
            Error::Exec { program: program.to_owned(), source }
        }
        Err(error) => error,
    }
}
