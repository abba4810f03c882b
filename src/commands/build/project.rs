//! The project that envbox was called in. At the merge, `commands::project` takes the place of this.

use std::path::{Path, PathBuf};

use crate::commands::recipes;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::recipe::project::{Environment, FILE, Project};

pub(super) struct Found {
    pub(super) root: PathBuf,
    file: PathBuf,
}

impl Found {
    pub(super) fn environment(&self, variant: Option<&str>) -> Result<Environment> {
        parse(&self.file, variant)
    }
}

/// The nearest project upward from the working directory.
pub(super) fn find(context: &Context<'_>) -> Result<Found> {
    let here = std::fs::canonicalize(&context.host.cwd).map_err(Error::new)?;
    let root = here.ancestors().find(|dir| dir.join(FILE).is_file());
    let root = root.ok_or_else(|| Error::new(format!("there is no {FILE} here, nor above")))?;
    Ok(Found { root: root.to_owned(), file: root.join(FILE) })
}

/// Another recipe of a project.
pub(super) fn read(file: &Path) -> Result<Environment> {
    parse(file, None)
}

fn parse(file: &Path, variant: Option<&str>) -> Result<Environment> {
    let shown = file.display().to_string();
    let text = recipes::read(file).map_err(|error| Error::new(format!("cannot read {shown}: {error}")))?;
    let project = Project::parse(&shown, &text).map_err(Error::new)?;
    project
        .environment(&shown, variant)
        .map_err(|faults| Error::new(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}
