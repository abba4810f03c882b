//! One file per verb: typed arguments, through the layers, to output. The only place where layers meet.

mod apart;
mod build;
mod complete;
mod completions;
mod create;
mod doctor;
mod enter;
mod export;
mod gc;
mod group;
mod hook;
mod identity;
mod image;
mod init;
mod janitor;
mod layer;
mod limit;
mod list;
mod live;
mod lock;
mod manual;
mod project;
mod project_recipe;
mod provision;
mod recipe;
mod recipes;
mod remove;
mod run;
mod schema;
mod search;
mod services;
mod session;
mod settings;
mod stats;
mod stop;
mod sweep;
mod task;
mod top;
mod trust;
mod world;

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
        Command::Init(args) => init::run(&args, host, ui),
        Command::Build(args) => build::run(&args, host, ui),
        Command::List(args) => list::run(&args, host, ui),
        Command::Stop(args) => stop::run(&args, host, ui),
        Command::Rm(args) => remove::run(&args, host, ui),
        Command::Limit(args) => limit::run(&args, host, ui),
        Command::Stats(args) => stats::run(&args, host, ui),
        Command::Top(args) => top::run(&args, host, ui),
        Command::Lock(args) => lock::run(&args, host, ui),
        Command::Task(args) => task::run(&args, host, ui),
        Command::Up(args) => services::up(&args, host, ui),
        Command::Down(args) => services::down(&args, host, ui),
        Command::Ps(args) => services::ps(&args, host, ui),
        Command::Logs(args) => services::logs(&args, host, ui),
        Command::Image(verb) => image::run(&verb, host, ui),
        Command::Gc(args) => gc::run(&args, host, ui),
        Command::Search(args) => search::run(&args, host, ui),
        Command::Recipe(args) => recipe::run(&args, host, ui),
        Command::Schema(args) => schema::run(&args, ui),
        Command::Trust(args) => trust::trust(&args, host, ui),
        Command::Untrust(args) => trust::untrust(&args, host, ui),
        Command::Doctor(args) => doctor::run(&args, host, ui),
        Command::Hook(args) => hook::run(&args, ui),
        Command::Completions(args) => completions::run(&args, ui),
        Command::Manual(args) => manual::run(&args),
        Command::Complete(args) => complete::run(&args, host, ui),
    }
}
