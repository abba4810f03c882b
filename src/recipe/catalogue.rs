//! All recipes there are: those that the program carries, and the user's own before them.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::embedded::EMBEDDED;
use super::{Fault, Recipe, Version};

/// All recipes there are.
#[derive(Debug)]
pub struct Catalogue {
    own: Vec<Entry>,
    faulty: Vec<Faulty>,
    carried: Vec<Carried>,
}

/// A recipe that the program carries; read when it is looked at, since most never are.
#[derive(Debug)]
struct Carried {
    name: &'static str,
    text: &'static str,
    entry: OnceCell<Option<Entry>>,
}

impl Carried {
    fn entry(&self) -> Option<&Entry> {
        // Tests have checked them all.
        let read = || Recipe::parse_unchecked(self.name, self.text).ok();
        self.entry.get_or_init(|| read().map(|recipe| Entry { recipe, file: None })).as_ref()
    }
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
        let mut catalogue = Self { own: Vec::new(), faulty: Vec::new(), carried: Vec::new() };
        for (path, text) in own {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            match Recipe::of_file(&path, &text) {
                Ok(recipe) => catalogue.own.push(Entry { recipe, file: Some(path) }),
                Err(faults) => catalogue.faulty.push(Faulty { name, faults }),
            }
        }
        let hidden = |name: &str| {
            let own = catalogue.own.iter().any(|entry| entry.recipe.name.as_str() == name);
            own || catalogue.faulty.iter().any(|faulty| faulty.name == name)
        };
        let carried = EMBEDDED.iter().filter(|(name, _)| !hidden(name));
        catalogue.carried = carried.map(|(name, text)| Carried { name, text, entry: OnceCell::new() }).collect();
        catalogue
    }

    /// The recipes that can be used: the user's own, then the others, each by name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.own.iter().chain(self.carried.iter().filter_map(Carried::entry))
    }

    /// The words to offer, with what they stand for: names of recipes, and codenames of versions.
    pub fn words(&self) -> impl Iterator<Item = (&str, String)> {
        let names = self.entries().map(|entry| (entry.recipe.name.as_str(), entry.recipe.title.clone()));
        let codenames = self.entries().flat_map(|Entry { recipe, .. }| {
            let of = |version: &Version| format!("{} {}", recipe.title, version.name.as_str());
            recipe.versions.iter().filter_map(move |version| Some((version.codename.as_ref()?.as_str(), of(version))))
        });
        names.chain(codenames)
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
        let own = || self.own.iter().find(named);
        let carried = || self.carried.iter().find(|carried| carried.name == name)?.entry();
        let known = own().or_else(carried);
        // No word has a slash: what an image at a registry is called needs no recipe to be read.
        if known.is_none() && word.contains('/') {
            return Err(NoMatch::Recipe { word: word.to_owned() });
        }
        if let Some(entry) = known.or_else(|| self.entries().find(named)) {
            return entry.version(version.unwrap_or_default());
        }
        let alone = || self.entries().find_map(|entry| entry.codenamed(word));
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
