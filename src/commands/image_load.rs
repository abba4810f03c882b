//! `envbox image load`

use super::provision;
use crate::cli::ImageLoad;
use crate::context::Context;
use crate::error::Result;
use crate::host::Host;
use crate::ui::Ui;

pub(super) fn run(args: &ImageLoad, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    for (name, digest) in provision::load(&context, &args.from, args.only.as_deref(), args.name.as_ref())? {
        ui.line(&format!("{digest} {name}"))?;
    }
    Ok(0)
}
