//! `envbox recipe`

use std::path::Path;

use super::recipes;
use crate::cli::{Recipe as Args, RecipeCheck, RecipeCommand, RecipeShow};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::recipe::{Fault, Machine, NoMatch, Recipe, Resolved};
use crate::ui::Ui;

pub(super) fn run(args: &Args, host: &Host, ui: &Ui) -> Result {
    match &args.command {
        RecipeCommand::Show(args) => show(args, host, ui),
        RecipeCommand::Check(args) => check(args, ui),
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

fn check(args: &RecipeCheck, ui: &Ui) -> Result {
    let mut faulty = false;
    for path in &args.files {
        match load(path)? {
            Ok(recipe) => {
                let (versions, machines) = (recipe.versions.len(), recipe.architectures.len());
                ui.note(&format!("{}: good ({versions} versions, {machines} machines)", path.display()));
            }
            Err(faults) => {
                faulty = true;
                faults.iter().try_for_each(|fault| ui.line(&fault.to_string()))?;
            }
        }
    }
    Ok(u8::from(faulty))
}

fn load(path: &Path) -> Result<std::result::Result<Recipe, Vec<Fault>>> {
    let text = recipes::read(path)
        .map_err(|error| Error::new(format!("cannot read the recipe {}: {error}", path.display())))?;
    Ok(Recipe::of_file(path, &text))
}
