//! Whether a recipe is one: all that can be said of it without fetching anything.

use std::collections::BTreeSet;
use std::path::Path;

use super::fault::{instead, sort};
use super::form::Form;
use super::machine::MACHINES;
use super::resolve::ResolveError;
use super::text::Place;
use super::{Fault, Machine, Recipe, Source, Text, Version};

impl Recipe {
    /// Reads a recipe. `file` is what it is called in faults.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the file: but for YAML that cannot be read, which is one fault.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let recipe = Self::parse_unchecked(file, text).map_err(|fault| vec![fault])?;
        let mut faults = Faults { file, found: Vec::new() };
        faults.check(&recipe);
        sort(&mut faults.found);
        if faults.found.is_empty() { Ok(recipe) } else { Err(faults.found) }
    }

    /// Reads a recipe that is known to be a good one: checking all it comes to takes several times as long.
    pub(super) fn parse_unchecked(file: &str, text: &str) -> Result<Self, Fault> {
        super::yaml::read(text).map_err(|error| Fault::of_yaml(file, &error))
    }

    /// Reads a recipe's file, whose name has to be the recipe's.
    ///
    /// # Errors
    /// As [`Recipe::parse`].
    pub fn of_file(path: &Path, text: &str) -> Result<Self, Vec<Fault>> {
        let file = path.display().to_string();
        let recipe = Self::parse(&file, text)?;
        let name = recipe.name.as_str();
        if path.file_stem().is_some_and(|stem| stem == name) {
            return Ok(recipe);
        }
        let what = format!("a recipe named `{name}` belongs into a file named {name}.yaml");
        Err(vec![Fault { file, place: recipe.name.place(), what }])
    }

    /// A version that is not listed, by the word that a user has for it; whether there can be such a one is what
    /// [`Recipe::unlisted`] says.
    pub(super) fn unlisted_version(&self, word: &str) -> Option<Version> {
        let may_be = |text: &Text| glob::Pattern::new(text.as_str()).is_ok_and(|pattern| pattern.matches(word));
        (is_word(word) && self.unlisted.iter().any(may_be)).then(|| Version {
            name: Text::from(word.to_owned()),
            codename: None,
            aliases: Vec::new(),
            default: false,
            variables: std::collections::BTreeMap::new(),
        })
    }
}

