//! Which package manager a root has, by what it says it is (os-release(5)).

use std::collections::BTreeMap;

use crate::recipe::{Catalogue, Packages, Recipe};

/// A package manager, and the system that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// How it is called.
    pub words: Packages,
    /// What its caches are kept under: the system and its version, as a file's name.
    pub name: String,
}

impl Manager {
    /// The package manager of a root with this os-release: that of the recipe of its name, else of those that it says it
    /// is like.
    pub fn of(os_release: &str, recipes: &Catalogue) -> Option<Self> {
        let recipe = recipe_of(os_release, recipes)?;
        let fields = fields(os_release);
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let version = ["VERSION_ID", "VERSION_CODENAME"].map(field).into_iter().find(|version| !version.is_empty());
        let name = format!("{}-{}-{}", field("ID"), version.unwrap_or("rolling"), std::env::consts::ARCH);
        let words = recipe.packages.clone();
        (!words.install.is_empty()).then(|| Self { words, name: file_name(&name) })
    }
}

/// The recipe of the system that a root with this os-release is of: that of its name, else of those that it says it is like.
pub fn recipe_of<'c>(os_release: &str, recipes: &'c Catalogue) -> Option<&'c Recipe> {
    let fields = fields(os_release);
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let words = std::iter::once(field("ID")).chain(field("ID_LIKE").split_whitespace());
    words.filter(|word| !word.is_empty()).find_map(|word| recipes.find(word).ok()).map(|found| found.recipe)
}

/// What `NAME=value` lines say, quotes taken off. Escapes in quotes are for texts that nobody asks for here.
fn fields(text: &str) -> BTreeMap<&str, String> {
    let lines = text.lines().filter_map(|line| line.trim().split_once('='));
    lines.map(|(name, value)| (name, value.trim_matches(['"', '\'']).to_owned())).collect()
}

/// The longest name of a file that anybody has made up.
const LONGEST: usize = 100;

fn file_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    text.chars().map(plain).take(LONGEST).collect::<String>().trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<(String, String)> {
        let manager = Manager::of(text, &Catalogue::new([]))?;
        let name = manager.name.strip_suffix(std::env::consts::ARCH).unwrap().to_owned();
        Some((manager.words.install[0].clone(), name))
    }

    #[test]
    fn systems_and_their_likes() {
        let is =
            |text: &str, program: &str, name: &str| assert_eq!(of(text), Some((program.into(), name.into())), "{text}");
        is("ID=debian\nVERSION_ID=\"12\"\n", "apt-get", "debian-12-");
        is("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "apt-get", "linuxmint-rolling-");
        is("ID='alpine'\nVERSION_ID=3.20.3", "apk", "alpine-3.20.3-");
        is(
            "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\nVERSION_ID=\"20250101\"",
            "zypper",
            "opensuse-tumbleweed-20250101-",
        );
        is("ID=rhel\nID_LIKE=fedora\nVERSION_ID=9.4", "dnf", "rhel-9.4-");
        is("ID=amzn\nID_LIKE=fedora\nVERSION_ID=2", "yum", "amzn-2-");
        is("ID=debian\nVERSION_ID=../../x", "apt-get", "debian-..-..-x-");
        assert_eq!(of("ID=plan9\n"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn every_recipe_says_what_to_call() {
        for entry in Catalogue::new([]).entries() {
            let packages = &entry.recipe.packages;
            assert!(!packages.install.is_empty(), "{}", entry.recipe.name.as_str());
            assert!(packages.keep.iter().all(|dir| dir.starts_with('/')), "{}", entry.recipe.name.as_str());
            if let Some(system) = &entry.recipe.system {
                assert!(system.there.starts_with('/') && !system.packages.is_empty(), "{}", entry.recipe.name.as_str());
            }
        }
    }
}
