//! Commands about envbox itself: `doctor`, `completions`, `manual` and the hidden `__complete`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

/// What `envbox doctor` takes.
#[derive(Debug, Args)]
#[command(after_long_help = DOCTOR_EXAMPLES)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print the lines with which root gives you a cgroup, so that limits can be set
    #[arg(long, conflicts_with = "json")]
    pub cgroup: bool,
}

const DOCTOR_EXAMPLES: &str = "\
Examples:
  envbox doctor
  envbox doctor --json | jq '.[] | select(.state != \"ok\")'
  envbox doctor --cgroup > lines; less lines; sudo sh lines";

/// What `envbox completions` takes.
#[derive(Debug, Args)]
#[command(after_long_help = COMPLETIONS_EXAMPLES)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  envbox completions bash > ~/.local/share/bash-completion/completions/envbox
  envbox completions zsh > ~/.local/share/zsh/site-functions/_envbox      (a directory of $fpath)
  envbox completions fish > ~/.config/fish/completions/envbox.fish";

/// A shell that envbox has completions for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU bash, 4 or later.
    Bash,
    /// The Z shell.
    Zsh,
    /// The friendly interactive shell.
    Fish,
}

/// What `envbox manual` takes.
#[derive(Debug, Args)]
pub struct Manual {
    /// The directory
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}

/// What `envbox __complete` takes.
#[derive(Debug, Args)]
pub struct Complete {
    /// The words after `envbox`, the last of them the one to complete
    #[arg(last = true)]
    pub words: Vec<OsString>,
}
