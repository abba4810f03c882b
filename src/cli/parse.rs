//! From the words of a command line to what they mean.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use super::{Cli, Command, Enter, Output, Run, Task};

/// The command line of the verbs that are typed all day. Those of all verbs take longer to define than a box takes to enter.
#[derive(Debug, Parser)]
#[command(name = "envbox", disable_help_subcommand = true)]
struct Frequent {
    #[command(subcommand)]
    command: Verb,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Enter(Enter),
    Run(Run),
    Task(Task),
}

impl Cli {
    /// Reads a command line, the program's own name first.
    ///
    /// # Errors
    /// What is wrong with it; or the help that is asked for.
    pub fn read(words: &[OsString]) -> Result<Self, clap::Error> {
        match Frequent::try_parse_from(words) {
            Ok(Frequent { command: Verb::Enter(args), output }) => Ok(Self { command: Command::Enter(args), output }),
            Ok(Frequent { command: Verb::Run(args), output }) => Ok(Self { command: Command::Run(args), output }),
            Ok(Frequent { command: Verb::Task(args), output }) => Ok(Self { command: Command::Task(args), output }),
            // Another verb, or something to be said, which has to be said in full.
            Err(_) => Self::try_parse_from(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_quickly_means_the_same() {
        for line in [
            "envbox enter",
            "envbox -v enter debian --user root -- htop",
            "envbox run debian make -j4",
            "envbox run -- -x",
            "envbox --quiet run --rm debian:12 -- cat /etc/debian_version",
            "envbox task test -- --nocapture",
            "envbox list",
            "envbox run --help",
            "envbox run --nothing",
            "envbox enterr",
            "envbox",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let shown = |read: Result<Cli, clap::Error>| match read {
                Ok(cli) => format!("{cli:?}"),
                Err(error) => error.to_string(),
            };
            assert_eq!(shown(Cli::read(&words)), shown(Cli::try_parse_from(&words)), "{line}");
        }
    }
}