struct Faults<'a> {
    file: &'a str,
    found: Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, place: Place, what: String) {
        self.found.push(Fault { file: self.file.to_owned(), place, what });
    }

    fn check(&mut self, recipe: &Recipe) {
        self.names(recipe);
        self.versions(recipe);
        self.machines(recipe);
        if recipe.sources.is_empty() {
            self.add(recipe.name.place(), "the recipe has no sources".to_owned());
        }
        for source in &recipe.sources {
            self.only(recipe, source);
        }
        for glob in &recipe.unlisted {
            if let Err(error) = glob::Pattern::new(glob.as_str()) {
                self.add(glob.place(), format!("`{}` is no glob: {error}", glob.as_str().escape_debug()));
            }
        }
        for version in &recipe.versions {
            for machine in recipe.architectures.keys() {
                self.combination(recipe, version, machine);
            }
        }
    }

    fn names(&mut self, recipe: &Recipe) {
        let mut seen = BTreeSet::new();
        for name in recipe.words() {
            if !is_word(name.as_str()) {
                self.add(name.place(), format!("`{}` is no name: {WORD}", name.as_str().escape_debug()));
            }
            if !seen.insert(name.as_str()) {
                self.add(name.place(), format!("`{}` stands here twice", name.as_str()));
            }
        }
        if recipe.title.is_empty() || recipe.title.contains(char::is_control) {
            self.add(recipe.name.place(), "`title` is not one line of text".to_owned());
        }
        if let Some(Err(what)) = recipe.home.as_ref().map(|home| Form::Url.check(home.as_str())) {
            self.add(recipe.home.as_ref().map(Text::place).unwrap_or_default(), what);
        }
    }

    fn versions(&mut self, recipe: &Recipe) {
        let mut seen = BTreeSet::new();
        for version in &recipe.versions {
            for name in version.words() {
                if !is_word(name.as_str()) {
                    let shown = name.as_str().escape_debug();
                    self.add(name.place(), format!("`{shown}` is no name of a version: {WORD}"));
                }
                if !seen.insert(name.as_str()) {
                    self.add(name.place(), format!("two versions are called `{}`", name.as_str()));
                }
            }
        }
        let defaults: Vec<&Version> = recipe.versions.iter().filter(|version| version.default).collect();
        match defaults.as_slice() {
            [_] => {}
            [] => self.add(recipe.name.place(), "no version has `default: true`".to_owned()),
            [_, second, ..] => self.add(second.name.place(), "a second version has `default: true`".to_owned()),
        }
    }

    fn machines(&mut self, recipe: &Recipe) {
        if recipe.architectures.is_empty() {
            self.add(recipe.name.place(), "the recipe has no architectures".to_owned());
        }
        for (name, architecture) in &recipe.architectures {
            let first = architecture.variables.values().next();
            let place = first.map(Text::place).filter(|place| place.line > 0).unwrap_or(recipe.name.place());
            if Machine::named(name).is_none() {
                self.add(place, no_machine(name));
            }
            if !architecture.variables.contains_key("arch") {
                self.add(place, format!("the architecture `{}` has no `arch`", name.escape_debug()));
            }
        }
    }

    /// A condition that can never hold is a mistake in writing.
    fn only(&mut self, recipe: &Recipe, source: &Source<Text>) {
        let also = match source {
            Source::Debian(archive) => archive.also.as_slice(),
            _ => &[],
        };
        for only in std::iter::once(source.only()).chain(also.iter().map(|suite| &suite.only)) {
            for machine in &only.machines {
                if !recipe.architectures.contains_key(machine.as_str()) {
                    self.add(machine.place(), no_machine(machine.as_str()));
                }
            }
            for glob in &only.versions {
                let pattern = glob::Pattern::new(glob.as_str());
                let meets =
                    |version: &Version| pattern.as_ref().is_ok_and(|pattern| pattern.matches(version.name.as_str()));
                if !recipe.versions.iter().any(meets) {
                    let names = recipe.versions.iter().map(|version| version.name.as_str());
                    let instead = instead(glob.as_str(), names);
                    self.add(glob.place(), format!("no version is `{}`{instead}", glob.as_str().escape_debug()));
                }
            }
        }
    }

    fn combination(&mut self, recipe: &Recipe, version: &Version, machine: &str) {
        match recipe.fill(self.file, version, machine) {
            Ok((_, faults)) => self.found.extend(faults),
            // Said already, of the architecture.
            Err(ResolveError::NoMachine { .. }) => {}
            Err(error) => self.add(version.name.place(), error.to_string()),
        }
    }
}

impl Recipe {
    /// Its names: all words that mean it.
    pub fn words(&self) -> impl Iterator<Item = &Text> {
        std::iter::once(&self.name).chain(&self.aliases)
    }
}

impl Version {
    /// Its names: all words that mean it after the colon.
    pub fn words(&self) -> impl Iterator<Item = &Text> {
        // A codename that is the name itself is a word of its own all the same.
        let codename = self.codename.as_ref().filter(|codename| codename.as_str() != self.name.as_str());
        std::iter::once(&self.name).chain(codename).chain(&self.aliases)
    }
}

const WORD: &str = "lower-case letters, digits, `.`, `_` and `-`, the first a letter or digit";

/// Whether a text can be typed as the name of a recipe or a version, and be a box's name.
fn is_word(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let all = text.bytes().all(|byte| letter(byte) || b"._-".contains(&byte));
    all && text.bytes().next().is_some_and(letter) && text.len() <= 32
}

fn no_machine(name: &str) -> String {
    let instead = instead(name, MACHINES.iter().map(|machine| machine.name));
    format!("`{}` is no architecture of the recipe{instead}", name.escape_debug())
}
