//! Projects' recipes, and what others' files become: nothing panics, and what is imported is one line each to list, and a
//! recipe that is read back as what was meant.

#![no_main]

use envbox::import::{self, Detected, Draft, containerfile};
use envbox::recipe::project::{FILE, Project};
use libfuzzer_sys::fuzz_target;

/// Names of files that say what a project is, each with the input as its text.
const DETECTED: [&str; 6] =
    ["Cargo.toml", "compose.yaml", "deno.json", "package.json", "requirements.txt", "rust-toolchain.toml"];

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(recipe) = Project::parse(FILE, text) {
        recipe.faults(FILE);
    }
    let read = |_: &str| Some(text.to_owned());
    let names = DETECTED.map(str::to_owned);
    let Detected { draft, .. } = import::detect(&names, &read);
    let options = containerfile::Options::default();
    let drafts = [
        containerfile::containerfile("Containerfile", text, &options),
        import::devcontainer("devcontainer.json", text, &read),
        import::distrobox("distrobox.ini", text),
        import::vagga("vagga.yaml", text),
        Ok(draft),
    ];
    drafts.into_iter().flatten().for_each(written);
});

/// What a draft is written as has the same recipe in it, and nothing that a terminal acts on.
fn written(draft: Draft) {
    let yaml = draft.yaml();
    assert!(!yaml.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{yaml:?}");
    assert!(draft.left.iter().all(|left| !left.to_string().contains('\n')));
    // A value may be none that a recipe can have, which `envbox init` says.
    if let Ok(read) = Project::parse(FILE, &yaml) {
        let words = |recipe: &Project| Draft { recipe: recipe.clone(), ..Draft::default() }.yaml();
        assert_eq!(words(&read), words(&draft.recipe), "{yaml}");
    }
}
