//! What a session says to its side outside of the box before its program runs.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use super::Error;
use super::person::Unknown;
use crate::sys::socket;

/// What is said from inside to the side that stays outside.
#[derive(Debug)]
pub(super) enum Word {
    /// Something the user should know.
    Note(String),
    /// The master of the session's pseudo-terminal.
    Terminal(OwnedFd),
    /// What holds the session for the box's logind.
    Login(OwnedFd),
    /// It cannot be.
    Failed(Failure),
    /// The program runs; also what the end of the stream means.
    Running,
    /// Job control has stopped the program.
    Stopped,
}

/// Why there is no program: a letter for what was tried, the system call's error number, and the name that it was about.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: u8,
    pub(super) errno: i32,
    pub(super) text: OsString,
}

impl Failure {
    pub(super) fn new(kind: u8, text: impl Into<OsString>) -> impl FnOnce(io::Error) -> Self {
        let text = text.into();
        move |error| Self { kind, errno: error.raw_os_error().unwrap_or(0), text }
    }
}

impl From<Unknown> for Failure {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::User(name) => Self { kind: b'U', errno: 0, text: name.into() },
            Unknown::Group(name) => Self { kind: b'G', errno: 0, text: name.into() },
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let source = io::Error::from_raw_os_error(failure.errno);
        match failure.kind {
            b'S' => Self::NoShell,
            b'D' => Self::WorkDir { path: failure.text.into(), source },
            b'U' => Self::NoUser(failure.text.to_string_lossy().into_owned()),
            b'G' => Self::NoGroup(failure.text.to_string_lossy().into_owned()),
            b'B' => Self::Become { user: failure.text.to_string_lossy().into_owned(), source },
            b'X' => Self::Exec { program: failure.text.to_string_lossy().into_owned(), source },
            b'I' => Self::no_interpreter(failure.text.to_string_lossy().into_owned()),
            b'L' => Self::Join { what: "limit what its programs may use", source },
            b'T' => Self::Join { what: "open a terminal of its own", source },
            _ => Self::Join { what: "enter its namespaces", source },
        }
    }
}

/// Bytes of a text at the most, so that a message fits: room for any path, and enough of any other word to know it by.
const LONGEST: usize = 4096 + 256;

impl Word {
    pub(super) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        let nothing = &[] as &[OwnedFd];
        match self {
            Self::Note(text) => socket::send(socket, &[b"N", head(text.as_bytes())].concat(), nothing),
            Self::Terminal(master) => socket::send(socket, b"T", &[master]),
            Self::Login(held) => socket::send(socket, b"L", &[held]),
            Self::Failed(Failure { kind, errno, text }) => {
                let bytes = [b"F", &[*kind][..], &errno.to_ne_bytes(), head(text.as_bytes())].concat();
                socket::send(socket, &bytes, nothing)
            }
            Self::Running => socket::send(socket, b"R", nothing),
            Self::Stopped => socket::send(socket, b"S", nothing),
        }
    }

    pub(super) fn receive(socket: impl AsFd) -> io::Result<Self> {
        let mut buffer = [0; 8192];
        let (length, fds) = socket::receive(socket, &mut buffer)?;
        match (&buffer[..length], fds.into_iter().next()) {
            ([] | [b'R'], _) => Ok(Self::Running),
            ([b'S'], _) => Ok(Self::Stopped),
            ([b'T'], Some(master)) => Ok(Self::Terminal(master)),
            ([b'L'], Some(held)) => Ok(Self::Login(held)),
            ([b'N', text @ ..], _) => Ok(Self::Note(String::from_utf8_lossy(text).into_owned())),
            ([b'F', kind, a, b, c, d, text @ ..], _) => Ok(Self::Failed(Failure {
                kind: *kind,
                errno: i32::from_ne_bytes([*a, *b, *c, *d]),
                text: OsString::from_vec(text.to_vec()),
            })),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn head(text: &[u8]) -> &[u8] {
    &text[..text.len().min(LONGEST)]
}
