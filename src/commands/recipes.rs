//! The recipes there are for this user, and what is meant by a word that may be one.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::provision;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::recipe::{Catalogue, NoMatch, Suggestion};
use crate::ui::Ui;

/// Bytes at the most in a recipe's file: the largest that envbox carries has some 3 KiB.
const LARGEST: u64 = 1 << 20;

/// All recipes: those in the directory `recipes` of the user's own settings, then those that envbox carries.
pub(super) fn catalogue(host: &Host, ui: &Ui) -> Catalogue {
    Catalogue::new(own(&host.dirs.config.join("recipes"), ui))
}

/// The recipes in a directory, by name. One that cannot be read is no reason to do nothing at all.
fn own(dir: &Path, ui: &Ui) -> Vec<(PathBuf, String)> {
    let listed = fs::read_dir(dir).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files: Vec<PathBuf> = listed.unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            ui.warning(&format!("cannot read your recipes in {}: {error}", dir.display()));
        }
        Vec::new()
    });
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let read = |path: PathBuf| match read(&path) {
        Ok(text) => Some((path, text)),
        Err(error) => {
            ui.warning(&format!("cannot read the recipe {}: {error}", path.display()));
            None
        }
    };
    files.into_iter().filter_map(read).collect()
}

/// The text of a recipe's file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    match u64::try_from(length) {
        Ok(length) if length <= LARGEST => Ok(text),
        _ => Err(io::Error::other(format!("it has more than {LARGEST} bytes"))),
    }
}

/// The name of an image that is meant by a word: the word itself wherever that may be one, else what the user chooses of
/// the recipes that come near.
///
/// # Errors
/// No recipe comes near, or nobody is there to choose; or the user's own recipe of that name is faulty.
pub(super) fn meant(context: &Context<'_>, word: &str) -> Result<String> {
    if word.contains(['/', '@']) {
        return Ok(word.to_owned());
    }
    let catalogue = catalogue(context.host, context.ui);
    let Err(unknown) = catalogue.find(word) else { return Ok(word.to_owned()) };
    match &unknown {
        NoMatch::Faulty { fault, .. } => {
            let hint = format!("envbox recipe check {}", fault.file);
            return Err(Error::new(unknown).hint(hint));
        }
        // A name and a tag are somebody's image, and what is there is a file.
        NoMatch::Recipe { .. } if word.contains(':') || word.contains(".tar") || Path::new(word).exists() => {
            return Ok(word.to_owned());
        }
        NoMatch::Recipe { .. } | NoMatch::Version { .. } => {}
    }
    if provision::in_store(context, word)?.is_some() {
        return Ok(word.to_owned());
    }
    let suggestions = match &unknown {
        NoMatch::Version { known, .. } => versions(word, known),
        _ => catalogue.suggest(word),
    };
    let options: Vec<(&str, &str)> =
        suggestions.iter().map(|suggestion| (suggestion.word.as_str(), suggestion.title.as_str())).collect();
    match context.ui.choose(&format!("{unknown}; what is meant?"), &options)? {
        Some(chosen) => Ok(options[chosen].0.to_owned()),
        None => Err(without_choice(unknown, &options)),
    }
}

/// The versions there are, as words.
fn versions(word: &str, known: &[String]) -> Vec<Suggestion> {
    let name = word.split(':').next().unwrap_or(word);
    known.iter().map(|version| Suggestion { word: format!("{name}:{version}"), title: String::new() }).collect()
}

fn without_choice(unknown: NoMatch, options: &[(&str, &str)]) -> Error {
    let words: Vec<&str> = options.iter().map(|(word, _)| *word).collect();
    let error = match unknown {
        NoMatch::Recipe { word } => {
            Error::new(format!("there is no box, no recipe and no file named `{}`", word.escape_debug()))
        }
        unknown => Error::new(unknown),
    };
    let error = if words.is_empty() { error } else { error.hint(format!("there are: {}", words.join(", "))) };
    error.hint("envbox search lists all recipes; a tarball is a path or a URL")
}
