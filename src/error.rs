//! The one top-level error: what went wrong, of which kind, and what the user can do about it.
//!
//! Every layer has an error type of its own. Each is turned into this one here and nowhere else, which is where its
//! kind and its hints are decided.

use std::error::Error as StdError;

use crate::{agent, host, launch, pack, plan, recipe, source, store, userns};

/// Exit status of a failure of envbox's own. As with env(1) and chroot(1), any other status of `enter` and `run` is the
/// program's that they ran, which is why wrong usage has this one as well.
pub const EXIT_FAILURE: u8 = 125;
/// Exit status where the program was found but cannot be executed.
pub const EXIT_NOT_EXECUTABLE: u8 = 126;
/// Exit status where there is no such program.
pub const EXIT_NOT_FOUND: u8 = 127;
/// Exit status where the reader of our output has gone: what a shell shows for a death by `SIGPIPE`.
pub const EXIT_BROKEN_PIPE: u8 = 128 + 13;

/// What a command of envbox's ends with: an exit status, or an error that has one.
pub type Result<T = u8> = std::result::Result<T, Error>;

/// What sort of failure it is; decides the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// envbox could not do what it was asked to do.
    Failure,
    /// The program to run is there but cannot be executed.
    NotExecutable,
    /// The program to run is not there.
    NotFound,
    /// Nobody reads our output any more: not a failure to speak of.
    BrokenPipe,
}

impl Kind {
    /// The exit status.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Failure => EXIT_FAILURE,
            Self::NotExecutable => EXIT_NOT_EXECUTABLE,
            Self::NotFound => EXIT_NOT_FOUND,
            Self::BrokenPipe => EXIT_BROKEN_PIPE,
        }
    }
}

/// How the texts of "no space left on device" and "disk quota exceeded" end, which come from another process as texts.
const FULL: [&str; 2] = ["(os error 28)", "(os error 122)"];
const MAKE_ROOM: &str =
    "make room on the disk that the data directory is on (envbox doctor names it), or set XDG_DATA_HOME to another";

/// A failure, ready to be shown.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    source: Box<dyn StdError>,
    hints: Vec<String>,
}

impl Error {
    /// A failure of the usual kind: an error of some layer's, or a message.
    pub fn new(source: impl Into<Box<dyn StdError>>) -> Self {
        Self { kind: Kind::Failure, source: source.into(), hints: Vec::new() }
    }

    /// A failure that arrived as texts, the outermost first: the causes of something that happened in another process.
    pub fn from_texts(texts: &[String]) -> Self {
        let link = |cause, text: &String| Some(Box::new(Reported { text: text.clone(), cause }));
        let chain = texts.iter().rev().fold(None, link);
        Self::new(chain.unwrap_or_else(|| Box::new(Reported { text: "no reason was given".into(), cause: None })))
    }

    /// [`Error::from_texts`] of somebody who has written to the store.
    fn from_work(texts: &[String]) -> Self {
        let full = texts.last().is_some_and(|text| FULL.iter().any(|errno| text.ends_with(errno)));
        let error = Self::from_texts(texts);
        if full { error.hint(MAKE_ROOM) } else { error }
    }

    /// The same of another kind.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same with a hint: a command or a line that the user can paste.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The status to exit with.
    pub fn exit_status(&self) -> u8 {
        self.kind.exit_status()
    }

    /// Whether the box's overlay was refused: another kind may do.
    pub fn is_overlay(&self) -> bool {
        self.source.downcast_ref::<launch::Error>().is_some_and(|error| matches!(error, launch::Error::Overlay { .. }))
    }

    /// Whether there is anybody to tell.
    pub fn is_silent(&self) -> bool {
        self.kind == Kind::BrokenPipe
    }

    /// The error and its causes, the outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &dyn StdError> {
        std::iter::successors(Some(&*self.source), |&error| error.source())
    }

    /// The error of a layer's that this was made of, if it is of that type.
    pub fn of<E: StdError + 'static>(&self) -> Option<&E> {
        self.source.downcast_ref()
    }

    /// What the user can do.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

