//! The project that somebody is in.

use std::fs;
use std::path::{Path, PathBuf};

use super::recipes;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::recipe::Fault;
use crate::recipe::project::{Environment, FILE, Project};

/// A project.
pub(super) struct Found {
    /// Its directory.
    pub(super) root: PathBuf,
    /// Its recipe's file.
    file: PathBuf,
    /// The recipe.
    pub(super) recipe: Project,
}

/// The nearest project at or above a directory; nothing above the user's home is looked at from within it.
///
/// # Errors
/// The recipe cannot be read, or is faulty.
pub(super) fn find(host: &Host, start: &Path) -> Result<Option<Found>> {
    let start =
        fs::canonicalize(start).map_err(|error| Error::new(format!("cannot find {}: {error}", start.display())))?;
    let home = fs::canonicalize(&host.user.home).unwrap_or_else(|_| host.user.home.clone());
    let above = start.ancestors().scan(false, |over, dir| {
        let here = (!*over).then_some(dir);
        *over |= dir == home;
        here
    });
    let Some(root) = above.into_iter().find(|dir| dir.join(FILE).is_file()) else { return Ok(None) };
    let file = root.join(FILE);
    let text = recipes::read(&file)
        .map_err(|error| Error::new(format!("cannot read the recipe {}: {error}", file.display())))?;
    let recipe = Project::parse(&file.display().to_string(), &text).map_err(Error::new)?;
    Ok(Some(Found { root: root.to_owned(), file, recipe }))
}

impl Found {
    /// The box that the recipe or one of its variants describes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn environment(&self, variant: Option<&str>) -> Result<Environment> {
        let first = |faults: Vec<Fault>| {
            faults.into_iter().next().map_or_else(|| Error::new("the recipe is faulty"), Error::new)
        };
        self.recipe.environment(&self.file.display().to_string(), variant).map_err(first)
    }

    /// The boxes of the recipe and of all its variants.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub(super) fn environments(&self) -> Result<Vec<Environment>> {
        let variants = self.recipe.variants.keys().map(|name| Some(name.as_str()));
        // A recipe may say only in its variants what the box is made of.
        let itself = self.recipe.from.as_ref().map(|_| None);
        itself.into_iter().chain(variants).map(|variant| self.environment(variant)).collect()
    }
}
