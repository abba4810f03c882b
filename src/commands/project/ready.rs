//! The box of a project: made if it is not there, and as its recipe says.

use super::{Found, name};
use crate::cli::{self, InProject};
use crate::commands::{build, lock, sweep, trust};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::Digest;
use crate::recipe::lock::Lock;
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
    /// Whether nothing is made but by the lock.
    pub(in crate::commands) locked: bool,
}

impl<'a> Options<'a> {
    /// What was typed.
    pub(in crate::commands) fn new(source: &'a cli::Source, project: InProject) -> Self {
        Self { source, yes: project.yes, locked: project.locked }
    }
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
    trust::ensure(context, &found.root, environment, options.yes)?;
    let lock = lock::settled(context, &found.root, environment, options)?;
    let known = build::known(context, &found.root, environment, lock.as_ref())?;
    if let Some(digest) = known {
        let name = name_of(found, environment, &digest)?;
        if context.store.has_box(&name) {
            return up_to_date(context, &name, &digest, config(found, environment)?, options.source);
        }
    }
    let image = built(context, found, environment, options, lock.as_ref(), known)?;
    make(context, found, environment, &image, options.source)
}

/// The image of a project's box, which is built if it is not there.
///
/// # Errors
/// Whatever keeps it from being made; that the user does not agree to what it asks for.
pub(in crate::commands) fn image(
    context: &Context<'_>,
    found: &Found,
    environment: &Environment,
    options: &Options<'_>,
) -> Result<ImageLease> {
    trust::ensure(context, &found.root, environment, options.yes)?;
    let lock = lock::settled(context, &found.root, environment, options)?;
    let known = build::known(context, &found.root, environment, lock.as_ref())?;
    built(context, found, environment, options, lock.as_ref(), known)
}

/// How the box of a project lives: as the recipe says.
///
/// # Errors
/// None that could happen: the name of a directory can be made one of a host.
pub(in crate::commands) fn config(found: &Found, environment: &Environment) -> Result<BoxConfig> {
    let mut config = environment.config.clone();
    config.hostname = Some(name::of_host(&found.root)?);
    config.project = Some(Origin { root: found.root.clone(), variant: environment.variant.clone() });
    Ok(config)
}

pub(super) fn name_of(found: &Found, environment: &Environment, image: &Digest) -> Result<BoxName> {
    Ok(name::of_box(&found.root, environment.variant.as_deref(), image)?)
}

fn built(
    context: &Context<'_>,
    found: &Found,
    environment: &Environment,
    options: &Options<'_>,
    lock: Option<&Lock>,
    known: Option<Digest>,
) -> Result<ImageLease> {
    if let Some(digest) = known
        && let Some(image) = context.store.lease_image(&digest)?
    {
        return Ok(image);
    }
    build::image(context, &found.root, environment, lock, options.source, &build::Options::default())
}

fn make(
    context: &Context<'_>,
    found: &Found,
    environment: &Environment,
    image: &ImageLease,
    source: &cli::Source,
) -> Result<StoredBox> {
    let digest = image.digest();
    let name = name_of(found, environment, &digest)?;
    let mut config = config(found, environment)?;
    config.overlay = source.overlay.map_or(Overlay::Auto, Into::into);
    sweep::if_needed(context)?;
    match context.store.create_box(&name, &config, image) {
        // Two at once; or it was there, and only that it is this recipe's was not known. As good.
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
    let overlay = source.overlay.map_or(stored.config.overlay, Into::into);
    let wanted = BoxConfig { overlay, linger: stored.config.linger, ..wanted };
    if stored.config != wanted {
        context.store.set_config(name, &wanted)?;
        stored.config = wanted;
    }
    context.store.used_box(name)?;
    Ok(stored)
}
