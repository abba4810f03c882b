//! `envbox doctor`

use crate::cli::Doctor;
use crate::error::Result;
use crate::host::Host;
use crate::ui::Ui;

pub(super) fn run(_: &Doctor, _: &Host, _: &Ui) -> Result {
    Ok(0)
}
