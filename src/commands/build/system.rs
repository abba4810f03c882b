//! An image with more in it than another, where no project says so.

use std::path::Path;

use super::chain::{Chain, Whose};
use super::{Options, carried_out};
use crate::cli;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::project::Environment;
use crate::store::ImageLease;

/// The image that a recipe which copies nothing makes of one that is there. What the store has of it is not made again.
///
/// # Errors
/// As of [`super::image`].
pub(in crate::commands) fn on(
    context: &Context<'_>,
    base: ImageLease,
    (name, title): (&str, &str),
    recipe: &Environment,
    source: &cli::Source,
) -> Result<ImageLease> {
    let whose = Whose { dir: Path::new("/"), name: name.to_owned(), title: title.to_owned() };
    let chain = Chain::new(context, whose, (recipe, None), base, None, &mut |_| Ok(None))?;
    let chain = chain.ok_or_else(|| Error::new("a recipe without a project copies something"))?;
    if let Some(image) = context.store.lease_image(&chain.image().digest())? {
        return Ok(image);
    }
    carried_out(context, &chain, (source, &Options::default()), None)
}
