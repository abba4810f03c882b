//! What can go wrong between a plan and a running program.

use std::io;
use std::path::{Path, PathBuf};

use crate::{limits, net, store, userns};

/// What the kernel means by "no such file" where the program is there (execve(2), `ENOENT`).
const NO_INTERPRETER: &str =
    "the interpreter that it names, in its first line or as an executable's loader, is not there";

/// A failure to start a box or a session in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No user namespace.
    #[error(transparent)]
    UserNs(#[from] userns::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No network of the box's own.
    #[error(transparent)]
    Network(#[from] net::Error),
    /// No cgroup of the box's own.
    #[error(transparent)]
    Limits(#[from] limits::Error),
    /// A step of the plan failed.
    #[error("cannot set the box up: {step}")]
    Step {
        /// The step, as the plan has it.
        step: String,
        /// Why.
        source: io::Error,
    },
    /// The root could not be mounted: the overlay was refused.
    #[error("cannot mount the box's root as an overlay")]
    Overlay {
        /// The kernel's or fuse-overlayfs's reason.
        source: io::Error,
    },
    /// The keeper of a box told why it could not start.
    #[error("{}", .0.first().map_or("the box did not start", String::as_str))]
    Boot(Vec<String>),
    /// The keeper ended without a word.
    #[error("the box's first process ended before the box was up")]
    KeeperDied,
    /// The keeper is there, but does not answer.
    #[error("the box's keeper (process {pid}) does not answer")]
    Silent {
        /// Its process id.
        pid: i32,
    },
    /// Everything in the box has been killed, but its first process cannot leave.
    #[error(
        "all in the box is dead, but its first process ({pid}) cannot leave before a dead one is collected: by an envbox \
         that is stopped, or by this machine's init"
    )]
    Undead {
        /// The keeper's process id.
        pid: i32,
    },
    /// What ran in the box ended just when a session was to begin.
    #[error("the box was stopped at this very moment, or its init is about to start anew")]
    Ending,
    /// The keeper speaks another version's protocol.
    #[error("the box was started by another version of envbox")]
    OtherVersion {
        /// The keeper's process id.
        pid: i32,
    },
    /// Joining the box failed.
    #[error("cannot join the box: {what}")]
    Join {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The user may not put a process of this one's into the box's cgroup.
    #[error("the box has a cgroup that no process from here may be put into")]
    OtherGround {
        /// The kernel's reason.
        source: io::Error,
    },
    /// The program could not be run.
    #[error("cannot run `{program}` in the box")]
    Exec {
        /// The program.
        program: String,
        /// Why: `NotFound` is exit status 127, anything else 126.
        source: io::Error,
    },
    /// The box has none of the shells.
    #[error("the box has no shell")]
    NoShell,
    /// The box's account files have no such user.
    #[error("the box has no user `{0}`")]
    NoUser(String),
    /// Nor such a group.
    #[error("the box has no group `{0}`")]
    NoGroup(String),
    /// The user was not to be become.
    #[error("cannot become user `{user}` in the box")]
    Become {
        /// The user.
        user: String,
        /// Why: `InvalidInput` where the box does not have that id, or one of its groups.
        source: io::Error,
    },
    /// The directory that was asked for is not there.
    #[error("cannot start in {}", path.display())]
    WorkDir {
        /// The directory in the box.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The host's side of a session failed.
    #[error("cannot {what}")]
    Session {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The server of a root's overlay ended before it was told to: what was written last may be lost.
    #[error("fuse-overlayfs ended before its time ({status})")]
    Server {
        /// How it ended.
        status: String,
    },
    /// A program that finishes a new root failed.
    #[error("{program} failed in the new root ({status})")]
    Offline {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        output: String,
    },
}

impl Error {
    /// That a program in this process's root could not be run: why execve(2) has failed.
    pub(super) fn exec(program: String, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound if Path::new(&program).exists() => Self::no_interpreter(program),
            _ => Self::Exec { program, source },
        }
    }

    /// That a program is there, and what is to run it is not.
    pub(super) fn no_interpreter(program: String) -> Self {
        Self::Exec { program, source: io::Error::new(io::ErrorKind::NotFound, NO_INTERPRETER) }
    }

    /// The texts of this and all its causes, the outermost first. Those that have come from another process stay what they
    /// are.
    pub(super) fn texts(&self) -> Vec<String> {
        match self {
            Self::Boot(texts) => texts.clone(),
            error => userns::chain(error),
        }
    }
}
