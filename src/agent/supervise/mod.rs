//! The supervisor of a project's services, and those who ask it: the agent by another name, in the box. They are one program,
//! so they cannot be of two minds.
//!
//! The supervisor is a process of box-root's that belongs to no terminal. It has the connection to the keeper that it was
//! started with, which stands for it as a session: so the keeper knows whom to ask to end when the box is stopped, and ends
//! what is left when the supervisor is killed.

mod client;
mod log;
mod place;
mod policy;
mod probe;
mod server;
mod spawn;
mod spec;
mod stamp;
mod tail;
mod unit;
mod wire;

use std::io;

use clap::{Parser, Subcommand};

use super::boot::{self, Booted};
use crate::ui::{Colour, Ui, Verbosity};
pub use spec::{Ask, Caller, Probe, Ready, Spec, is_name};

/// What goes wrong with services.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that the supervisor is needed for, or that it needs itself.
    #[error("cannot {what}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It does not do what is asked for.
    #[error("{0}")]
    Refused(String),
    /// It has ended before it had answered.
    #[error("the supervisor of the services has ended")]
    Gone,
    /// Standard output is closed.
    #[error("nobody reads the logs")]
    NobodyReads,
}

/// Look after services, or ask for them
#[derive(Debug, Parser)]
#[command(name = "supervisor")]
struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// Print nothing but data and errors
    #[arg(long, global = true)]
    quiet: bool,
    /// Use colours
    #[arg(long, global = true)]
    colour: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Look after services
    Serve,
    /// Bring services up
    Up,
    /// End services
    Down,
    /// Show how services are
    Ps {
        #[arg(long)]
        json: bool,
    },
    /// Show what services have printed
    Logs {
        #[arg(long)]
        follow: bool,
        #[arg(long)]
        lines: Option<usize>,
        #[arg(long)]
        times: bool,
    },
    /// Wait until the box's init has booted
    Booted(Booted),
}

/// What a shell shows for a death by `SIGPIPE`.
const BROKEN_PIPE: u8 = 128 + 13;

/// Does what its arguments say. Standard input is an [`Ask`].
///
/// # Errors
/// [`Error`].
pub(super) fn run() -> Result<u8, super::Error> {
    let args = Args::try_parse()?;
    let verbosity = if args.quiet { Verbosity::Quiet } else { Verbosity::Normal };
    let ui = Ui::new(verbosity, if args.colour { Colour::Always } else { Colour::Never });
    let status = match args.verb {
        Verb::Booted(wanted) => {
            boot::wait(&wanted).map_err(|source| Error::Failed { what: "wait for the box's init", source })
        }
        Verb::Serve => server::serve().map(|()| 0).map_err(|source| Error::Failed { what: "supervise", source }),
        Verb::Up => client::up(&ui),
        Verb::Down => client::down(&ui),
        Verb::Ps { json } => client::ps(&ui, json),
        Verb::Logs { follow, lines, times } => client::question().and_then(|(_, ask)| {
            let names: Vec<String> =
                if ask.names.is_empty() { ask.services.into_keys().collect() } else { ask.names.into_iter().collect() };
            tail::show(&ui, &names, tail::Wish { lines, follow, times })
        }),
    };
    match status {
        // Whoever reads through a pipe and has had enough is no failure.
        Err(Error::NobodyReads) => Ok(BROKEN_PIPE),
        status => Ok(status?),
    }
}
