//! The mirrors of this machine, for the apt of a box whose image was built by a lock.

use super::distro;
use crate::cli;
use crate::commands::recipes;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::recipe::{Change, Machine, Source};
use crate::source::Trust;
use crate::source::debian::SOURCES;
use crate::source::distro::archives;

/// The recipe of the archives that a machine's apt can have mirrors of.
const RECIPE: &str = "debian";

/// What is to be changed in a new box of this image, so that its apt asks the mirrors that the machine's own asks. The
/// layers of a lock are the same everywhere, so they name the archives themselves, and those may be out of reach here.
///
/// # Errors
/// The machine's settings cannot be read.
pub(in crate::commands) fn mirrored(context: &Context<'_>, image: &Image) -> Result<Vec<Change>> {
    // Whoever named a mirror for an image without a lock has it in there, and is to keep it.
    if image.provenance.trust != Trust::PinnedDigest.to_string() || !image.provenance.origin.starts_with("http") {
        return Ok(Vec::new());
    }
    let recipes = recipes::catalogue(context.host, context.ui);
    let Ok(found) = recipes.find(RECIPE) else { return Ok(Vec::new()) };
    let resolved = found.recipe.resolve(&found.version, Machine::here()).map_err(Error::new)?;
    let mut changes = Vec::new();
    for source in &resolved.sources {
        let Source::Debian(archive) = source else { continue };
        for (own, mirrors) in archives(archive, &distro::archive_options(source, &cli::Source::default())?) {
            let named = image.provenance.origin.split("; ").any(|list| list.starts_with(&format!("{} ", own.base)));
            if let Some(mirror) = mirrors.first().filter(|mirror| named && **mirror != own.base) {
                let (line, with) = (format!("URIs: {}", own.base), format!("URIs: {mirror}"));
                changes.push(Change::Replace { path: SOURCES.to_owned(), line, with });
            }
        }
    }
    Ok(changes)
}
