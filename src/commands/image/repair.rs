//! Fetching damaged layers anew, from where their images came from.

use std::collections::BTreeSet;

use super::catalogue::Catalogue;
use super::verify::Verified;
use crate::cli::Source;
use crate::commands::{provision, sweep};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::{Digest, Reference, place};
use crate::launch;
use crate::store::{Aside, Policy};

/// Fetches what is damaged or missing. A layer that its source does not have any more is put back as it was.
///
/// # Errors
/// A box that runs on a damaged layer; a layer that somebody is using; whatever keeps an image from being fetched.
pub(super) fn repair(context: &Context<'_>, catalogue: &Catalogue, verified: &[Verified]) -> Result<()> {
    let bad: BTreeSet<Digest> = verified.iter().filter(|it| it.is_bad()).map(|it| it.layer).collect();
    let images: Vec<Digest> =
        catalogue.images.keys().filter(|image| !catalogue.layers_of(image).is_disjoint(&bad)).copied().collect();
    for name in images.iter().flat_map(|image| catalogue.boxes_of(image)) {
        if name.parse().is_ok_and(|name| launch::is_up(&context.store.runtime(&name))) {
            return Err(
                Error::new(format!("box `{name}` is running on a damaged layer")).hint(format!("envbox stop {name}"))
            );
        }
    }
    let mut aside: Vec<Aside> = Vec::new();
    for layer in &bad {
        aside.extend(context.store.set_aside(layer)?);
    }
    let fetched = images.iter().try_for_each(|image| fetch(context, catalogue, image));
    for layer in aside {
        let digest = layer.layer();
        if !context.store.has_layer(&digest)? && context.store.put_back(layer)? {
            context.ui.warning(&format!("layer {} stays as it is: it cannot be had anew", digest.short()));
        }
    }
    sweep::if_needed(context)?;
    fetched
}

/// Fetches one image anew, by any of its names.
fn fetch(context: &Context<'_>, catalogue: &Catalogue, digest: &Digest) -> Result<()> {
    let image = catalogue.image(digest)?;
    let mut last = Error::new(format!("the image {} has no name that says where it is from", digest.short()));
    for name in catalogue.names_of(digest).map(|name| &name.name) {
        // As it was published, whatever the name means by now.
        let pinned = match (name.parse::<Reference>(), &image.published) {
            (Ok(reference), Some(published)) => Some(reference.at(published.digest()).to_string()),
            _ => None,
        };
        let wanted = pinned.as_deref().unwrap_or_else(|| place(name));
        match provision::image(context, wanted, &Source::default()) {
            Ok(leased) if leased.image().layers == image.layers => {
                let twin = leased.digest();
                drop(leased);
                if let Some(pinned) = pinned.filter(|pinned| pinned != name) {
                    context.store.untag(&pinned)?;
                }
                // The same layers by another name; it was only wanted for them.
                let only = Some([twin].into_iter().filter(|twin| twin != digest).collect());
                context.store.collect(&Policy { only, ..Policy::default() })?;
                return Ok(());
            }
            Ok(_) => last = Error::new(format!("`{name}` is another image by now")),
            Err(error) => last = error,
        }
    }
    Err(last)
}
