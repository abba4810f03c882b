//! What is said over the two kinds of socket: by a starting keeper to the process that starts it, and between a keeper
//! and its sessions. One message is one packet: a letter, and what belongs to it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::sys::process::Pid;
use crate::sys::socket;

/// Room for the longest message: an error with all its causes.
const LONGEST: usize = 16 * 1024;

/// From a process that is being set up to the one that waits for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// This step is being taken (`-v`).
    Step(String),
    /// All is set up.
    Ready,
    /// The root could not be mounted: another overlay may do better.
    OverlayRefused(Vec<String>),
    /// It failed, for these reasons, the outermost first.
    Failed(Vec<String>),
}

impl Report {
    pub(super) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        let causes = |letter: u8, causes: &[String]| {
            let mut bytes = vec![letter];
            bytes.extend_from_slice(causes.join("\0").as_bytes());
            bytes.truncate(LONGEST);
            bytes
        };
        let bytes = match self {
            Self::Step(step) => causes(b'S', std::slice::from_ref(step)),
            Self::Ready => vec![b'R'],
            Self::OverlayRefused(reasons) => causes(b'O', reasons),
            Self::Failed(reasons) => causes(b'F', reasons),
        };
        socket::send(socket, &bytes, &[] as &[OwnedFd])
    }

    /// The next report; `None` when the other end is gone.
    pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<Self>> {
        let mut buffer = vec![0; LONGEST];
        let (length, _) = socket::receive(socket, &mut buffer)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let causes = |bytes: &[u8]| text(bytes).split('\0').map(str::to_owned).collect();
        match &buffer[..length] {
            [] => Ok(None),
            [b'S', step @ ..] => Ok(Some(Self::Step(text(step)))),
            [b'R'] => Ok(Some(Self::Ready)),
            [b'O', reasons @ ..] => Ok(Some(Self::OverlayRefused(causes(reasons)))),
            [b'F', reasons @ ..] => Ok(Some(Self::Failed(causes(reasons)))),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The first packet a keeper sends on every connection; the namespaces and the run directory come with it. After it stands a
/// letter for each descriptor more, in their order. Another version's is not understood, and says so.
pub(super) const HELLO: &[u8] = b"envbox keeper 4 ";

/// A descriptor that not every box has, by its letter in the first packet.
pub(super) mod extra {
    /// The network namespace.
    pub(in crate::launch) const NETWORK: u8 = b'n';
    /// The cgroup that sessions are forked into.
    pub(in crate::launch) const PAYLOAD: u8 = b'g';
    /// The socket to what shows the box its limits.
    pub(in crate::launch) const VIEW: u8 = b'v';
    /// The same, of a box whose sysinfo(2) is answered.
    pub(in crate::launch) const SYSINFO: u8 = b's';
}

/// From a session, or from `envbox stop`, to the keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// The session of this connection is led by this process (its id in the box). If the connection ends without a
    /// [`Request::Bye`], what is left of the session is ended.
    Session(Pid),
    /// This process of the session (its id in the box) is the image's own command, which a stop asks to end by the signal of
    /// this number, and by no other.
    Main(Pid, i32),
    /// The session ended as sessions do; what it left in the background may stay.
    Bye,
    /// End the box: every process gets `SIGTERM`, and after this many seconds `SIGKILL`.
    Stop(u32),
}

impl Request {
    pub(super) fn send(self, socket: impl AsFd) -> io::Result<()> {
        let (letter, number, signal) = match self {
            Self::Session(pid) => (b'S', pid.as_raw().to_ne_bytes(), 0),
            Self::Main(pid, signal) => (b'M', pid.as_raw().to_ne_bytes(), signal),
            Self::Bye => (b'B', [0; 4], 0),
            Self::Stop(seconds) => (b'T', seconds.to_ne_bytes(), 0),
        };
        socket::send(socket, &[&[letter][..], &number, &signal.to_ne_bytes()].concat(), &[] as &[OwnedFd])
    }

    /// The next request; `None` when the other end is gone.
    pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<Self>> {
        let mut buffer = [0; 9];
        let (length, _) = socket::receive(socket, &mut buffer)?;
        let [letter, a, b, c, d, signal @ ..] = buffer;
        let number = [a, b, c, d];
        match (length, letter) {
            (0, _) => Ok(None),
            (9, b'S') => Ok(Some(Self::Session(Pid::from_raw(i32::from_ne_bytes(number))))),
            (9, b'M') => Ok(Some(Self::Main(Pid::from_raw(i32::from_ne_bytes(number)), i32::from_ne_bytes(signal)))),
            (9, b'B') => Ok(Some(Self::Bye)),
            (9, b'T') => Ok(Some(Self::Stop(u32::from_ne_bytes(number)))),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_received() {
        let (a, b) = socket::pair().unwrap();
        let reports = [
            Report::Step("tmpfs /dev".into()),
            Report::Ready,
            Report::OverlayRefused(vec!["x".into(), "y".into()]),
            Report::Failed(vec!["cannot".into(), String::new()]),
        ];
        for report in reports {
            report.send(&a).unwrap();
            assert_eq!(Report::receive(&b).unwrap(), Some(report));
        }
        for request in
            [Request::Session(Pid::from_raw(77)), Request::Main(Pid::from_raw(78), 37), Request::Bye, Request::Stop(10)]
        {
            request.send(&a).unwrap();
            assert_eq!(Request::receive(&b).unwrap(), Some(request));
        }
        drop(a);
        assert_eq!(Request::receive(&b).unwrap(), None);
    }
}
