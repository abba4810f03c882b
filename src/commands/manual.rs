//! `envbox manual`

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::builder::Resettable;
use clap::{Command, CommandFactory as _};

use crate::cli::{Cli, Manual};
use crate::error::{Error, Result};

/// A page could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
struct WriteError {
    path: PathBuf,
    source: io::Error,
}

pub(super) fn run(args: &Manual) -> Result {
    let mut root = Cli::command();
    root.build();
    pages(&root, "envbox", &args.dir)?;
    Ok(0)
}

/// The page of a command, and those of its commands.
fn pages(command: &Command, name: &str, dir: &Path) -> Result<()> {
    page(command, name, dir)?;
    let mut commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    commands.try_for_each(|command| pages(command, &format!("{name}-{}", command.get_name()), dir))
}

fn page(command: &Command, name: &str, dir: &Path) -> Result<()> {
    let path = dir.join(format!("{name}.1"));
    let failed = |source| Error::new(WriteError { path: path.clone(), source });
    // A version in the page would make every release touch every page.
    let command = command.clone().name(name.to_owned()).version(Resettable::Reset);
    let mut text = Vec::new();
    let manual = clap_mangen::Man::new(command).source("envbox").manual("envbox manual").date("");
    manual.render(&mut text).map_err(failed)?;
    let text = String::from_utf8_lossy(&text).replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n.nf\n");
    fs::write(&path, text).map_err(failed)
}
