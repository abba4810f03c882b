//! Packages files: what an archive has. Scanned without copying, since one has 50 MB and a box needs a thousandth.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::str::FromStr as _;

use debversion::Version;

use super::relation;

/// A package's stanza, as it is in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stanza<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    text: &'a str,
    /// Which of the texts it is from.
    pub(super) from: usize,
    /// `Essential: yes` or `Priority: required`.
    pub(super) required: bool,
    provides: Option<&'a str>,
}

impl<'a> Stanza<'a> {
    /// A field of one line, as all are that a selection needs.
    pub(super) fn field(&self, name: &str) -> Option<&'a str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    }

    /// The virtual packages it provides.
    pub(super) fn provides(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        relation::provided(self.provides.unwrap_or_default())
    }
}

/// The newest version of every package, by name and by what it provides.
#[derive(Debug, Default)]
pub(super) struct Index<'a> {
    packages: HashMap<&'a str, Stanza<'a>>,
    providers: HashMap<&'a str, Vec<(&'a str, Option<&'a str>)>>,
}

impl<'a> Index<'a> {
    /// Takes in the texts of Packages files.
    pub(super) fn build(texts: &'a [String], arch: &str) -> Self {
        let size: usize = texts.iter().map(|text| text.len() / 800).sum();
        let mut index = Self { packages: HashMap::with_capacity(size), providers: HashMap::new() };
        for (from, text) in texts.iter().enumerate() {
            for stanza in stanzas(text, from, arch) {
                match index.packages.entry(stanza.name) {
                    Entry::Vacant(place) => drop(place.insert(stanza)),
                    Entry::Occupied(mut known) if later(stanza.version, known.get().version) => {
                        known.insert(stanza);
                    }
                    Entry::Occupied(_) => {}
                }
            }
        }
        for stanza in index.packages.values().filter(|stanza| stanza.provides.is_some()) {
            for (name, version) in stanza.provides() {
                index.providers.entry(name).or_default().push((stanza.name, version));
            }
        }
        // A map has no order, and a selection must be the same every time: what is required comes first, then names.
        for providers in index.providers.values_mut() {
            providers.sort_by_key(|(name, _)| (!index.packages[name].required, *name));
        }
        index
    }

    pub(super) fn get(&self, name: &str) -> Option<&Stanza<'a>> {
        self.packages.get(name)
    }

    /// Who provides a virtual package, with the version it has there; required packages first.
    pub(super) fn providers(&self, name: &str) -> impl Iterator<Item = (&Stanza<'a>, Option<&'a str>)> {
        let providers = self.providers.get(name).map(Vec::as_slice).unwrap_or_default();
        providers.iter().map(|(name, version)| (&self.packages[name], *version))
    }

    /// The names of all required packages.
    pub(super) fn required(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = self.packages.values().filter(|s| s.required).map(|s| s.name).collect();
        names.sort_unstable();
        names
    }
}

fn later(version: &str, than: &str) -> bool {
    match (Version::from_str(version), Version::from_str(than)) {
        (Ok(version), Ok(than)) => version.cmp(&than) == Ordering::Greater,
        _ => false,
    }
}

/// The stanzas for this architecture, in one pass over the text.
fn stanzas<'a>(mut rest: &'a str, from: usize, arch: &str) -> impl Iterator<Item = Stanza<'a>> {
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (stanza, after) = scan(rest, from, arch);
            rest = after;
            if stanza.is_some() {
                return stanza;
            }
        }
        None
    })
}

/// The first stanza, if it is a package for this architecture, and the text after it. One look at each line's first byte
/// tells whether it may matter.
fn scan<'a>(text: &'a str, from: usize, arch: &str) -> (Option<Stanza<'a>>, &'a str) {
    let mut stanza = Stanza { name: "", version: "", text: "", from, required: false, provides: None };
    let (mut suits, mut end) = (true, 0);
    for line in text.split_inclusive('\n') {
        end += line.len();
        let value = |field: &str| line.strip_prefix(field)?.strip_prefix(':').map(str::trim);
        match line.as_bytes()[0] {
            b'\n' => break,
            b'P' => {
                if let Some(name) = value("Package") {
                    stanza.name = name;
                } else if let Some(provides) = value("Provides") {
                    stanza.provides = Some(provides);
                } else if value("Priority") == Some("required") {
                    stanza.required = true;
                }
            }
            b'V' => stanza.version = value("Version").unwrap_or(stanza.version),
            b'E' if value("Essential") == Some("yes") => stanza.required = true,
            b'A' => suits &= value("Architecture").is_none_or(|value| value == "all" || value == arch),
            _ => {}
        }
    }
    stanza.text = &text[..end];
    let whole = suits && !stanza.name.is_empty() && !stanza.version.is_empty();
    (whole.then_some(stanza), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "\
Package: a
Version: 1.0
Architecture: amd64
Essential: yes
Description: first
 Package: not-this
Provides: v, w (= 2)
Filename: pool/a

Package: b
Version: 1
Architecture: i386
Priority: required

Package: c
Priority: required
Version: 3
Architecture: all
Provides: v
";

    fn texts() -> Vec<String> {
        vec![MAIN.to_owned(), "Package: a\nVersion: 1.0+deb1\nArchitecture: amd64\nFilename: pool/a2\n".to_owned()]
    }

    #[test]
    fn finds_what_is_for_this_architecture() {
        let texts = vec![MAIN.to_owned()];
        let index = Index::build(&texts, "amd64");
        assert_eq!(index.required(), ["a", "c"]);
        assert_eq!(index.get("a").unwrap().field("Filename"), Some("pool/a"));
        assert_eq!(index.get("a").unwrap().field("Depends"), None);
        assert!(index.get("b").is_none() && index.get("not-this").is_none());
        assert_eq!(index.providers("v").map(|(s, _)| s.name).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(index.providers("w").next().unwrap().1, Some("2"));
    }

    #[test]
    fn the_newest_of_all_archives_wins() {
        let texts = texts();
        let index = Index::build(&texts, "amd64");
        let a = index.get("a").unwrap();
        assert_eq!((a.version, a.from), ("1.0+deb1", 1));
        assert_eq!(index.providers("w").count(), 0);
    }
}
