//! A child in new namespaces, with the map written by this process.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::refusal::{Refusal, Stage};
use super::{Error, Extent, IdHelpers, IdMap, Identity, Namespaces};
use crate::sys::process::{self, Ended, Fork, Pid, SingleThread};
use crate::sys::{id, namespace, system, tty};

/// Forks a child into a new user namespace with `map`, and into whatever other `namespaces` are asked for, into another
/// `cgroup` if there is to be one, and runs `work` there as root. Returns the child once its map is written; the child's exit
/// status is what `work` returns, or [`process::EXIT_PANIC`].
///
/// `meet` gets the child while that is still the caller's own, by its user: systemd does not serve anybody for a process of
/// another one.
///
/// The order is user_namespaces(7)'s: the child makes the user namespace first and alone, so that the others belong to
/// it; the parent, who has the privilege, has the maps written; the child becomes root and makes the rest.
///
/// # Errors
/// [`Error`]; the child is gone by then.
pub fn spawn(
    proof: &SingleThread,
    identity: &Identity,
    namespaces: Namespaces,
    cgroup: Option<&OwnedFd>,
    meet: impl FnOnce(Pid),
    work: impl FnOnce(&SingleThread) -> u8,
) -> Result<Pid, Error> {
    let (parent_end, child_end) =
        UnixStream::pair().map_err(|source| Error::Parent { what: "make a socket pair", source })?;
    let forked = cgroup.map_or_else(|| process::fork(proof), |cgroup| process::fork_into(proof, cgroup));
    match forked.map_err(|source| Error::Parent { what: "fork", source })? {
        Fork::Child => {
            drop(parent_end);
            process::finish(|| match enter(proof, namespaces, child_end) {
                Ok(()) => work(proof),
                Err(status) => status,
            })
        }
        Fork::Parent(pid) => {
            drop(child_end);
            let result = let_in(proof, pid, identity, meet, parent_end);
            if result.is_err() {
                // The closed socket has ended the child's wait; collecting it leaves no zombie.
                let _ = process::wait(pid);
            }
            result.map(|()| pid)
        }
    }
}

/// The child's half of the handshake. The error is its exit status; the parent has been told the reason where there is
/// one it cannot know.
fn enter(proof: &SingleThread, namespaces: Namespaces, mut parent: UnixStream) -> Result<(), u8> {
    const FAILED: u8 = process::EXIT_PANIC;
    let unshared = namespace::unshare(proof, Namespaces::NEWUSER);
    // A change of credentials makes a process undumpable, and newuidmap may not look into such a one.
    let errno = match unshared.and_then(|()| process::set_dumpable(true)) {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(-1),
    };
    parent.write_all(&errno.to_ne_bytes()).map_err(|_| FAILED)?;
    // The end of the stream instead of the byte: the parent failed, or is gone.
    parent.read_exact(&mut [0]).map_err(|_| FAILED)?;
    let entered = id::become_user(0, 0).and_then(|()| namespace::unshare(proof, namespaces));
    entered.map_err(|error| {
        // A namespace without rights, where whoever makes one may be let in and be nobody; or too many of another kind.
        let _ = parent.write_all(&error.raw_os_error().unwrap_or(-1).to_ne_bytes());
        FAILED
    })
}

/// The parent's half of the handshake.
fn let_in(
    proof: &SingleThread,
    pid: Pid,
    identity: &Identity,
    meet: impl FnOnce(Pid),
    mut child: UnixStream,
) -> Result<(), Error> {
    let mut errno = [0; 4];
    child.read_exact(&mut errno).map_err(|source| Error::Parent { what: "hear from the child", source })?;
    let refused = |stage, errno| Refusal { stage, source: io::Error::from_raw_os_error(i32::from_ne_bytes(errno)) };
    if errno != [0; 4] {
        return Err(refused(Stage::Unshare, errno).into());
    }
    meet(pid);
    let map = &identity.map;
    match &identity.helpers {
        IdHelpers::Direct => {
            // As root the groups need not be denied, so setgroups works inside.
            write_map(pid, "gid_map", &map.gid)?;
            write_map(pid, "uid_map", &map.uid)?;
        }
        IdHelpers::Programs { newuidmap, newgidmap } => {
            // Both at the same time: each costs about a millisecond, most of it its exec.
            let uid = Helper::start(proof, newuidmap, pid, &map.uid);
            let gid = Helper::start(proof, newgidmap, pid, &map.gid);
            uid?.finish()?;
            gid?.finish()?;
        }
    }
    child.write_all(&[1]).map_err(|source| Error::Parent { what: "let the child go on", source })?;
    match child.read_exact(&mut errno) {
        Ok(()) => Err(refused(Stage::Namespaces, errno).into()),
        // The end of the stream: it is root there, or has ended, which is seen elsewhere.
        Err(_) => Ok(()),
    }
}

fn write_map(pid: Pid, file: &str, extents: &[Extent]) -> Result<(), Error> {
    let path = PathBuf::from(format!("/proc/{pid}/{file}"));
    fs::write(&path, IdMap::lines(extents)).map_err(|source| Error::WriteMap { path, source })
}

/// A running `newuidmap` or `newgidmap` (newuidmap(1)).
struct Helper<'a> {
    program: &'a Path,
    pid: Pid,
    complaints: UnixStream,
}

impl<'a> Helper<'a> {
    /// Forked, and not spawned by the standard library: that waits for each program to have been loaded, and the second of
    /// the two could only begin then.
    fn start(proof: &SingleThread, program: &'a Path, pid: Pid, extents: &[Extent]) -> Result<Self, Error> {
        let fail = |source| Error::Helper { program: program.to_owned(), source };
        let (complaints, stderr) = UnixStream::pair().map_err(fail)?;
        match process::fork(proof).map_err(fail)? {
            Fork::Child => process::finish(|| {
                let error = become_helper(program, pid, extents, &stderr);
                // The parent reads it as the program's own words.
                let _ = (&stderr).write_all(error.to_string().as_bytes());
                process::EXIT_PANIC
            }),
            Fork::Parent(pid) => Ok(Self { program, pid, complaints }),
        }
    }

    fn finish(mut self) -> Result<(), Error> {
        let fail = |source| Error::Helper { program: self.program.to_owned(), source };
        let mut message = String::new();
        self.complaints.read_to_string(&mut message).map_err(fail)?;
        match process::wait(self.pid).map_err(fail)? {
            Ended::Exited(0) => Ok(()),
            _ => Err(Error::HelperRefused { program: self.program.to_owned(), message: message.trim().to_owned() }),
        }
    }
}

fn become_helper(program: &Path, pid: Pid, extents: &[Extent], stderr: &UnixStream) -> io::Error {
    let prepared = || {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        tty::as_standard(&null, 0)?;
        tty::as_standard(&null, 1)?;
        tty::as_standard(stderr, 2)
    };
    let numbers = |e: &Extent| [e.inside, e.outside, e.count].map(|number| number.to_string());
    let mut argv = vec![program.to_string_lossy().into_owned(), pid.to_string()];
    argv.extend(extents.iter().flat_map(numbers));
    match prepared() {
        // Setuid programs clear their environment anyhow; the C library's own variables would only slow them down.
        Ok(()) => system::exec(program, &argv, &[]),
        Err(error) => error,
    }
}
