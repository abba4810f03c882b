//! From a project's recipe to its image.

use std::path::Path;

use super::provision;
use crate::cli;
use crate::context::Context;
use crate::error::Result;
use crate::image::Digest;
use crate::recipe::lock::Lock;
use crate::recipe::project::Environment;
use crate::store::ImageLease;

/// How to build.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {}

/// The image of a recipe, if the store has it.
///
/// # Errors
/// The store's.
pub(super) fn known(
    context: &Context<'_>,
    root: &Path,
    environment: &Environment,
    _lock: Option<&Lock>,
) -> Result<Option<Digest>> {
    Ok(context.store.resolve(&name(root, environment))?.map(|image| image.digest()))
}

/// The image of a recipe.
///
/// # Errors
/// Whatever keeps it from being made.
pub(super) fn image(
    context: &Context<'_>,
    root: &Path,
    environment: &Environment,
    _lock: Option<&Lock>,
    source: &cli::Source,
    _options: &Options,
) -> Result<ImageLease> {
    let file = root.join(&environment.from);
    let from = if file.exists() { file.display().to_string() } else { environment.from.clone() };
    let image = provision::image(context, &from, source)?;
    let lock = context.store.lock_name(&name(root, environment), || ())?;
    context.store.tag(&lock, &image)?;
    Ok(image)
}

fn name(root: &Path, environment: &Environment) -> String {
    format!("{}/envbox.yaml of {}", root.display(), environment.from)
}
