//! All recipes there are: those that the program carries, and the user's own before them.

use std::path::{Path, PathBuf};

use super::embedded::EMBEDDED;
use super::{Fault, Recipe, Version};

/// All recipes there are.
#[derive(Debug)]
pub struct Catalogue {
    entries: Vec<Entry>,
    faulty: Vec<Faulty>,
}

/// A recipe of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The recipe.
    pub recipe: Recipe,
    /// The file, where it is the user's own.
    pub file: Option<PathBuf>,
}

/// A recipe of the user's that cannot be used. It still hides the one of the same name: who has changed a recipe does not
/// want the unchanged one.
#[derive(Debug)]
struct Faulty {
    name: String,
    faults: Vec<Fault>,
}

/// What a word means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The version, which the recipe lists or at least allows.
    pub version: Version,
    /// The recipe's file, where it is the user's own.
    pub file: Option<&'a Path>,
}

/// No recipe can be used for a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMatch {
    /// No recipe goes by it.
    #[error("there is no recipe `{}`", word.escape_debug())]
    Recipe {
        /// The word.
        word: String,
    },
    /// The recipe has no such version.
    #[error("{title} has no version `{}`", version.escape_debug())]
    Version {
        /// The distribution.
        title: String,
        /// The word after the colon.
        version: String,
        /// The versions there are.
        known: Vec<String>,
    },
    /// The user's own recipe is faulty.
    #[error("the recipe `{name}` is faulty")]
    Faulty {
        /// Its name.
        name: String,
        /// The first thing that is wrong with it.
        #[source]
        fault: Fault,
    },
}

impl Match<'_> {
    /// The recipe's and the version's own names: `ubuntu:24.04` for `noble`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.recipe.name.as_str(), self.version.name.as_str())
    }
}

impl Catalogue {
    /// The catalogue with these files of the user's, each with its content. What is wrong with them is said by
    /// [`Catalogue::faults`], and by [`Catalogue::find`] to whoever asks for one of them.
    pub fn new(own: impl IntoIterator<Item = (PathBuf, String)>) -> Self {
        let mut catalogue = Self { entries: Vec::new(), faulty: Vec::new() };
        for (path, text) in own {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let file = path.display().to_string();
            catalogue.add(&name, &file, &text, Some(path));
        }
        for (name, text) in EMBEDDED {
            catalogue.add(name, &format!("{name}.yaml"), text, None);
        }
        catalogue
    }

    fn add(&mut self, name: &str, label: &str, text: &str, file: Option<PathBuf>) {
        let hidden = self.entries.iter().any(|entry| entry.recipe.name.as_str() == name);
        if hidden || self.faulty.iter().any(|faulty| faulty.name == name) {
            return;
        }
        let parsed = Recipe::parse(label, text).and_then(|recipe| {
            let own = recipe.name.as_str();
            let what = || format!("a recipe named `{own}` belongs into a file named {own}.yaml");
            let fault = || Fault { file: label.to_owned(), place: recipe.name.place(), what: what() };
            if own == name { Ok(recipe) } else { Err(vec![fault()]) }
        });
        match parsed {
            Ok(recipe) => self.entries.push(Entry { recipe, file }),
            Err(faults) => self.faulty.push(Faulty { name: name.to_owned(), faults }),
        }
    }

    /// The recipes that can be used: the user's own, then the others, each by name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is wrong with recipes that cannot be used.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.faulty.iter().flat_map(|faulty| &faulty.faults)
    }

    /// What a word means: `alpine`, `alpine:3.20`, `ubuntu:noble`, or a version's codename alone: `noble`.
    ///
    /// # Errors
    /// [`NoMatch`].
    pub fn find(&self, word: &str) -> Result<Match<'_>, NoMatch> {
        let (name, version) = match word.split_once(':') {
            Some((name, version)) => (name, Some(version)),
            None => (word, None),
        };
        if let Some(faulty) = self.faulty.iter().find(|faulty| faulty.name == name)
            && let Some(fault) = faulty.faults.first()
        {
            return Err(NoMatch::Faulty { name: name.to_owned(), fault: fault.clone() });
        }
        let named = |entry: &&Entry| entry.recipe.words().any(|known| known.as_str() == name);
        if let Some(entry) = self.entries.iter().find(named) {
            return entry.version(version.unwrap_or_default());
        }
        let alone = || self.entries.iter().find_map(|entry| entry.codenamed(word));
        alone().ok_or_else(|| NoMatch::Recipe { word: word.to_owned() })
    }
}

impl Entry {
    fn version(&self, word: &str) -> Result<Match<'_>, NoMatch> {
        let recipe = &self.recipe;
        let meant = |version: &&Version| match word {
            "" => version.default,
            word => version.words().any(|known| known.as_str() == word),
        };
        let listed = recipe.versions.iter().find(meant).cloned();
        let version = listed.or_else(|| recipe.unlisted_version(word)).ok_or_else(|| NoMatch::Version {
            title: recipe.title.clone(),
            version: word.to_owned(),
            known: recipe.versions.iter().map(|version| version.name.as_str().to_owned()).collect(),
        })?;
        Ok(Match { recipe, version, file: self.file.as_deref() })
    }

    fn codenamed(&self, word: &str) -> Option<Match<'_>> {
        let is = |version: &&Version| version.codename.as_ref().is_some_and(|codename| codename.as_str() == word);
        let version = self.recipe.versions.iter().find(is)?.clone();
        Some(Match { recipe: &self.recipe, version, file: self.file.as_deref() })
    }
}
