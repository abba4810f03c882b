//! `envbox list`, `stop` and `rm`: what is done with boxes from outside.

use clap::Args;

use crate::recipe::BoxName;

/// What `envbox list` takes.
#[derive(Debug, Args)]
#[command(after_long_help = LIST_EXAMPLES)]
pub struct List {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const LIST_EXAMPLES: &str = "\
Examples:
  envbox list
  envbox list --json | jq -r '.[].name'";

/// What `envbox stop` takes.
#[derive(Debug, Args)]
#[command(after_long_help = STOP_EXAMPLES)]
pub struct Stop {
    /// Names of boxes; without any, the project's
    #[arg(conflicts_with = "all", value_name = "NAME")]
    pub names: Vec<BoxName>,
    /// Stop all boxes that run
    #[arg(short, long)]
    pub all: bool,
    /// Seconds to wait before what is left is killed
    #[arg(short, long, value_name = "SECONDS", default_value_t = 10)]
    pub time: u32,
}

const STOP_EXAMPLES: &str = "\
Examples:
  envbox stop debian
  envbox stop --all --time 0";

/// What `envbox rm` takes.
#[derive(Debug, Args)]
#[command(after_long_help = RM_EXAMPLES)]
pub struct Remove {
    /// Names of boxes; without any, the project's
    #[arg(conflicts_with = "all", value_name = "NAME")]
    pub names: Vec<BoxName>,
    /// Remove all boxes
    #[arg(short, long)]
    pub all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Stop a box that runs, and do not mind one that does not exist
    #[arg(short, long)]
    pub force: bool,
}

const RM_EXAMPLES: &str = "\
Examples:
  envbox rm debian
  envbox rm --yes --force old older";
