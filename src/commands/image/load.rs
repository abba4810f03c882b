//! `envbox image load`

use crate::cli::ImageLoad;
use crate::commands::provision;
use crate::context::Context;
use crate::error::Result;

pub(super) fn run(args: &ImageLoad, context: &Context<'_>) -> Result {
    for (name, image) in provision::load(context, &args.from, args.only.as_deref(), args.name.as_ref())? {
        context.ui.line(&format!("{} {name}", image.digest()))?;
    }
    Ok(0)
}
