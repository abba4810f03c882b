//! `envbox completions`

use crate::cli::{Completions, Shell};
use crate::error::Result;
use crate::ui::Ui;

pub(super) fn run(args: &Completions, ui: &Ui) -> Result {
    ui.data(match args.shell {
        Shell::Bash => include_str!("../../completions/envbox.bash"),
        Shell::Zsh => include_str!("../../completions/_envbox"),
        Shell::Fish => include_str!("../../completions/envbox.fish"),
    })?;
    Ok(0)
}
