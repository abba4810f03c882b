//! `envbox hook`

use clap::Args;

use super::Shell;

/// What `envbox hook` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Hook {
    /// The shell
    pub shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  eval \"$(envbox hook bash)\"      in ~/.bashrc
  eval \"$(envbox hook zsh)\"       in ~/.zshrc
  envbox hook fish | source       in ~/.config/fish/config.fish";
