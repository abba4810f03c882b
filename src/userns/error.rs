//! What can go wrong at the door.

use std::io;
use std::path::PathBuf;

use super::refusal::{Refusal, Remedy, Stage};

/// A failure to make or enter a user namespace, or to do work inside one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call of the parent's failed.
    #[error("cannot {what}")]
    Parent {
        /// What was tried.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The machine does not let this user have a user namespace that works.
    #[error("{stage}: {}", remedy.cause)]
    Refused {
        /// How far it came.
        stage: Stage,
        /// Who forbids it, and what ends that.
        remedy: Remedy,
        /// The kernel's answer.
        source: io::Error,
    },
    /// `newuidmap` or `newgidmap` could not be run.
    #[error("cannot run {}", program.display())]
    Helper {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `newuidmap` or `newgidmap` refused the map.
    #[error("{} refused the map: {message}", program.display())]
    HelperRefused {
        /// The program.
        program: PathBuf,
        /// What it printed.
        message: String,
    },
    /// Writing `/proc/PID/{uid,gid}_map` failed.
    #[error("cannot write {}", path.display())]
    WriteMap {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The child ended before it was done, and left no message.
    #[error("the process inside the user namespace ended early ({0})")]
    ChildDied(String),
    /// The work inside failed; the outermost cause comes first.
    #[error("{}", .0.first().map_or("the work inside the user namespace failed", String::as_str))]
    Work(Vec<String>),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { stage: refusal.stage, remedy: refusal.remedy(), source: refusal.source }
    }
}

/// The texts of an error and of all its causes, the outermost first: what can cross from one process to another.
pub fn chain(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect()
}
