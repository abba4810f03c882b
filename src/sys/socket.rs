//! Unix sockets that carry messages and descriptors (unix(7)).

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    UnixCredentials, accept4, bind, connect, getsockopt, listen, recvmsg, sendmsg, setsockopt, socket, socketpair,
    sockopt,
};

use super::process::Pid;

/// A socket for messages without a connection, bound to a path that must not exist yet. Each message comes with its sender.
///
/// # Errors
/// bind(2)'s.
pub fn mailbox(path: &Path) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    name_senders(&socket)?;
    let (_dir, address) = address(path)?;
    bind(socket.as_raw_fd(), &address)?;
    Ok(socket)
}

/// A connected pair of streams.
///
/// # Errors
/// socketpair(2)'s.
pub fn stream_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Has the kernel say with each message that arrives who sent it (unix(7), `SO_PASSCRED`).
///
/// # Errors
/// setsockopt(2)'s.
pub fn name_senders(socket: impl AsFd) -> io::Result<()> {
    Ok(setsockopt(&socket.as_fd(), sockopt::PassCred, &true)?)
}

fn seqpacket() -> io::Result<OwnedFd> {
    Ok(socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?)
}

/// A connected pair of message sockets.
///
/// # Errors
/// socketpair(2)'s.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// An address for a path of any length: the kernel's own limit is 107 bytes, which a long home exceeds, so the
/// directory is opened and named by its number.
fn address(path: &Path) -> io::Result<(OwnedFd, UnixAddr)> {
    let (dir, name) = path.parent().zip(path.file_name()).ok_or(io::ErrorKind::InvalidInput)?;
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    let dir = rustix::fs::open(dir, flags, rustix::fs::Mode::empty())?;
    let address = UnixAddr::new(&Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name))?;
    Ok((dir, address))
}

/// A message socket bound to a path that must not exist yet. It takes connections after [`start_listening`].
///
/// # Errors
/// bind(2)'s.
pub fn bound(path: &Path) -> io::Result<OwnedFd> {
    let socket = seqpacket()?;
    let (_dir, address) = address(path)?;
    bind(socket.as_raw_fd(), &address)?;
    Ok(socket)
}

/// Lets a bound socket take connections. The caller is from now on who [`peer`] names to those who connect.
///
/// # Errors
/// listen(2)'s.
pub fn start_listening(socket: impl AsFd) -> io::Result<()> {
    Ok(listen(&socket.as_fd(), Backlog::MAXCONN)?)
}

/// The next connection of a listening socket.
///
/// # Errors
/// accept4(2)'s; `WouldBlock` on a non-blocking socket without one.
pub fn accept(socket: impl AsFd) -> io::Result<OwnedFd> {
    let fd = accept4(socket.as_fd().as_raw_fd(), SockFlag::SOCK_CLOEXEC)?;
    // SAFETY: accept4 has just made this descriptor, and nothing else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Connects to the socket at a path.
///
/// # Errors
/// connect(2)'s: `NotFound` without a socket, `ConnectionRefused` where nobody listens.
pub fn connect_to(path: &Path) -> io::Result<OwnedFd> {
    let socket = seqpacket()?;
    let (_dir, address) = address(path)?;
    connect(socket.as_raw_fd(), &address)?;
    Ok(socket)
}

/// The process that made the other end of a connection, as numbers of the caller's namespaces: (pid, uid).
///
/// # Errors
/// getsockopt(2)'s.
pub fn peer(socket: impl AsFd) -> io::Result<(Pid, u32)> {
    let credentials = getsockopt(&socket.as_fd(), sockopt::PeerCredentials)?;
    Ok((Pid::from_raw(credentials.pid()), credentials.uid()))
}

/// Sends a message, with descriptors if there are any; never a `SIGPIPE`.
///
/// # Errors
/// sendmsg(2)'s.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[impl AsFd]) -> io::Result<()> {
    let raw: Vec<i32> = fds.iter().map(|fd| fd.as_fd().as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights[..] };
    sendmsg::<()>(socket.as_fd().as_raw_fd(), &[IoSlice::new(bytes)], control, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// How many descriptors a message can bring.
const MAX_FDS: usize = 16;

/// Receives a message and its descriptors. No bytes: the other end is closed.
///
/// # Errors
/// recvmsg(2)'s; a message that does not fit `buffer` is `InvalidData`.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    receive_from(socket, buffer).map(|(length, fds, _)| (length, fds))
}

/// [`receive`], and the process that sent it, where the kernel is to say that ([`name_senders`]): by the number that it has in
/// the receiver's pid namespace, 0 if it has none.
///
/// # Errors
/// Those of [`receive`].
pub fn receive_from(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>, Option<Pid>)> {
    let mut control = nix::cmsg_space!([i32; MAX_FDS], UnixCredentials);
    let mut slices = [IoSliceMut::new(buffer)];
    let message = loop {
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        match recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut slices, Some(&mut control), flags) {
            Err(nix::errno::Errno::EINTR) => {}
            result => break result?,
        }
    };
    let (mut fds, mut sender) = (Vec::new(), None);
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::ScmRights(raw) => {
                // SAFETY: the kernel has just installed these descriptors for this message.
                fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
            ControlMessageOwned::ScmCredentials(credentials) => sender = Some(Pid::from_raw(credentials.pid())),
            _ => {}
        }
    }
    if message.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok((message.bytes, fds, sender))
}

/// Makes a descriptor's reads and writes return instead of wait.
///
/// # Errors
/// fcntl(2)'s.
pub fn set_nonblocking(fd: impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    Ok(rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?)
}
