//! What a recipe means now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::Source;
use crate::commands::provision::{self, Fresh};
use crate::commands::{build, project};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::lock::{Added, Base, Download, Locked, Needs};
use crate::recipe::project::{Environment, FILE};

/// Where what is locked is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) context: &'a Context<'a>,
    /// The project's directory.
    pub(super) root: &'a Path,
    pub(super) options: &'a Source,
}

/// What a box would be made of now.
///
/// # Errors
/// Whatever keeps it from being found out.
pub(super) fn fresh(place: Place<'_>, environment: &Environment) -> Result<Locked> {
    Ok(found(place, environment, None)?.0)
}

/// The same as is locked, but for these packages and what they need, and for what the recipe has not asked for before:
/// those are as they are now.
///
/// # Errors
/// As [`fresh`]; that there is no such package.
pub(super) fn amended(
    place: Place<'_>,
    environment: &Environment,
    locked: &Locked,
    names: &[String],
) -> Result<Locked> {
    let (new, needs) = found(place, environment, Some(locked))?;
    let same = locked.archive().is_some() && locked.bottom().from == new.bottom().from;
    if !same && (names.is_empty() || locked.archive().is_some()) {
        return Ok(new);
    }
    locked.amended(&new, names, &needs).map_err(Error::new)
}

/// Looks all of it up, from the lowest recipe to the project's own. Downloads that `old` has are not fetched again.
fn found(place: Place<'_>, environment: &Environment, old: Option<&Locked>) -> Result<(Locked, Needs)> {
    let chain = project::chain(place.context.host, place.root, environment)?;
    let own = (place.root.join(FILE), environment.clone());
    let recipes: Vec<&(PathBuf, Environment)> = std::iter::once(&own).chain(&chain.recipes).collect();
    let mut olds: Vec<Option<&Locked>> = Vec::new();
    for _ in &recipes {
        olds.push(olds.last().map_or(old, |old| old.and_then(Locked::below)));
    }
    let (mut wants, mut below, mut needs): (Vec<String>, Option<Locked>, Needs) = Default::default();
    for ((file, recipe), old) in recipes.into_iter().zip(olds).rev() {
        wants.extend(recipe.packages.iter().cloned());
        // What one recipe brings along depends on what those below have brought.
        let Fresh { base, added, needs: now } = provision::fresh(place.context, &chain.image, &wants, place.options)?;
        needs = now;
        let base = match below.take() {
            Some(below) => Base::Recipe(Box::new(below)),
            None => base,
        };
        let (asked, urls) = Locked::asked(recipe);
        let downloads = urls.into_iter().map(|url| download(place, recipe, url, old)).collect::<Result<_>>()?;
        let mut locked = Locked { from: recipe.from.clone(), wants: asked, base, packages: Added::Nothing, downloads };
        locked.packages = match added {
            _ if recipe.packages.is_empty() => Added::Nothing,
            Some(added) => beside(added, &locked),
            None => versions(place, file, recipe, &locked)?,
        };
        below = Some(locked);
    }
    let locked = below.ok_or_else(|| Error::new("the recipe is made of nothing"))?;
    Ok((locked, needs))
}

/// Packages without those that the recipes below have.
fn beside(added: Added, locked: &Locked) -> Added {
    let known: BTreeSet<&str> = locked.debs().into_iter().map(|deb| deb.name.as_str()).collect();
    match added {
        Added::Debs(mut debs) => {
            debs.retain(|deb| !known.contains(deb.name.as_str()));
            if debs.is_empty() { Added::Nothing } else { Added::Debs(debs) }
        }
        other => other,
    }
}

/// The versions that the system's own package manager comes to.
fn versions(place: Place<'_>, file: &Path, recipe: &Environment, locked: &Locked) -> Result<Added> {
    let Place { context, root, options } = place;
    let versions = build::resolved(context, (root, file), (recipe, locked), options)?;
    versions.map(Added::Versions).ok_or_else(|| {
        let from = &recipe.from;
        let hint = format!("without `packages`, {from} itself can be: install them in `setup`, in the versions wanted");
        Error::new(format!("packages on top of {from} cannot be locked: its package manager does not say what it has"))
            .hint(hint)
    })
}

fn download(place: Place<'_>, environment: &Environment, url: String, old: Option<&Locked>) -> Result<Download> {
    let known = environment.copy.iter().find(|copied| copied.from.as_str() == url).and_then(|copied| copied.digest);
    let locked = || old?.downloads.iter().find(|download| download.url == url).map(|download| download.digest);
    let digest = match known.or_else(locked) {
        Some(digest) => digest,
        None => provision::digest_of(place.context, &url, place.options)?,
    };
    Ok(Download { url, digest })
}
