//! One file per verb: typed arguments, through the layers, to output. The only place where layers meet.

mod complete;
mod completions;
mod doctor;
mod manual;

use crate::cli::Command;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::ui::Ui;

/// Does what the user asked for. The result is the status to exit with.
///
/// # Errors
/// [`Error`].
pub fn run(command: Command, host: &Host, ui: &Ui) -> Result {
    match command {
        Command::Doctor(args) => doctor::run(&args, host, ui),
        Command::Completions(args) => completions::run(&args, ui),
        Command::Manual(args) => manual::run(&args),
        Command::Complete(args) => complete::run(&args, host, ui),
        Command::Enter(_)
        | Command::Run(_)
        | Command::Create(_)
        | Command::List(_)
        | Command::Stop(_)
        | Command::Rm(_) => Err(Error::new("this build has no boxes yet")),
    }
}
