//! Attacks that others have fallen for, as real archives, through every door by which one gets into the store.

mod attacks;
mod cost;
mod documents;
mod doors;
mod terminal;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::support::TestEnvironment;
use crate::unpack::work::list;

/// A user of envbox, and what is none of an image's business: a directory beside the store, the user's home and settings.
struct Victim {
    env: TestEnvironment,
    before: Vec<BTreeMap<String, String>>,
}

impl Victim {
    fn new() -> Self {
        let env = TestEnvironment::new();
        fs::create_dir_all(env.path("outside/dir")).unwrap();
        fs::write(env.path("outside/canary"), "untouched").unwrap();
        fs::write(env.path("home/.bashrc"), "untouched").unwrap();
        let before = Self::around(&env);
        Self { env, before }
    }

    fn outside(&self) -> PathBuf {
        self.env.path("outside")
    }

    /// Nothing beside the store has changed, nothing was put into it by an image, and nothing half done is left.
    #[track_caller]
    fn check(&self, attack: &str) {
        assert_eq!(Self::around(&self.env), self.before, "{attack}");
        assert_eq!(self.env.staged(), Vec::<PathBuf>::new(), "{attack}");
        for dir in ["data/envbox", "cache/envbox"] {
            forbid_evil(&self.env.path(dir), attack);
        }
    }

    /// Expects that there is no image and no box.
    #[track_caller]
    fn has_nothing(&self, attack: &str) {
        for command in [&["image", "list", "--json"][..], &["list", "--json"]] {
            assert_eq!(self.env.envbox(command).succeeds().stdout.trim(), "[]", "{attack}: {command:?}");
        }
    }

    fn around(env: &TestEnvironment) -> Vec<BTreeMap<String, String>> {
        ["outside", "home", "config"].map(|dir| list(&env.path(dir))).into()
    }
}

/// No file of the store has the name that attackers give to theirs; what is in the trees of layers and boxes is theirs.
fn forbid_evil(dir: &std::path::Path, attack: &str) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        assert!(!name.to_string_lossy().contains("evil"), "{attack}: {}", entry.path().display());
        if entry.file_type().unwrap().is_dir() && !["fs", "upper", "work"].iter().any(|tree| name == *tree) {
            forbid_evil(&entry.path(), attack);
        }
    }
}

/// What is said to a person has no character in it that a terminal obeys.
#[track_caller]
fn assert_inert(text: &str) {
    let obeyed = |char: char| char.is_control() && char != '\n' || ('\u{202a}'..='\u{202e}').contains(&char);
    assert!(!text.contains(obeyed), "{text:?}");
}