/// An error of which only the text is left.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Reported {
    text: String,
    #[source]
    cause: Option<Box<Reported>>,
}

impl From<agent::Error> for Error {
    fn from(error: agent::Error) -> Self {
        Self::new(error)
    }
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::NoHome => Self::new(error).hint("HOME=/some/directory envbox …"),
            host::Error::NoWorkingDirectory { .. } => Self::new(error).hint("cd"),
            host::Error::Read { .. } | host::Error::NoUser(_) => Self::new(error),
        }
    }
}

impl From<host::NoSubIds> for Error {
    fn from(error: host::NoSubIds) -> Self {
        let remedies = error.remedies();
        remedies.into_iter().fold(Self::new(error), Self::hint)
    }
}

impl From<recipe::ParseNameError> for Error {
    fn from(error: recipe::ParseNameError) -> Self {
        Self::new(error)
    }
}

impl From<userns::IdentityError> for Error {
    fn from(error: userns::IdentityError) -> Self {
        match error {
            userns::IdentityError::SubIds(error) => error.into(),
            userns::IdentityError::NoHelper(_) => Self::new(error)
                .hint("as root: apt-get install uidmap   (dnf install shadow-utils, apk add shadow-uidmap, …)"),
        }
    }
}

impl From<userns::Error> for Error {
    fn from(error: userns::Error) -> Self {
        const DOCTOR: &str = "`envbox doctor` shows what is missing, and the line that mends it";
        match error {
            userns::Error::Work(texts) => Self::from_work(&texts),
            userns::Error::Refused { ref remedy, .. } => {
                let lines = remedy.lines.clone();
                Self::new(error).hint(DOCTOR).hint(lines)
            }
            userns::Error::Helper { .. } | userns::Error::HelperRefused { .. } | userns::Error::WriteMap { .. } => {
                Self::new(error).hint(DOCTOR)
            }
            userns::Error::Parent { .. } | userns::Error::ChildDied(_) => Self::new(error),
        }
    }
}

impl From<pack::Error> for Error {
    fn from(error: pack::Error) -> Self {
        let gone = |source: &std::io::Error| source.kind() == std::io::ErrorKind::BrokenPipe;
        let kind = match &error {
            pack::Error::Output { source, .. } if gone(source) => Kind::BrokenPipe,
            _ => Kind::Failure,
        };
        Self::new(error).kind(kind)
    }
}

impl From<plan::NoBoot> for Error {
    fn from(error: plan::NoBoot) -> Self {
        match error {
            plan::NoBoot::HomePath(_) | plan::NoBoot::OwnHome(_) => {
                Self::new(error).hint("HOME=/some/directory envbox …")
            }
            plan::NoBoot::Mount { cause: plan::Cause::Moved(_), .. } => {
                Self::new(error).hint("enter it from the project: cd PROJECT && envbox enter   asks whether it may")
            }
            plan::NoBoot::Project { .. } | plan::NoBoot::Mount { .. } | plan::NoBoot::MachinesRoot => Self::new(error),
        }
    }
}

impl From<plan::NoSession> for Error {
    fn from(error: plan::NoSession) -> Self {
        let hint = match &error {
            plan::NoSession::NoCommand(name) => {
                Some(format!("envbox run {name} -- COMMAND, or envbox enter {name} for a shell"))
            }
            plan::NoSession::User(_) | plan::NoSession::Configured(_) => {
                Some("--user NAME runs it as somebody else".to_owned())
            }
            plan::NoSession::WorkDir(_) | plan::NoSession::NoPlace(_) => {
                Some("--workdir / runs it somewhere else".to_owned())
            }
            plan::NoSession::Variables(_) | plan::NoSession::NullByte => None,
        };
        hint.into_iter().fold(Self::new(error), Self::hint)
    }
}

