//! `envbox recipe`

use std::path::{Path, PathBuf};

use super::{project_recipe, recipes};
use crate::cli::{Recipe as Args, RecipeCheck, RecipeCommand, RecipeShow};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::recipe::{Fault, Machine, NoMatch, Recipe, Resolved, project};
use crate::ui::Ui;

pub(super) fn run(args: &Args, host: &Host, ui: &Ui) -> Result {
    match &args.command {
        RecipeCommand::Show(args) => show(args, host, ui),
        RecipeCommand::Check(args) => check(args, host, ui),
    }
}

fn show(args: &RecipeShow, host: &Host, ui: &Ui) -> Result {
    let machine = args.machine.as_deref().unwrap_or(Machine::here());
    let word = args.recipe.0.as_str();
    let resolved = if word.contains('/') || Path::new(word).extension().is_some_and(|extension| extension == "yaml") {
        of_file(Path::new(word), machine, ui)?
    } else {
        of_word(word, machine, host, ui)?
    };
    if args.json {
        ui.json(&resolved)?;
    } else {
        let text = serde_saphyr::to_string(&resolved).map_err(Error::new)?;
        text.lines().try_for_each(|line| ui.line(line))?;
    }
    Ok(0)
}

fn of_file(path: &Path, machine: &str, ui: &Ui) -> Result<Resolved> {
    let recipe = load(path)?.map_err(|faults| {
        let more = faults.len().saturating_sub(1);
        if more > 0 {
            ui.note(&format!("{more} more: envbox recipe check {}", path.display()));
        }
        faults.into_iter().next().map_or_else(|| Error::new("the recipe is faulty"), Error::new)
    })?;
    let default = recipe.versions.iter().find(|version| version.default);
    let version = default.ok_or_else(|| Error::new("the recipe has no default version"))?;
    recipe.resolve(version, machine).map_err(Error::new)
}

fn of_word(word: &str, machine: &str, host: &Host, ui: &Ui) -> Result<Resolved> {
    let catalogue = recipes::catalogue(host, ui);
    let found = catalogue.find(word).map_err(|unknown| {
        let words = match &unknown {
            NoMatch::Version { known, .. } => known.clone(),
            _ => catalogue.suggest(word).into_iter().map(|suggestion| suggestion.word).collect(),
        };
        let error = Error::new(unknown);
        if words.is_empty() { error } else { error.hint(format!("there are: {}", words.join(", "))) }
    })?;
    found.recipe.resolve(&found.version, machine).map_err(Error::new)
}

fn check(args: &RecipeCheck, host: &Host, ui: &Ui) -> Result {
    let mut faulty = false;
    let files = if args.files.is_empty() { vec![nearest(&host.cwd)?] } else { args.files.clone() };
    for path in &files {
        let checked = if is_project(path)? { of_project_file(path)? } else { of_distro(path)? };
        match checked {
            Ok(what) => ui.note(&format!("{}: good ({what})", path.display())),
            Err(faults) => {
                faulty = true;
                faults.iter().try_for_each(|fault| ui.line(&fault.to_string()))?;
            }
        }
    }
    Ok(u8::from(faulty))
}

/// The recipe of the project that a directory is in.
fn nearest(dir: &Path) -> Result<PathBuf> {
    let found = dir.ancestors().map(|dir| dir.join(project::FILE)).find(|file| file.exists());
    found.ok_or_else(|| Error::new(format!("there is no {} here, nor above", project::FILE)))
}

/// Whether a file is a project's recipe: it is called like one, or has a key that only those have at its top.
fn is_project(path: &Path) -> Result<bool> {
    if path.file_name().is_some_and(|name| name == project::FILE) {
        return Ok(true);
    }
    let text = read(path)?;
    Ok(text.lines().any(|line| line.starts_with("from:") || line.starts_with("include:")))
}

/// What a recipe without faults has, in a few words; or its faults.
type Checked = std::result::Result<String, Vec<Fault>>;

fn of_project_file(path: &Path) -> Result<Checked> {
    let checked = project_recipe::load(path)?.and_then(|recipe| {
        let faults = recipe.faults(&path.display().to_string());
        if faults.is_empty() { Ok(recipe) } else { Err(faults) }
    });
    Ok(checked.map(|recipe| {
        let (variants, tasks, services) = (recipe.variants.len(), recipe.tasks.len(), recipe.services.len());
        format!("{variants} variants, {tasks} tasks, {services} services")
    }))
}

fn of_distro(path: &Path) -> Result<Checked> {
    let counted =
        |recipe: Recipe| format!("{} versions, {} machines", recipe.versions.len(), recipe.architectures.len());
    Ok(load(path)?.map(counted))
}

fn read(path: &Path) -> Result<String> {
    recipes::read(path).map_err(|error| Error::new(format!("cannot read the recipe {}: {error}", path.display())))
}

fn load(path: &Path) -> Result<std::result::Result<Recipe, Vec<Fault>>> {
    Ok(Recipe::of_file(path, &read(path)?))
}
