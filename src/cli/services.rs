//! `envbox up`, `down`, `ps` and `logs`: the services of a project.

use clap::Args;

use super::{InProject, Source};

/// What `envbox up` takes.
#[derive(Debug, Args)]
#[command(after_long_help = UP_EXAMPLES)]
pub struct Up {
    /// Services; all without it
    #[arg(id = "service", value_name = "NAME")]
    pub names: Vec<String>,
    /// Take the services, and the box, of this variant of the project
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
    /// In a project.
    #[command(flatten)]
    pub project: InProject,
    /// How to create the box.
    #[command(flatten)]
    pub source: Source,
}

const UP_EXAMPLES: &str = "\
Examples:
  envbox up
  envbox up db && envbox run -- psql -h localhost";

/// What `envbox down` takes.
#[derive(Debug, Args)]
#[command(after_long_help = DOWN_EXAMPLES)]
pub struct Down {
    /// Services; all without it
    #[arg(id = "service", value_name = "NAME")]
    pub names: Vec<String>,
    /// Those in the boxes of this variant of the project
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
}

const DOWN_EXAMPLES: &str = "\
Examples:
  envbox down
  envbox down web";

/// What `envbox ps` takes.
#[derive(Debug, Args)]
#[command(after_long_help = PS_EXAMPLES)]
pub struct Ps {
    /// Services; all without it
    #[arg(id = "service", value_name = "NAME")]
    pub names: Vec<String>,
    /// Those in the box of this variant of the project
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const PS_EXAMPLES: &str = "\
Examples:
  envbox ps
  envbox ps --json | jq -r '.[] | select(.state == \"failed\").name'";

/// What `envbox logs` takes.
#[derive(Debug, Args)]
#[command(after_long_help = LOGS_EXAMPLES)]
pub struct Logs {
    /// Services, all without it; or a system box
    #[arg(id = "log", value_name = "NAME")]
    pub names: Vec<String>,
    /// Go on with what they print from now on
    #[arg(short, long)]
    pub follow: bool,
    /// Begin with the last so many lines of each; all of them without it
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
    /// Show the time of each line
    #[arg(short, long)]
    pub times: bool,
    /// Those in the box of this variant of the project
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
}

const LOGS_EXAMPLES: &str = "\
Examples:
  envbox logs db
  envbox logs -f -n 20
  envbox logs -f sys              the journal of the system box `sys`";
