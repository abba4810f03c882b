//! What a user may have meant.

use super::{Catalogue, Entry, Version};

/// How many suggestions are worth reading.
const MOST: usize = 6;

/// A word that would have been understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The word: `debian`, `ubuntu:24.04`.
    pub word: String,
    /// What it stands for: `Debian`, `Ubuntu 24.04`.
    pub title: String,
}

impl Catalogue {
    /// What somebody may have meant by a word that [`Catalogue::find`] does not know: the nearest first.
    pub fn suggest(&self, word: &str) -> Vec<Suggestion> {
        let typed = plain(word);
        let mut found: Vec<(usize, Suggestion)> = Vec::new();
        for (known, suggestion) in self.entries().iter().flat_map(candidates) {
            let Some(distance) = distance(&typed, &known) else { continue };
            match found.iter_mut().find(|(_, other)| other.word == suggestion.word) {
                Some((best, _)) => *best = distance.min(*best),
                None => found.push((distance, suggestion)),
            }
        }
        found.sort_by_key(|(distance, _)| *distance);
        found.into_iter().take(MOST).map(|(_, suggestion)| suggestion).collect()
    }

    /// The recipes that have something to do with a word: in a name, a version or the title; else those nearest to it.
    pub fn search(&self, word: &str) -> Vec<&Entry> {
        let word = word.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&word);
        let about = |entry: &&Entry| {
            let recipe = &entry.recipe;
            let mut versions = recipe.versions.iter().flat_map(Version::words);
            has(&recipe.title)
                || recipe.words().any(|name| has(name.as_str()))
                || versions.any(|name| has(name.as_str()))
        };
        let found: Vec<&Entry> = self.entries().iter().filter(about).collect();
        if !found.is_empty() {
            return found;
        }
        let near = self.suggest(&word);
        let names: Vec<&str> = near.iter().map(|near| near.word.split(':').next().unwrap_or_default()).collect();
        self.entries().iter().filter(|entry| names.contains(&entry.recipe.name.as_str())).collect()
    }
}

/// All that could have been typed for a recipe, without what is easily left out, and what it would have meant.
fn candidates(entry: &Entry) -> Vec<(String, Suggestion)> {
    let recipe = &entry.recipe;
    let name = recipe.name.as_str();
    let whole = Suggestion { word: name.to_owned(), title: recipe.title.clone() };
    let mut all: Vec<_> = recipe.words().map(|known| (plain(known.as_str()), whole.clone())).collect();
    for version in &recipe.versions {
        let of = version.name.as_str();
        let one = Suggestion { word: format!("{name}:{of}"), title: format!("{} {of}", recipe.title) };
        all.extend(version.words().map(|word| (plain(&format!("{name}{}", word.as_str())), one.clone())));
        all.extend(version.codename.iter().map(|codename| (plain(codename.as_str()), one.clone())));
    }
    all
}

fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
}

/// How far two words are apart; nothing where one cannot be meant by the other. A word that has been begun is near.
fn distance(typed: &str, known: &str) -> Option<usize> {
    if typed.is_empty() {
        return None;
    }
    if known.starts_with(typed) {
        return Some(usize::from(known != typed));
    }
    let distance = strsim::damerau_levenshtein(typed, known) + 1;
    (distance <= 1 + typed.chars().count().min(known.chars().count()).div_ceil(3)).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(word: &str) -> Vec<String> {
        Catalogue::new([]).suggest(word).into_iter().map(|suggestion| suggestion.word).collect()
    }

    #[test]
    fn what_may_have_been_meant() {
        for (typed, meant) in [
            ("debain", "debian"),
            ("Debian", "debian"),
            ("ubunut", "ubuntu"),
            ("alp", "alpine"),
            ("ubuntu-24.04", "ubuntu:24.04"),
            ("debian12", "debian:12"),
            ("nobel", "ubuntu:24.04"),
            ("trixi", "debian:13"),
        ] {
            assert_eq!(words(typed).first().map(String::as_str), Some(meant), "{typed}");
        }
        for nothing in ["", "zzzzzzzz", "::", "\u{1b}[31m"] {
            assert_eq!(words(nothing), [""; 0], "{nothing}");
        }
    }

    #[test]
    fn search_finds_by_title_and_version() {
        let catalogue = Catalogue::new([]);
        let names = |word: &str| -> Vec<String> {
            catalogue.search(word).iter().map(|entry| entry.recipe.name.as_str().to_owned()).collect()
        };
        assert!(names("Alpine L").contains(&"alpine".to_owned()));
        assert!(names("bookworm").contains(&"debian".to_owned()));
        assert!(names("dbian").contains(&"debian".to_owned()));
        assert_eq!(names("").len(), catalogue.entries().len());
    }
}
