//! `envbox trust` and `untrust`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// What `envbox trust` takes.
#[derive(Debug, Args)]
#[command(after_long_help = TRUST_EXAMPLES)]
pub struct Trust {
    /// The project's directory, or one in it; without it, the one you are in
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
    /// Only what this variant asks for, instead of the recipe and all its variants
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
    /// Agree without being asked
    #[arg(short, long)]
    pub yes: bool,
    /// List the projects that you have agreed to something for
    #[arg(long, conflicts_with_all = ["dir", "variant", "yes"])]
    pub list: bool,
    /// Print JSON; nothing is asked
    #[arg(long)]
    pub json: bool,
}

const TRUST_EXAMPLES: &str = "\
Examples:
  envbox trust                    what the project here asks for, and whether you agree
  envbox trust -v ~/src/thing     the same of another, with long commands in full
  envbox trust --list";

/// What `envbox untrust` takes.
#[derive(Debug, Args)]
#[command(after_long_help = UNTRUST_EXAMPLES)]
pub struct Untrust {
    /// The project's directory, or one in it; without it, the one you are in
    #[arg(id = "trusted", value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "all")]
    pub dir: Option<PathBuf>,
    /// For all projects
    #[arg(short, long)]
    pub all: bool,
}

const UNTRUST_EXAMPLES: &str = "\
Examples:
  envbox untrust
  envbox untrust ~/src/gone       also where the directory is gone
  envbox untrust --all";
