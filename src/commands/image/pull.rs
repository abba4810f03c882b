//! `envbox image pull`

use crate::cli::ImagePull;
use crate::commands::{provision, recipes};
use crate::context::Context;
use crate::error::{Error, Result};

pub(super) fn run(args: &ImagePull, context: &Context<'_>) -> Result {
    if args.source.digest.is_some() && args.images.len() > 1 {
        return Err(Error::new("a digest belongs to one image").hint("write the others as NAME@sha256:…"));
    }
    for image in &args.images {
        let image = provision::pull(context, &recipes::meant(context, image)?, &args.source)?;
        context.ui.line(&image.digest().to_string())?;
    }
    Ok(0)
}
