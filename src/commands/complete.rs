//! `envbox __complete`: what the completion scripts ask.
//!
//! A line is a candidate, with a tab and its explanation after it if there is one; or a colon and what the shell is to
//! complete by itself.

use clap::CommandFactory as _;

use super::{image, project, recipes};
use crate::cli::{self, Cli, Complete, Follow, Names};
use crate::error::Result;
use crate::host::Host;
use crate::recipe::project::{Project, Task};
use crate::store;
use crate::ui::Ui;

/// A word, and one line of explanation or nothing.
type Word = (String, String);

pub(super) fn run(args: &Complete, host: &Host, ui: &Ui) -> Result {
    let found = cli::complete(Cli::command(), &args.words);
    let mut text = String::new();
    for candidate in found.candidates {
        text += &format!("{}\t{}\n", candidate.value, candidate.help);
    }
    for names in found.names {
        // Who has begun the name of something that is there means that, and no recipe.
        if names == Names::Recipes && !text.is_empty() {
            continue;
        }
        for (word, help) in words(names, host, ui) {
            if word.starts_with(&found.begun) {
                text += &format!("{}{word}\t{help}\n", found.prefix);
            }
        }
    }
    match found.follow {
        Some(Follow::Files) => text += ":files\n",
        Some(Follow::Directories) => text += ":directories\n",
        Some(Follow::Command(word)) => text += &format!(":command {word}\n"),
        None => {}
    }
    ui.data(text)?;
    Ok(0)
}

fn words(names: Names, host: &Host, ui: &Ui) -> Vec<Word> {
    let bare = |word: String| (word, String::new());
    match names {
        Names::Boxes => store::box_names(&host.dirs.data).iter().map(|name| bare(name.to_string())).collect(),
        Names::Systems => store::system_boxes(&host.dirs.data).iter().map(|name| bare(name.to_string())).collect(),
        Names::Images => image::names(&host.dirs.data).into_iter().map(bare).collect(),
        Names::Recipes => recipes::catalogue(host, ui).words().map(|(word, title)| (word.to_owned(), title)).collect(),
        Names::Trusted => {
            let roots = store::trusted_projects(&host.dirs.data).into_iter();
            harmless(roots.map(|root| bare(root.display().to_string())))
        }
        Names::Variants | Names::Tasks | Names::Services | Names::Packages => harmless(of_project(names, host)),
    }
}

/// What the recipe of the project here names. A faulty one names nothing: this is no time to complain.
fn of_project(names: Names, host: &Host) -> impl Iterator<Item = Word> {
    let recipe = project::of_host(host).ok().flatten().map(|found| found.recipe).unwrap_or_default();
    let mut found: Vec<Word> = Vec::new();
    for part in std::iter::once(&recipe).chain(recipe.variants.values()) {
        found.extend(of_recipe(names, part));
    }
    found.sort_unstable();
    found.dedup_by(|one, other| one.0 == other.0);
    found.into_iter()
}

fn of_recipe(names: Names, recipe: &Project) -> Vec<Word> {
    let bare = |name: &String| (name.clone(), String::new());
    let about = |task: &Task| task.about.clone().unwrap_or_default();
    match names {
        Names::Variants => recipe.variants.keys().map(bare).collect(),
        Names::Tasks => recipe.tasks.iter().map(|(name, task)| (name.clone(), about(task))).collect(),
        Names::Services => recipe.services.keys().map(bare).collect(),
        Names::Packages => recipe.packages.iter().map(|name| bare(&name.as_str().to_owned())).collect(),
        Names::Boxes | Names::Systems | Names::Images | Names::Recipes | Names::Trusted => Vec::new(),
    }
}

/// The words that a shell can take as they are. A script puts them on the command line, so that one of a repository's must not
/// be a command, an option or an escape sequence.
fn harmless(words: impl Iterator<Item = Word>) -> Vec<Word> {
    let plain = |c: char| c.is_alphanumeric() || "_.-+:@/,".contains(c);
    let harmless = words.filter(|(word, _)| !word.starts_with('-') && word.chars().all(plain) && !word.is_empty());
    let quiet = |help: String| if help.contains(char::is_control) { String::new() } else { help };
    harmless.map(|(word, help)| (word, quiet(help))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_recipe_names() {
        let recipe = "\
from: x
packages: [gcc, libpq-dev]
tasks: {test: {run: x, about: all tests}, tidy: x}
services: {db: x}
variants: {ci: {packages: [git]}}
";
        let recipe = Project::parse("envbox.yaml", recipe).unwrap();
        let of = |names| of_recipe(names, &recipe).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
        assert_eq!(of(Names::Variants), ["ci"]);
        assert_eq!(of(Names::Tasks), ["test", "tidy"]);
        assert_eq!(of_recipe(Names::Tasks, &recipe)[0].1, "all tests");
        assert_eq!(of(Names::Services), ["db"]);
        assert_eq!(of(Names::Packages), ["gcc", "libpq-dev"]);
    }

    #[test]
    fn nothing_harmful_reaches_a_command_line() {
        let word = |word: &str, help: &str| (word.to_owned(), help.to_owned());
        let bad = ["$(touch x)", "a;b", "a b", "`x`", "a\u{1b}[2J", "-rf", "", "a\nb", "~", "*", "'", "\\"];
        assert_eq!(harmless(bad.into_iter().map(|bad| word(bad, ""))), []);
        let good = [word("a-1.2_x+y:z@/w", "it's all right"), word("größe", "")];
        assert_eq!(harmless(good.clone().into_iter()), good);
        assert_eq!(harmless([word("a", "b\u{1b}]0;c\u{7}")].into_iter()), [word("a", "")]);
    }
}