impl From<source::Error> for Error {
    fn from(error: source::Error) -> Self {
        let hint = error.hint();
        let error = Self::new(error);
        hint.into_iter().fold(error, Self::hint)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        let hint = match &error {
            store::Error::NoBox(name) => Some(format!("envbox create {name}, or `envbox list` for those there are")),
            store::Error::BoxExists(name) => Some(format!("envbox enter {name}, or envbox rm {name}")),
            store::Error::NoImage(name) => {
                Some(format!("envbox image verify --repair; or envbox rm {name}, then create it anew"))
            }
            store::Error::Make { source, .. } | store::Error::Write { source, .. } => match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Some(MAKE_ROOM.to_owned()),
                _ => None,
            },
            store::Error::Read { .. } | store::Error::Damaged { .. } | store::Error::NotLeased(_) => None,
            store::Error::InUse(_) => Some("try again when it has ended".to_owned()),
        };
        let error = Self::new(error);
        hint.into_iter().fold(error, Self::hint)
    }
}

impl From<launch::Error> for Error {
    fn from(error: launch::Error) -> Self {
        use std::io::ErrorKind;
        match error {
            launch::Error::UserNs(error) => error.into(),
            launch::Error::Store(error) => error.into(),
            // The kernel's words in fs/namespace.c, mount_too_revealing().
            launch::Error::Boot(texts) if texts.iter().any(|text| text.contains("too revealing")) => Self::from_texts(
                &texts,
            )
            .hint("where parts of /proc are covered, the kernel has no other /proc to give: there can be no box here")
            .hint(
                "so it is in boxes of the machine's root, and in other containers; in an ordinary user's box there can",
            ),
            launch::Error::Boot(texts) => Self::from_work(&texts),
            launch::Error::Exec { ref source, .. } if source.kind() == ErrorKind::NotFound => {
                Self::new(error).kind(Kind::NotFound)
            }
            launch::Error::Exec { .. } => Self::new(error).kind(Kind::NotExecutable),
            launch::Error::WorkDir { .. } => Self::new(error).kind(Kind::NotFound),
            launch::Error::NoUser(_) | launch::Error::NoGroup(_) => {
                Self::new(error).hint("a number needs no entry in the box's /etc/passwd and /etc/group")
            }
            launch::Error::Become { .. } => Self::new(error)
                .hint("the ids that a box has are listed in its /proc/self/uid_map and /proc/self/gid_map"),
            launch::Error::OtherGround { .. } => Self::new(error)
                .hint("from a login like that in which it was started, it can be entered")
                .hint("envbox doctor --cgroup: lines that prepare every login, and this shell"),
            launch::Error::Ending => Self::new(error).hint("the same command again waits for it, or starts it"),
            launch::Error::Silent { .. } | launch::Error::OtherVersion { .. } => {
                Self::new(error).hint("envbox stop ends it")
            }
            error => Self::new(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(error: &Error) -> Vec<String> {
        error.chain().map(ToString::to_string).collect()
    }

    #[test]
    fn causes_from_another_process_stay_a_chain() {
        let error = Error::from(userns::Error::Work(vec!["cannot unpack".into(), "no space".into()]));
        assert_eq!(texts(&error), ["cannot unpack", "no space"]);
        assert_eq!(texts(&Error::from_texts(&[])), ["no reason was given"]);
    }

    #[test]
    fn a_full_disk_is_known_by_the_last_cause() {
        let full = io_text(28);
        let boot = |last: &str| Error::from(launch::Error::Boot(vec!["cannot set the box up".into(), last.into()]));
        assert_eq!((boot(&full).hints(), boot("it is").hints()), (&[MAKE_ROOM.to_owned()][..], &[][..]));
        assert_eq!(Error::from(userns::Error::Work(vec![io_text(122)])).hints(), [MAKE_ROOM]);
    }

    fn io_text(errno: i32) -> String {
        std::io::Error::from_raw_os_error(errno).to_string()
    }

    #[test]
    fn the_source_of_an_error_is_its_cause() {
        let source = std::io::Error::from_raw_os_error(1);
        let remedy = userns::refusal::Remedy { cause: "x".into(), lines: "sudo y".into() };
        let error = Error::from(userns::Error::Refused { stage: userns::refusal::Stage::Mount, remedy, source });
        assert_eq!(texts(&error)[1], "Operation not permitted (os error 1)");
        assert_eq!(error.hints().last().map(String::as_str), Some("sudo y"));
        assert_eq!(error.exit_status(), 125);
    }
}
