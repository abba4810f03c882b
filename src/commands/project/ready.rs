//! The box of a project: made if it is not there, and as its recipe says.

use std::path::Path;

use super::{Found, name};
use crate::cli;
use crate::commands::{build, lock, sweep, trust};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::Digest;
use crate::recipe::project::Environment;
use crate::recipe::{BoxConfig, BoxName, Origin, Overlay};
use crate::store::{self, ImageLease, StoredBox};

/// How a box is made ready.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct Options<'a> {
    /// How to get what it is made of.
    pub(in crate::commands) source: &'a cli::Source,
    /// Whether all questions are answered with yes.
    pub(in crate::commands) yes: bool,
}

/// The box of a project. Where all is there already, this reads a few small files, and starts and locks nothing.
///
/// # Errors
/// Whatever keeps the box from being made; that the user does not agree to what it asks for.
pub(in crate::commands) fn ready(
    context: &Context<'_>,
    found: &Found,
    environment: &Environment,
    options: &Options<'_>,
) -> Result<StoredBox> {
    let root = &found.root;
    trust::ensure(context, root, environment, options.yes)?;
    let lock = lock::of(root, environment)?;
    let known = build::known(context, root, environment, lock.as_ref())?;
    if let Some(digest) = known {
        let name = name::of_box(root, environment.variant.as_deref(), &digest)?;
        if context.store.has_box(&name) {
            return up_to_date(context, &name, &digest, config(root, environment)?, options.source);
        }
    }
    let known = known.map(|digest| context.store.lease_image(&digest)).transpose()?.flatten();
    let image = match known {
        Some(image) => image,
        None => build::image(context, root, environment, lock.as_ref(), options.source, &build::Options::default())?,
    };
    make(context, root, environment, &image, options.source)
}

/// How the box of a project lives: as the recipe says.
///
/// # Errors
/// None that could happen: the name of a directory can be made one of a host.
pub(in crate::commands) fn config(root: &Path, environment: &Environment) -> Result<BoxConfig> {
    let mut config = environment.config.clone();
    config.hostname = Some(name::of_host(root)?);
    config.project = Some(Origin { root: root.to_owned(), variant: environment.variant.clone() });
    Ok(config)
}

fn make(
    context: &Context<'_>,
    root: &Path,
    environment: &Environment,
    image: &ImageLease,
    source: &cli::Source,
) -> Result<StoredBox> {
    let digest = image.digest();
    let name = name::of_box(root, environment.variant.as_deref(), &digest)?;
    let mut config = config(root, environment)?;
    config.overlay = source.overlay.map_or(Overlay::Auto, Into::into);
    sweep::if_needed(context)?;
    match context.store.create_box(&name, &config, image) {
        // Two at once, or it was there and only what the recipe said of it was not known: as good.
        Err(store::Error::BoxExists(_)) => {}
        made => drop(made?),
    }
    up_to_date(context, &name, &digest, config, source)
}

/// A box that is there, its `box.yaml` written anew if that is not what the recipe says. What a recipe cannot say stays.
fn up_to_date(
    context: &Context<'_>,
    name: &BoxName,
    image: &Digest,
    wanted: BoxConfig,
    source: &cli::Source,
) -> Result<StoredBox> {
    let mut stored = context.store.open_box(name)?;
    if stored.config.project != wanted.project || stored.digest != *image {
        return Err(Error::new(format!("the box `{name}` is not this project's, and has the name of its box"))
            .hint(format!("envbox rm {name}")));
    }
    let wanted = BoxConfig {
        overlay: source.overlay.map_or(stored.config.overlay, Into::into),
        linger: stored.config.linger,
        ..wanted
    };
    if stored.config != wanted {
        context.store.set_config(name, &wanted)?;
        stored.config = wanted;
    }
    Ok(stored)
}
