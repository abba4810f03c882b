//! `envbox enter`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Source;
use crate::recipe::BoxName;

/// What `envbox enter` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Enter {
    /// Name of the box
    #[arg(default_value = "debian")]
    pub name: BoxName,
    /// A command to run instead of the shell
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
    /// Print what would be done, step by step, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
    /// Where to begin.
    #[command(flatten)]
    pub workdir: WorkDir,
    /// How to create the box.
    #[command(flatten)]
    pub source: Source,
}

/// The directory to begin in.
#[derive(Debug, Args)]
pub struct WorkDir {
    /// Begin in this directory of the box, rather than in the one you are in
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub workdir: Option<PathBuf>,
    /// Begin in your home
    #[arg(long, conflicts_with = "workdir")]
    pub no_workdir: bool,
}

const EXAMPLES: &str = "\
Examples:
  envbox enter                      a shell in the box `debian`
  envbox enter work -- htop         htop in the box `work`
  envbox enter debian --dry-run     what entering would do";
