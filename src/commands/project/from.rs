//! What a project's recipe is made from: an image, or another recipe of the project.

use std::fs;
use std::path::{Path, PathBuf};

use super::find;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::recipe::project::{Environment, FILE};

/// What a recipe's `from` means, for a recipe in this directory of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) enum From {
    /// Another recipe of the project.
    Recipe(PathBuf),
    /// An image, by a name that means the same wherever envbox is called from.
    Image(String),
}

/// Schemes of images in files of this machine.
const FILES: [&str; 3] = ["oci:", "oci-archive:", "docker-archive:"];

/// Reads a recipe's `from`. A path is relative to the recipe, and may not leave the project.
///
/// # Errors
/// A path that leaves it, or that is not there.
pub(in crate::commands) fn from(project: &Path, dir: &Path, text: &str) -> Result<From> {
    let scheme = FILES.iter().copied().find(|scheme| text.starts_with(scheme)).unwrap_or_default();
    let rest = &text[scheme.len()..];
    let is_recipe = scheme.is_empty() && (rest.ends_with(".yaml") || rest.ends_with(".yml"));
    let is_path = rest.starts_with(['/', '.']) || (!rest.contains("://") && rest.contains(".tar"));
    if scheme.is_empty() && !is_recipe && !is_path {
        return Ok(From::Image(text.to_owned()));
    }
    // After a colon it is the image's name in an archive.
    let (path, which) = match rest.find([':', '@']).filter(|_| !dir.join(rest).exists()) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let found = fs::canonicalize(dir.join(path)).map_err(|error| {
        Error::new(format!("cannot find `{}`, which the recipe is made from: {error}", path.escape_debug()))
    })?;
    if !found.starts_with(project) {
        let message = format!("`{}` leads out of the project {}", path.escape_debug(), project.display());
        return Err(Error::new(message));
    }
    Ok(if is_recipe { From::Recipe(found) } else { From::Image(format!("{scheme}{}{which}", found.display())) })
}

/// What a recipe is made from in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Chain {
    /// The recipes that it is made from, the nearest first, each with its file.
    pub(in crate::commands) recipes: Vec<(PathBuf, Environment)>,
    /// The image that the last of them is made from, by a name that means the same wherever envbox is called from.
    pub(in crate::commands) image: String,
}

/// Goes from a recipe to the image that it is made from in the end.
///
/// # Errors
/// What is wrong with one of the recipes on the way; that one is made from itself in the end.
pub(in crate::commands) fn chain(host: &Host, root: &Path, environment: &Environment) -> Result<Chain> {
    let mut files = vec![root.join(FILE)];
    let mut recipes: Vec<(PathBuf, Environment)> = Vec::new();
    loop {
        let dir = files.last().and_then(|file| file.parent()).unwrap_or(root);
        let text = recipes.last().map_or(&environment.from, |(_, recipe)| &recipe.from);
        let file = match from(root, dir, text)? {
            From::Recipe(file) => file,
            From::Image(image) => return Ok(Chain { recipes, image }),
        };
        let seen = files.contains(&file);
        files.push(file.clone());
        if seen {
            let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            return Err(Error::new(format!("a recipe is made from itself: {}", names.join(", from "))));
        }
        let recipe = recipe(host, root, &file)?;
        recipes.push((file, recipe));
    }
}

/// The recipes that one is made from, the nearest first. All that they ask for, it asks for.
///
/// # Errors
/// As [`chain`].
pub(in crate::commands) fn below(host: &Host, root: &Path, environment: &Environment) -> Result<Vec<Environment>> {
    Ok(chain(host, root, environment)?.recipes.into_iter().map(|(_, recipe)| recipe).collect())
}

/// The box that another recipe of the project describes.
///
/// # Errors
/// What is wrong with it.
pub(in crate::commands) fn recipe(host: &Host, root: &Path, file: &Path) -> Result<Environment> {
    let name = file.strip_prefix(root).map_err(|_| Error::new(format!("{} is not in the project", file.display())))?;
    find::read(&host.user, root.to_owned(), name)?.environment(None)
}
