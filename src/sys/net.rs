//! Network devices (netdevice(7)).

use std::io;
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Switches the loopback device of this process's network namespace on, which is off in a new one.
///
/// # Errors
/// socket(2)'s and ioctl(2)'s: `EPERM` without `CAP_NET_ADMIN` in the namespace's owner.
pub fn loopback_up() -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: a C structure of numbers, for which all bits zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(*b"lo") {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_flags = IFF_UP;
    // SAFETY: the socket is open, and the request is the one that SIOCSIFFLAGS reads; it outlives the call.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The device is on (netdevice(7)); a short there, an int in the crate.
const IFF_UP: libc::c_short = 1;
