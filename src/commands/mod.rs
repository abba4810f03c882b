//! One file per verb: typed arguments, through the layers, to output. The only place where layers meet.

mod complete;
mod completions;
mod create;
mod doctor;
mod enter;
mod identity;
mod image_load;
mod image_pull;
mod janitor;
mod list;
mod live;
mod manual;
mod provision;
mod remove;
mod run;
mod session;
mod stop;
mod sweep;

use crate::cli::Command;
use crate::error::Result;
use crate::host::Host;
use crate::ui::Ui;

/// Does what the user asked for. The result is the status to exit with.
///
/// # Errors
/// [`crate::error::Error`].
pub fn run(command: Command, host: &Host, ui: &Ui) -> Result {
    match command {
        Command::Enter(args) => enter::run(&args, host, ui),
        Command::Run(args) => run::run(&args, host, ui),
        Command::Create(args) => create::run(&args, host, ui),
        Command::List(args) => list::run(&args, host, ui),
        Command::Stop(args) => stop::run(&args, host, ui),
        Command::Rm(args) => remove::run(&args, host, ui),
        Command::Doctor(args) => doctor::run(&args, host, ui),
        Command::ImagePull(args) => image_pull::run(&args, host, ui),
        Command::ImageLoad(args) => image_load::run(&args, host, ui),
        Command::Completions(args) => completions::run(&args, ui),
        Command::Manual(args) => manual::run(&args),
        Command::Complete(args) => complete::run(&args, host, ui),
    }
}
