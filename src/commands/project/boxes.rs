//! The boxes that projects have, those of other images and variants included.

use std::time::Duration;

use super::{find, name};
use crate::commands::{build, lock};
use crate::context::Context;
use crate::error::Result;
use crate::launch;
use crate::recipe::{BoxName, Origin};

/// The boxes of the project that the working directory is in, whatever is in its recipe.
///
/// # Errors
/// There is no project.
pub(in crate::commands) fn own(context: &Context<'_>) -> Result<Vec<BoxName>> {
    let root = find::root_of(context.host).ok_or_else(|| super::none(context))?;
    let all = context.store.project_boxes().into_iter();
    Ok(all.filter(|(_, origin)| origin.root == root).map(|(name, _)| name).collect())
}

/// Boxes that their projects have left behind: those that are not up, were not used for `idle`, and are not what the recipe
/// says now or have no recipe left.
pub(in crate::commands) fn left_behind(context: &Context<'_>, idle: Duration) -> Vec<BoxName> {
    let unused = |name: &BoxName| context.store.box_idle(name) >= idle && !launch::is_up(&context.store.runtime(name));
    let boxes = context.store.project_boxes().into_iter();
    // What a recipe says that cannot be read is not known, and its boxes stay.
    let left = |name: &BoxName, origin: &Origin| unused(name) && !is_current(context, name, origin).unwrap_or(true);
    boxes.filter(|(name, origin)| left(name, origin)).map(|(name, _)| name).collect()
}

/// Whether a box is the one that its project's recipe describes as it is now.
fn is_current(context: &Context<'_>, name: &BoxName, origin: &Origin) -> Result<bool> {
    let variant = origin.variant.as_deref();
    let Some(found) = find::at(context, &origin.root)? else { return Ok(false) };
    if variant.is_some_and(|variant| !found.recipe.variants.contains_key(variant)) {
        return Ok(false);
    }
    let environment = found.environment(variant)?;
    let lock = lock::of(context.host, &found.root, &environment, false)?;
    let image = build::known(context, &found.root, &environment, lock.as_ref())?;
    Ok(image.is_some_and(|image| name::of_box(&found.root, variant, &image).is_ok_and(|current| current == *name)))
}
