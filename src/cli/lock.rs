//! `envbox lock`

use clap::{Args, ValueHint};

use super::Source;

/// What `envbox lock` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Lock {
    /// Change nothing, and fail unless the lock is of the recipe
    #[arg(long, conflicts_with = "upgrade")]
    pub check: bool,
    /// Lock what there is now; of what is built of packages these alone, and what they need
    #[arg(long, value_name = "PACKAGE", num_args = 0.., value_hint = ValueHint::Other)]
    pub upgrade: Option<Vec<String>>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Answer yes to all questions
    #[arg(short, long)]
    pub yes: bool,
    /// How to get what the boxes are made of.
    #[command(flatten)]
    pub source: Source,
}

const EXAMPLES: &str = "\
Examples:
  envbox lock                       what is new in envbox.yaml; the rest stays as it is locked
  envbox lock --check               for CI: fails if envbox.lock is not of envbox.yaml
  envbox lock --upgrade
  envbox lock --upgrade openssl curl";
