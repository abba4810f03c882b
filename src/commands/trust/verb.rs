//! `envbox trust` and `untrust`

use std::path::{Path, PathBuf, absolute};

use serde::Serialize;

use super::{Wanted, canonical, list, real, show, whole};
use crate::cli::{Trust, Untrust};
use crate::commands::project;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::recipe::project::Environment;
use crate::recipe::project::asks::{Ask, Group, What};
use crate::ui::Ui;

/// An ask, as `trust --json` has it.
#[derive(Serialize)]
struct Row<'a> {
    group: Group,
    words: &'a str,
    agreed: bool,
    #[serde(flatten)]
    what: &'a What,
}

pub(in crate::commands) fn trust(args: &Trust, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    if args.list {
        return list::run(&context, args.json);
    }
    let start = args.dir.clone().unwrap_or_else(|| host.cwd.clone());
    let there = Host { cwd: canonical(&start)?, ..host.clone() };
    let found = project::of_host(&there)?.ok_or_else(|| no_project(&start))?;
    let environments = match &args.variant {
        Some(variant) => vec![found.environment(Some(variant))?],
        None => all(&found)?,
    };
    let whole = environments.iter().map(|environment| whole(&context, &found.root, environment));
    let whole = whole.collect::<Result<Vec<_>>>()?.concat();
    let wanted = Wanted::new(&context, &found.root, &whole)?;
    if args.json {
        let row = |ask: &Ask| (wanted.is_new(ask), ask.clone());
        let rows: Vec<(bool, Ask)> = wanted.asks.iter().map(row).collect();
        if args.yes && wanted.new_asks().next().is_some() {
            wanted.settle(&context, true)?;
        }
        let rows = rows.iter().map(|(new, ask)| Row {
            group: ask.what.group(),
            words: &ask.words,
            agreed: args.yes || !new,
            what: &ask.what,
        });
        ui.json(&rows.collect::<Vec<_>>())?;
    } else if wanted.new_asks().next().is_some() {
        wanted.settle(&context, args.yes)?;
    } else {
        ui.line(&format!("You have agreed to what {} asks for:", wanted.root.display()))?;
        ui.line(&show::groups(&wanted.asks.iter().collect::<Vec<_>>()))?;
    }
    Ok(0)
}

/// The boxes of a recipe and of all its variants.
fn all(found: &project::Found) -> Result<Vec<Environment>> {
    let variants = found.recipe.variants.keys().map(|name| Some(name.as_str()));
    // A recipe may say in its variants alone what the box is made of.
    let itself = (found.recipe.from.is_some() || found.recipe.variants.is_empty()).then_some(None);
    itself.into_iter().chain(variants).map(|variant| found.environment(variant)).collect()
}

fn no_project(start: &Path) -> Error {
    Error::new(format!("there is no envbox.yaml in {} or above it", start.display()))
}

pub(in crate::commands) fn untrust(args: &Untrust, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    if args.all {
        let number = context.store.disagree_with_all()?;
        ui.note(&format!("nothing is agreed to any more: it was, for {number} projects"));
        return Ok(0);
    }
    let start = args.dir.clone().unwrap_or_else(|| host.cwd.clone());
    let root = project_of(&context, &start)?;
    if context.store.disagree(&root)? {
        ui.note(&format!("nothing is agreed to any more for {}", root.display()));
        Ok(0)
    } else {
        Err(Error::new(format!("nothing was agreed to for {}", root.display())).hint("envbox trust --list"))
    }
}

/// The project that is meant by a directory: the nearest one at or above it that there is a record of, whether it or its recipe is
/// still there or not; else the directory itself.
fn project_of(context: &Context<'_>, start: &Path) -> Result<PathBuf> {
    let real = canonical(start).or_else(|_| {
        absolute(start).map_err(Error::new).and_then(|path| {
            let text = path.to_str().ok_or_else(|| no_project(start))?;
            real(Path::new("/"), &context.host.user.home, text)
        })
    })?;
    let (agreed, _) = context.store.all_agreed()?;
    let known = real.ancestors().find(|dir| agreed.iter().any(|agreed| agreed.root == *dir));
    Ok(known.unwrap_or(&real).to_owned())
}
