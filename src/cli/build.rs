//! `envbox build`

use clap::{Args, ValueHint};

use super::{InProject, Source};

/// What `envbox build` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Build {
    /// Which of the recipe's variants; without it, the recipe itself
    #[arg(value_hint = ValueHint::Other)]
    pub variant: Option<String>,
    /// Carry out every step, whatever layers there are
    #[arg(long)]
    pub no_cache: bool,
    /// Where a step fails, open a shell in the root as the step has left it
    #[arg(long)]
    pub shell_on_failure: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Leave to do it.
    #[command(flatten)]
    pub project: InProject,
    /// How the base is to be had.
    #[command(flatten)]
    pub source: Source,
}

const EXAMPLES: &str = "\
Examples:
  envbox build
  envbox build ci --no-cache
  envbox build --shell-on-failure";
