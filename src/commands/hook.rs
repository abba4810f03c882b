//! `envbox hook`

use crate::cli::{Hook, Shell};
use crate::error::Result;
use crate::ui::Ui;

pub(super) fn run(args: &Hook, ui: &Ui) -> Result {
    ui.data(match args.shell {
        Shell::Bash => include_str!("../../hooks/envbox.bash"),
        Shell::Zsh => include_str!("../../hooks/envbox.zsh"),
        Shell::Fish => include_str!("../../hooks/envbox.fish"),
    })?;
    Ok(0)
}
