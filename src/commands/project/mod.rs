//! A project's boxes: which project is meant, and its box, made and up to date.

mod boxes;
mod find;
mod from;
mod meant;
mod name;
mod preview;
mod ready;

use std::fs;
use std::path::{Path, PathBuf};

pub(super) use boxes::{left_behind, own};
pub(super) use find::{NotUsable, find, of_host, root_of};
pub(super) use from::{From, below, chain, from, recipe};
pub(super) use meant::meant;
pub(super) use preview::{Preview, preview};
pub(super) use ready::{Options, config, image, ready};

use super::trust;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::Fault;
use crate::recipe::project::{Environment, FILE, Project};
use crate::recipe::settings::Mount;

/// A project: a directory with a recipe in it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The directory; absolute, and no link leads there.
    pub(super) root: PathBuf,
    /// The recipe's file.
    pub(super) file: PathBuf,
    /// The recipe, over what it includes.
    pub(super) recipe: Project,
    /// The user's home, where paths with `~` begin.
    home: PathBuf,
}

impl Found {
    /// The box that the recipe, or one of its variants, describes. Its bind mounts are of where they lead now, so that what
    /// the user is asked about, what is written down and what is mounted are one path.
    ///
    /// # Errors
    /// What is wrong with it; that there is no such variant.
    pub(super) fn environment(&self, variant: Option<&str>) -> Result<Environment> {
        let described = self.recipe.environment(&shown(&self.file), variant);
        let mut environment = described.map_err(|faults| faulty(&faults))?;
        for mount in &mut environment.config.mounts {
            if let Mount::Bind { from, .. } = mount {
                *from = self.real(from)?;
            }
        }
        Ok(environment)
    }

    fn real(&self, from: &str) -> Result<String> {
        let home = fs::canonicalize(&self.home).unwrap_or_else(|_| self.home.clone());
        let real = trust::real(&self.root, &home, from)?.into_os_string().into_string();
        real.map_err(|path| {
            Error::new(format!("the path {}, which `bind: {from}` leads to, is not UTF-8", path.display()))
        })
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
    none_with(context, "no box was named")
}

/// The same, with what else is not there.
pub(super) fn none_with(context: &Context<'_>, missing: &str) -> Error {
    let cwd = context.host.cwd.display();
    Error::new(format!("{missing}, and there is no {FILE} in {cwd} or above"))
        .hint(format!("cd to a project: a directory with an {FILE}"))
}
