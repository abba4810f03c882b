//! A project's boxes: which project is meant, and its box, made and up to date.

mod boxes;
mod find;
mod from;
mod meant;
mod name;
mod preview;
mod ready;

use std::path::{Path, PathBuf};

pub(super) use boxes::{left_behind, own};
pub(super) use find::{NotUsable, find, of_host, root_of};
pub(super) use from::{From, below, chain, from, recipe};
pub(super) use meant::meant;
pub(super) use preview::{Preview, preview};
pub(super) use ready::{Options, config, image, ready};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::Fault;
use crate::recipe::project::{Environment, FILE, Project};

/// A project: a directory with a recipe in it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The directory; absolute, and no link leads there.
    pub(super) root: PathBuf,
    /// The recipe's file.
    pub(super) file: PathBuf,
    /// The recipe, over what it includes.
    pub(super) recipe: Project,
}

impl Found {
    /// The box that the recipe, or one of its variants, describes.
    ///
    /// # Errors
    /// What is wrong with it; that there is no such variant.
    pub(super) fn environment(&self, variant: Option<&str>) -> Result<Environment> {
        self.recipe.environment(&shown(&self.file), variant).map_err(|faults| faulty(&faults))
    }
}

/// What a file is called in faults.
fn shown(file: &Path) -> String {
    file.display().to_string()
}

/// All faults as one error.
fn faulty(faults: &[Fault]) -> Error {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Error::new(texts.join("; "))
}

/// That a project would have been needed, and there is none.
pub(super) fn none(context: &Context<'_>) -> Error {
    let cwd = context.host.cwd.display();
    Error::new(format!("no box was named, and there is no {FILE} in {cwd} or above"))
        .hint(format!("cd to a project: a directory with an {FILE}"))
}
