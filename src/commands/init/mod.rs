//! `envbox init`

mod ask;
mod files;
mod source;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use crate::cli::Init as Args;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::import::Left;
use crate::recipe::Fault;
use crate::recipe::project::{FILE, Project};
use crate::sys;
use crate::ui::Ui;
use files::Files;
use source::Source;

pub(super) fn run(args: &Args, host: &Host, ui: &Ui) -> Result {
    let target = host.cwd.join(FILE);
    // A link that leads nowhere is something that is there, too.
    if !args.force && !args.print && fs::symlink_metadata(&target).is_ok() {
        return Err(Error::new(format!("there is an {FILE} already"))
            .hint("envbox init --print")
            .hint("envbox init --force"));
    }
    let files = Files::open(&host.cwd, ui)?;
    let asks = ui.is_interactive() && !args.yes && !args.print;
    let source = Source::choose(args, &files, asks, ui)?;
    let mut draft = source.draft(args, &files)?;
    if asks {
        ask::adjust(&mut draft, &source, ui)?;
    }
    draft.about.push(format!("Made by `envbox init` from {source}."));
    draft.about.push("`envbox enter` makes the box and opens a shell in it.".to_owned());
    let yaml = draft.yaml();
    check(&yaml)?;
    if args.print {
        ui.data(&yaml)?;
        list(&draft.left, ui);
        return Ok(0);
    }
    if asks {
        ui.show(&format!("\n{yaml}"));
        if !ui.approve(&format!("Write {FILE}?"), "--yes")? {
            return Err(Error::new("nothing was written"));
        }
    }
    write(&host.cwd, &yaml, args.force)
        .map_err(|error| Error::new(format!("cannot write {}: {error}", target.display())))?;
    ui.note(&format!("{FILE} was made from {source}"));
    list(&draft.left, ui);
    Ok(0)
}

/// Reads back what is about to be written: every box in it has to be one.
fn check(yaml: &str) -> Result<()> {
    let faulty = |fault: Fault| Error::new(fault).hint("what was read says something that no envbox.yaml can");
    let recipe = Project::parse(FILE, yaml).map_err(faulty)?;
    recipe.faults(FILE).into_iter().next().map_or(Ok(()), |fault| Err(faulty(fault)))
}

/// Says what was not carried over: it stands in the file as well.
fn list(left: &[Left], ui: &Ui) {
    if !left.is_empty() {
        ui.warning("not carried over, or not as it was:");
    }
    left.iter().for_each(|left| ui.note(&format!("  {left}")));
}

/// Writes the file: a new one, never through a link, or in place of another.
fn write(dir: &Path, yaml: &str, force: bool) -> io::Result<()> {
    if force {
        return sys::root::replace_file(sys::fs::open_dir(dir)?, FILE.as_ref(), yaml.as_bytes(), 0o644);
    }
    OpenOptions::new().write(true).create_new(true).open(dir.join(FILE))?.write_all(yaml.as_bytes())
}
