//! `envbox enter`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{InProject, Limiting, Source, Target};
use crate::image::accounts::UserSpec;

/// What `envbox enter` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Enter {
    /// Variant of the project, name of a box, or an image: a recipe, a reference, a tarball. Without it the project's box,
    /// outside of projects the box `debian`
    #[arg(value_name = "NAME|IMAGE", value_hint = ValueHint::Other)]
    pub target: Option<Target>,
    /// A command to run instead of the shell
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
    /// Print what would be done, step by step, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Who to be, and where to begin.
    #[command(flatten)]
    pub session: Session,
    /// In a project.
    #[command(flatten)]
    pub project: InProject,
    /// What it may use.
    #[command(flatten)]
    pub limits: Limiting,
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
  envbox enter                      a shell in the project's box, elsewhere in the box `debian`
  envbox enter ci                   a shell in the box of the project's variant `ci`
  envbox enter ubuntu:24.04         a shell in the box `ubuntu-24.04`, made of that recipe
  envbox enter work -- htop         htop in the box `work`
  envbox enter debian --user root   a shell as root of the box
  envbox enter debian --dry-run     what entering would do";
