//! What a recipe means now.

use std::path::Path;

use crate::cli::Source;
use crate::commands::build;
use crate::commands::provision::{self, Fresh};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::lock::{Download, Locked};
use crate::recipe::project::Environment;

/// What a box would be made of now.
///
/// # Errors
/// Whatever keeps it from being found out.
pub(super) fn fresh(context: &Context<'_>, root: &Path, environment: &Environment, options: &Source) -> Result<Locked> {
    let Fresh { base, added, .. } = found(context, root, environment, options)?;
    let (wants, urls) = Locked::asked(environment);
    let added = added.ok_or_else(|| no_packages(environment))?;
    let downloads = urls.into_iter().map(|url| download(context, environment, url, options)).collect::<Result<_>>()?;
    Ok(Locked { from: environment.from.clone(), wants, base, packages: added, downloads })
}

/// The same as is locked, but for these packages and what they need, which are as they are now.
///
/// # Errors
/// As [`fresh`]; that there is no such package.
pub(super) fn upgraded(
    context: &Context<'_>,
    root: &Path,
    environment: &Environment,
    locked: &Locked,
    names: &[String],
    options: &Source,
) -> Result<Locked> {
    let Fresh { base, added, needs } = found(context, root, environment, options)?;
    let added = added.ok_or_else(|| no_packages(environment))?;
    let new = Locked { base, packages: added, ..locked.clone() };
    locked.with(&new, names, &needs).map_err(Error::new)
}

fn found(context: &Context<'_>, root: &Path, environment: &Environment, options: &Source) -> Result<Fresh> {
    provision::fresh(context, &build::base(root, environment)?, &environment.packages, options)
}

fn no_packages(environment: &Environment) -> Error {
    let from = &environment.from;
    Error::new(format!(
        "packages on top of {from} cannot be locked: only those of a system that is built of packages can"
    ))
    .hint(format!("without `packages`, {from} itself can be: install them in `setup`, in the versions that are wanted"))
}

fn download(context: &Context<'_>, environment: &Environment, url: String, options: &Source) -> Result<Download> {
    let known = environment.copy.iter().find(|copied| copied.from.as_str() == url).and_then(|copied| copied.digest);
    let digest = match known {
        Some(digest) => digest,
        None => provision::digest_of(context, &url, options)?,
    };
    Ok(Download { url, digest })
}
