//! The program: from what the user typed to an exit status.

use std::process::ExitCode;

use envbox::agent;
use envbox::cli::{self, Cli};
use envbox::commands;
use envbox::error::{EXIT_FAILURE, Result};
use envbox::host::Host;
use envbox::sys::signal::{self, Signal};
use envbox::ui::{Colour, Ui, Verbosity};

fn main() -> ExitCode {
    if let Some(entry) = std::env::args_os().next().and_then(|name| agent::entry(&name)) {
        return agent(entry);
    }
    // A caller that ignores it would leave us without children to wait for (wait(2)); nothing can be done if this fails.
    let _ = signal::set_default(Signal::SIGCHLD);
    let words: Vec<_> = std::env::args_os().collect();
    let cli = match Cli::read(&words) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, EXIT_FAILURE),
    };
    let host = Host::probe();
    let ui = ui(&cli.output, host.as_ref().ok());
    let outcome: Result = host.map_err(Into::into).and_then(|host| commands::run(cli.command, &host, &ui));
    ExitCode::from(outcome.unwrap_or_else(|error| {
        ui.error(&error);
        error.exit_status()
    }))
}

/// In a box, called by the name of a command that the box lacks.
fn agent(entry: agent::Entry) -> ExitCode {
    match entry() {
        Ok(status) => ExitCode::from(status),
        Err(agent::Error::Usage(error)) => usage(&error, 1),
        Err(error) => {
            Ui::new(Verbosity::Normal, Colour::Never).error(&error.into());
            ExitCode::FAILURE
        }
    }
}

/// Help goes to standard output, wrong usage to standard error; there is nobody to tell if that fails.
fn usage(error: &clap::Error, status: u8) -> ExitCode {
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { status } else { 0 })
}

fn ui(output: &cli::Output, host: Option<&Host>) -> Ui {
    let verbosity = match (output.quiet, output.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, _) => Verbosity::Verbose,
    };
    let colour = match output.color {
        cli::Colour::Always => Colour::Always,
        cli::Colour::Auto if host.is_some_and(Host::wants_colour) => Colour::OnTerminal,
        cli::Colour::Auto | cli::Colour::Never => Colour::Never,
    };
    Ui::new(verbosity, colour)
}
