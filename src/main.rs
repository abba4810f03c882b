//! The program: from what the user typed to an exit status.

use std::process::ExitCode;

use clap::Parser as _;
use envbox::cli::{self, Cli};
use envbox::commands;
use envbox::error::{EXIT_FAILURE, Result};
use envbox::host::Host;
use envbox::ui::{Colour, Ui, Verbosity};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, wrong usage to standard error; there is nobody to tell if that fails.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { EXIT_FAILURE } else { 0 });
        }
    };
    let host = Host::probe();
    let ui = ui(&cli.output, host.as_ref().ok());
    let outcome: Result = host.map_err(Into::into).and_then(|host| commands::run(cli.command, &host, &ui));
    ExitCode::from(outcome.unwrap_or_else(|error| {
        ui.error(&error);
        error.exit_status()
    }))
}

fn ui(output: &cli::Output, host: Option<&Host>) -> Ui {
    let verbosity = match (output.quiet, output.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Verbose,
        (false, _) => Verbosity::Debug,
    };
    let colour = match output.color {
        cli::Colour::Always => Colour::Always,
        cli::Colour::Auto if host.is_some_and(Host::wants_colour) => Colour::OnTerminal,
        cli::Colour::Auto | cli::Colour::Never => Colour::Never,
    };
    Ui::new(verbosity, colour)
}
