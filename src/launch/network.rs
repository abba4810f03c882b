//! How a box comes to a network of its own, before its keeper is there.
//!
//! The network namespace is made with the box's user namespace, by the keeper's parent. That hands both to the process that
//! starts the box, waits until a program on the host serves them, and only then forks the keeper: so nothing in the box ever
//! runs without the network that it is to have.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use super::Error;
use super::boot::own_namespaces;
use crate::net::{self, Inherited};
use crate::recipe::settings::Port;
use crate::store::Runtime;
use crate::sys::namespace::{self, Kind};
use crate::sys::poll::{self, Ready};
use crate::sys::process::{self, Fork, SingleThread};
use crate::sys::root::{self, Open};
use crate::sys::{confine, id, socket, stream, system, tty};

/// What the program needs of the box's namespaces.
const WANTED: [(Kind, &str); 2] = [(Kind::User, "user"), (Kind::Network, "net")];

/// How long the program may take to be ready.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The end of the process that starts the box.
#[derive(Debug)]
pub(super) struct Server {
    socket: OwnedFd,
    life: OwnedFd,
}

/// The end of the keeper's parent.
#[derive(Debug)]
pub(super) struct Client {
    socket: OwnedFd,
    life: OwnedFd,
}

/// The two ends.
///
/// # Errors
/// socketpair(2)'s and pipe(2)'s.
pub(super) fn ends() -> io::Result<(Server, Client)> {
    let (mine, other) = socket::pair()?;
    let (ended, life) = process::pipe()?;
    Ok((Server { socket: mine, life: ended }, Client { socket: other, life }))
}

impl Client {
    /// What it has open.
    pub(super) fn fds(&self) -> [BorrowedFd<'_>; 2] {
        [self.socket.as_fd(), self.life.as_fd()]
    }

    /// Hands this process's namespaces over and waits until they are served. What is returned is to be held for as long as
    /// the network is wanted. Of what is open in this process, only `keep` stays open.
    pub(super) fn await_network(self, keep: &[BorrowedFd<'_>]) -> io::Result<OwnedFd> {
        let Self { socket, life } = self;
        // The other end is open in this process as well, and must not hide that whoever had it is gone.
        process::close_all_but(&[keep, &[socket.as_fd(), life.as_fd()]].concat())?;
        socket::send(&socket, b"n", &own_namespaces(&WANTED)?)?;
        match socket::receive(&socket, &mut [0])? {
            (0, _) => Err(io::Error::other("there is no network")),
            _ => Ok(life),
        }
    }
}

impl Server {
    /// Starts the program that serves the box's network, publishes its ports, and lets the keeper come.
    ///
    /// # Errors
    /// [`net::Error`].
    pub(super) fn serve(
        self,
        proof: &SingleThread,
        program: &Path,
        ports: &[Port],
        runtime: &Runtime,
    ) -> Result<(), Error> {
        let fail = |what| move |source| net::Error::Program { what, source };
        let (_, namespaces) = socket::receive(&self.socket, &mut [0]).map_err(fail("hear from the box's network"))?;
        let dir = runtime.network_dir()?;
        let opened = root::open_absolute(&dir, Open::Directory).map_err(fail("open the box's directory"))?;
        let log = dir.join("network.log");
        start(proof, program, &namespaces, &self.life, &opened, &log)
            .map_err(|source| net::Error::Program { what: "start slirp4netns", source: with_log(source, &log) })?;
        let orders = net::socket(opened.as_raw_fd());
        ports.iter().try_for_each(|port| net::publish(&orders, port))?;
        socket::send(&self.socket, b"g", &[] as &[OwnedFd]).map_err(fail("tell the box of its network"))?;
        Ok(())
    }
}

/// The reason, with what the program has said.
fn with_log(source: io::Error, log: &Path) -> io::Error {
    match fs::read_to_string(log) {
        Ok(text) if !text.trim().is_empty() => {
            let said: Vec<&str> = text.trim().lines().collect();
            io::Error::new(source.kind(), format!("{source}: {}", said.join("; ")))
        }
        _ => source,
    }
}

fn start(
    proof: &SingleThread,
    program: &Path,
    namespaces: &[OwnedFd],
    life: &OwnedFd,
    dir: &OwnedFd,
    log: &Path,
) -> io::Result<()> {
    let [user, network] = namespaces else { return Err(io::ErrorKind::InvalidData.into()) };
    let (ready, told) = process::pipe()?;
    let said = File::create(log)?;
    let become_it = || -> io::Result<()> {
        tty::new_session()?;
        let null = File::open("/dev/null")?;
        tty::as_standard(null.as_fd(), 0)?;
        tty::as_standard(said.as_fd(), 1)?;
        tty::as_standard(said.as_fd(), 2)?;
        let inherited = |fd: &OwnedFd| fd.try_clone().and_then(process::inheritable);
        namespace::join(proof, user, Kind::User)?;
        id::become_user(0, 0)?;
        // The socket for orders is then box-root's, and the user is to reach it.
        confine::clear_umask();
        process::close_rest_on_exec()?;
        let inherited = Inherited {
            network: inherited(network)?,
            ready: inherited(&told)?,
            life: inherited(life)?,
            dir: inherited(dir)?,
        };
        let argv = net::command(program, inherited);
        let env = [("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())];
        Err(system::exec(program, &argv, &env))
    };
    match process::fork(proof)? {
        // Forked twice: it outlives this process, and is nobody's to wait for.
        Fork::Child => process::finish(|| match process::fork(proof) {
            Ok(Fork::Child) => process::finish(|| {
                // What keeps it from running shows in the end of the pipe.
                let _ = become_it();
                process::EXIT_PANIC
            }),
            Ok(Fork::Parent(_)) => 0,
            Err(_) => process::EXIT_PANIC,
        }),
        Fork::Parent(child) => drop(process::wait(child)?),
    }
    drop(told);
    let wanted = [(ready.as_fd(), Ready { read: true, write: false })];
    if !poll::wait(&wanted, Some(PATIENCE))?.iter().any(|ready| ready.read) {
        return Err(io::ErrorKind::TimedOut.into());
    }
    match stream::read(&ready, &mut [0])? {
        Some(1) => Ok(()),
        _ => Err(io::Error::other("it has ended at once")),
    }
}
