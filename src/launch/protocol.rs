//! What is said over the two kinds of socket: by a starting keeper to the process that starts it, and between a keeper
//! and its sessions. One message is one packet: a letter, and what belongs to it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::plan::Bounds;
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
        self.send_with(socket, &[] as &[OwnedFd])
    }

    /// Sends it with descriptors.
    pub(super) fn send_with(&self, socket: impl AsFd, fds: &[impl AsFd]) -> io::Result<()> {
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
        socket::send(socket, &bytes, fds)
    }

    /// The next report; `None` when the other end is gone.
    pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<Self>> {
        Ok(Self::receive_with(socket)?.0)
    }

    /// The next report, and the descriptors that come with it.
    pub(super) fn receive_with(socket: impl AsFd) -> io::Result<(Option<Self>, Vec<OwnedFd>)> {
        let mut buffer = vec![0; LONGEST];
        let (length, fds) = socket::receive(socket, &mut buffer)?;
        Ok((Self::parse(&buffer[..length])?, fds))
    }

    fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let causes = |bytes: &[u8]| text(bytes).split('\0').map(str::to_owned).collect();
        match bytes {
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
pub(super) const HELLO: &[u8] = b"envbox keeper 6 ";

/// A descriptor that not every box has, by its letter in the first packet.
pub(super) mod extra {
    /// The network namespace.
    pub(in crate::launch) const NETWORK: u8 = b'n';
    /// The cgroup namespace.
    pub(in crate::launch) const CGROUPS: u8 = b'c';
    /// The cgroup that sessions are forked into.
    pub(in crate::launch) const PAYLOAD: u8 = b'g';
    /// The socket to what shows the box its limits.
    pub(in crate::launch) const VIEW: u8 = b'v';
    /// The same, of a box whose sysinfo(2) is answered.
    pub(in crate::launch) const SYSINFO: u8 = b's';
    /// No descriptor, and the last letter: nothing is to be begun with the others, as what they are of is about to end. If an
    /// init starts anew, another first packet follows.
    pub(in crate::launch) const ENDING: u8 = b'e';
}

/// From a session, or from `envbox stop`, to the keeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// The session of this connection is led by the process that says so. If the connection ends without a
    /// [`Request::Bye`], what is left of the session is ended.
    Session,
    /// The process of the session that says so is the image's own command, which a stop asks to end by the signal of this
    /// number, and by no other.
    Main(i32),
    /// The session ended as sessions do; what it left in the background may stay.
    Bye,
    /// End the box: every process gets `SIGTERM`, and after this many seconds `SIGKILL`.
    Stop(u32),
    /// Connect the stream that comes with this to the console of a system box.
    Console,
    /// The console has this many columns and rows now.
    Resize(u16, u16),
    /// Say [`Report::Ready`] when the init of a system box has booted, [`Report::Failed`] if it ends before.
    AwaitBoot,
    /// What each process of a system box may use from the next start of its init on. Only heard from outside of the box.
    Bounds(Bounds),
}

/// A request, with what the kernel says of it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) request: Request,
    /// Descriptors that came with it.
    pub(super) fds: Vec<OwnedFd>,
    /// Who sent it, by the number that it has for this process: that by which it knows itself may be of another pid namespace.
    pub(super) sender: Option<Pid>,
}

impl Request {
    pub(super) fn send(self, socket: impl AsFd) -> io::Result<()> {
        self.send_with(socket, &[] as &[OwnedFd])
    }

    /// Sends it with descriptors.
    pub(super) fn send_with(self, socket: impl AsFd, fds: &[impl AsFd]) -> io::Result<()> {
        let both = |columns: u16, rows: u16| u32::from(columns) << 16 | u32::from(rows);
        let number = |letter: u8, number: u32| [&[letter][..], &number.to_ne_bytes()].concat();
        let bytes = match self {
            Self::Session => number(b'S', 0),
            Self::Main(signal) => number(b'M', signal.cast_unsigned()),
            Self::Bye => number(b'B', 0),
            Self::Stop(seconds) => number(b'T', seconds),
            Self::Console => number(b'C', 0),
            Self::Resize(columns, rows) => number(b'Z', both(columns, rows)),
            Self::AwaitBoot => number(b'W', 0),
            Self::Bounds(bounds) => [&b"L"[..], &serde_json::to_vec(&bounds)?].concat(),
        };
        socket::send(socket, &bytes, fds)
    }

    /// The next request; `None` when the other end is gone.
    pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<Heard>> {
        let mut buffer = [0; LONGEST];
        let (length, fds, sender) = socket::receive_from(socket, &mut buffer)?;
        let request = match &buffer[..length] {
            [] => return Ok(None),
            [b'L', bounds @ ..] => Self::Bounds(serde_json::from_slice(bounds)?),
            &[letter, a, b, c, d] => Self::parse(letter, u32::from_ne_bytes([a, b, c, d]))?,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        Ok(Some(Heard { request, fds, sender }))
    }

    fn parse(letter: u8, number: u32) -> io::Result<Self> {
        Ok(match letter {
            b'S' => Self::Session,
            b'M' => Self::Main(number.cast_signed()),
            b'B' => Self::Bye,
            b'T' => Self::Stop(number),
            b'C' => Self::Console,
            b'Z' => Self::Resize((number >> 16) as u16, (number & 0xffff) as u16),
            b'W' => Self::AwaitBoot,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
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
        socket::name_senders(&b).unwrap();
        for request in [
            Request::Session,
            Request::Main(37),
            Request::Bye,
            Request::Stop(10),
            Request::Console,
            Request::Resize(132, 43),
            Request::AwaitBoot,
            Request::Bounds(Bounds::default()),
            Request::Bounds(Bounds { processors: (0..1024).collect(), memory: Some(u64::MAX), ..Bounds::default() }),
        ] {
            request.clone().send(&a).unwrap();
            let heard = Request::receive(&b).unwrap().unwrap();
            assert_eq!((heard.request, heard.sender), (request, Some(crate::sys::process::own_pid())));
        }
        drop(a);
        assert!(Request::receive(&b).unwrap().is_none());
    }
}
