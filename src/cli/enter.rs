//! `envbox enter`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Source;
use crate::recipe::BoxName;

/// Open a shell in a box; the box is created if need be
///
/// Where there is no box of that name, it is created from the recipe of that name. In it you have your own name, home,
/// working directory and environment, and `sudo` without a password. The box lives on for a minute after the last
/// session has ended, so that the next `enter` takes a few milliseconds.
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
    /// Where to begin.
    #[command(flatten)]
    pub workdir: WorkDir,
    /// How to create the box.
    #[command(flatten)]
    pub source: Source,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
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
