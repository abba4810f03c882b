//! `envbox enter`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{Source, Target};
use crate::image::accounts::UserSpec;

/// What `envbox enter` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Enter {
    /// Name of a box, or an image: a recipe, a reference, a tarball
    #[arg(value_name = "NAME|IMAGE", default_value = "debian", value_hint = ValueHint::Other)]
    pub target: Target,
    /// A command to run instead of the shell
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
    /// Print what would be done, step by step, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
    /// Who to be, and where to begin.
    #[command(flatten)]
    pub session: Session,
    /// How to create the box.
    #[command(flatten)]
    pub source: Source,
}

/// Who a session is, and the directory it begins in.
#[derive(Debug, Args)]
pub struct Session {
    /// Be this user of the box instead of yourself, by name or number, and perhaps in this group
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub user: Option<UserSpec>,
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
  envbox enter ubuntu:24.04         a shell in the box `ubuntu-24.04`, made of that recipe
  envbox enter work -- htop         htop in the box `work`
  envbox enter debian --user root   a shell as root of the box
  envbox enter debian --dry-run     what entering would do";
