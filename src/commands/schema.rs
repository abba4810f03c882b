//! `envbox schema`

use crate::cli::Schema as Args;
use crate::error::Result;
use crate::recipe::schema;
use crate::ui::Ui;

pub(super) fn run(args: &Args, ui: &Ui) -> Result {
    ui.json(&if args.of_box { schema::box_config() } else { schema::project() })?;
    Ok(0)
}
