//! What is said between the supervisor and those who ask it: one message, one packet.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use serde::{Deserialize, Serialize};

use super::spec::Ask;
use crate::sys::process::Ended;
use crate::sys::socket;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// That services run, and are ready.
    Up,
    /// That they do not, and neither do those that need them.
    Down,
    /// To know how they are.
    Ps,
}

const LETTERS: [(Verb, u8); 3] = [(Verb::Up, b'U'), (Verb::Down, b'D'), (Verb::Ps, b'P')];

impl Verb {
    /// Asks, with the question's file.
    pub(super) fn send(self, socket: impl AsFd, question: &File) -> io::Result<()> {
        let letter = LETTERS.iter().filter(|(verb, _)| *verb == self).map(|(_, letter)| *letter);
        socket::send(socket, &letter.collect::<Vec<u8>>(), &[question])
    }

    /// The question that somebody who has connected asks.
    pub(super) fn receive(socket: impl AsFd) -> io::Result<(Self, Ask)> {
        let mut buffer = [0; 8];
        let (length, files) = socket::receive(socket, &mut buffer)?;
        let verb = LETTERS.iter().find(|(_, letter)| buffer[..length] == [*letter]).map(|(verb, _)| *verb);
        let file = files.into_iter().next().map(File::from);
        let (verb, file) = verb.zip(file).ok_or(io::ErrorKind::InvalidData)?;
        Ok((verb, Ask::read(&file)?))
    }
}

/// How a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It is not asked for, or was ended.
    Stopped,
    /// It waits for what it needs.
    Waiting,
    /// It runs and is not ready yet.
    Starting,
    /// It runs and is ready.
    Ready,
    /// It has ended, and will be started again.
    Restarting,
    /// It has been asked to end.
    Stopping,
    /// It has ended by itself, and well.
    Exited,
    /// It has ended, or was not ready in time, and is not tried again.
    Failed,
}

/// How a service is, and how it came to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Status {
    pub(super) name: String,
    pub(super) state: State,
    /// Its process, in the box.
    #[serde(default)]
    pub(super) pid: Option<i32>,
    /// How its process ended last.
    #[serde(default)]
    pub(super) ended: Option<Exit>,
    /// How often it was started again.
    #[serde(default)]
    pub(super) restarts: u32,
    /// Milliseconds from its start until it was ready.
    #[serde(default)]
    pub(super) took: Option<u64>,
    /// Seconds since the epoch: since when it is like that.
    #[serde(default)]
    pub(super) since: u64,
    /// Why it failed, or what it waits for.
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Exit {
    /// With this status.
    Status(u8),
    /// By this signal.
    Signal(i32),
}

impl From<Ended> for Exit {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Exited(status) => Self::Status(status),
            Ended::Killed(signal) => Self::Signal(signal),
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
        }
    }
}

impl Status {
    /// A service of which nothing is known.
    pub(super) fn stopped(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Stopped,
            pid: None,
            ended: None,
            restarts: 0,
            took: None,
            since: 0,
            reason: None,
        }
    }
}

/// From the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reply {
    /// How a service is now.
    Is(Status),
    /// The question cannot be answered.
    No(String),
    /// That was all.
    Done,
}

/// Bytes of a reply at the most.
const LONGEST: usize = 16 * 1024;

impl Reply {
    pub(super) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        socket::send(socket, &serde_json::to_vec(self)?, &[] as &[OwnedFd])
    }

    /// The next reply; `None` when the supervisor is gone.
    pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<Self>> {
        let mut buffer = vec![0; LONGEST];
        match socket::receive(socket, &mut buffer) {
            Ok((0, _)) => Ok(None),
            Ok((length, _)) => Ok(Some(serde_json::from_slice(&buffer[..length])?)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_received() {
        let (a, b) = socket::pair().unwrap();
        let mut status = Status::stopped("db");
        status.ended = Some(Exit::Signal(9));
        for reply in [Reply::Is(status), Reply::No("x".into()), Reply::Done] {
            reply.send(&a).unwrap();
            assert_eq!(Reply::receive(&b).unwrap(), Some(reply));
        }
        let question = serde_json::to_vec(&Ask::default()).unwrap();
        let file = crate::sys::file::in_memory("ask", &question).unwrap();
        Verb::Down.send(&a, &file).unwrap();
        assert_eq!(Verb::receive(&b).unwrap(), (Verb::Down, Ask::default()));
        drop(a);
        assert_eq!(Reply::receive(&b).unwrap(), None);
    }
}
