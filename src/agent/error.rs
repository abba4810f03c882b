//! What goes wrong inside a box.

use std::ffi::OsString;
use std::io;

use super::supervise;

/// Why an agent could not do what it is there for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong usage, or help that was asked for.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The facts about the caller could not be had.
    #[error(transparent)]
    Host(#[from] crate::host::Error),
    /// There is nothing to run.
    #[error("a command, -s or -i is expected")]
    NoCommand,
    /// The setuid bit has no effect here.
    #[error("this {0} is not setuid root: something in this box forbids new privileges")]
    NotRoot(&'static str),
    /// A map is refused.
    #[error(transparent)]
    Map(#[from] super::MapError),
    /// There is no such user.
    #[error("there is no user `{0}` in this box")]
    NoUser(String),
    /// There is no such group.
    #[error("there is no group `{0}` in this box")]
    NoGroup(String),
    /// Becoming the user, or going to the directory, failed.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// There is no such command.
    #[error("{}: command not found", .0.display())]
    NotFound(OsString),
    /// The command cannot be executed.
    #[error("cannot run {}", command.display())]
    Exec {
        /// The command.
        command: OsString,
        /// Why.
        source: io::Error,
    },
    /// The supervisor cannot work, or cannot be asked.
    #[error(transparent)]
    Services(#[from] supervise::Error),
}
