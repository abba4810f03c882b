//! Whether a project's box is meant, and which.

use super::{Found, NotUsable, find};
use crate::cli::Target;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::project::Environment;

/// The project's box that is meant by what a user has typed: the variant of that name; without a name, the recipe itself.
/// `None`: another box or an image is meant.
///
/// # Errors
/// [`find`]'s, unless a box of that name is there, or no recipe that could be the user's has to do with it.
pub(in crate::commands) fn meant(
    context: &Context<'_>,
    target: Option<&Target>,
) -> Result<Option<(Found, Environment)>> {
    let found = match (find(context), target) {
        (Err(error), Some(target)) if is_beside_the_point(context, &error, target) => {
            let texts: Vec<String> = error.chain().map(ToString::to_string).collect();
            context.ui.warning(&format!("this project's variants are not known: {}", texts.join(": ")));
            None
        }
        (found, _) => found?,
    };
    let Some(found) = found else { return Ok(None) };
    let variant = target.map(|target| target.0.as_str());
    if variant.is_some_and(|name| !found.recipe.variants.contains_key(name)) {
        return Ok(None);
    }
    if let Some(target) = target.filter(|target| has_box(context, target)) {
        context
            .ui
            .note(&format!("`{0}` is a variant of this project; the box `{0}` is entered from elsewhere", target.0));
    }
    let environment = found.environment(variant)?;
    Ok(Some((found, environment)))
}

/// Whether what is wrong with a recipe may be left aside, since something else is meant.
fn is_beside_the_point(context: &Context<'_>, error: &Error, target: &Target) -> bool {
    matches!(error.of(), Some(NotUsable::Foreign { .. } | NotUsable::Writable(_))) || has_box(context, target)
}

fn has_box(context: &Context<'_>, target: &Target) -> bool {
    target.0.parse().is_ok_and(|name| context.store.has_box(&name))
}
