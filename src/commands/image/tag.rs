//! `envbox image tag`

use super::catalogue::Catalogue;
use crate::cli::ImageTag;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::Reference;

pub(super) fn run(args: &ImageTag, context: &Context<'_>) -> Result {
    let digest = Catalogue::read(context)?.find(&args.image)?.digest;
    // A name of another kind would be taken for what a source has under it.
    let reference: Reference = args.name.parse().map_err(Error::new)?;
    if reference.digest().is_some() {
        return Err(Error::new(format!("`{}` has a digest, which is not for a name to say", args.name)));
    }
    let waiting = || context.ui.note("waiting for another envbox that is making an image of that name");
    let lock = context.store.lock_name(&reference.to_string(), waiting)?;
    let image = context.store.lease_image(&digest)?.ok_or_else(|| {
        Error::new(format!("the image {} is not whole any more", digest.short()))
            .hint(format!("envbox image verify --repair {}", digest.short()))
    })?;
    context.store.tag(&lock, &image)?;
    context.ui.note(&format!("`{reference}` is a name of the image {} now", digest.short()));
    Ok(0)
}
