//! The whole `--help` tree, so that every change to what the user types shows in review.

use std::collections::BTreeSet;
use std::fs;

use clap::{Command, CommandFactory as _};
use envbox::cli::Cli;

use crate::support::{TestEnvironment, golden, source_dir};

/// Every command that is shown, as its words: `[image, list]`. Those of a command come after it.
fn commands() -> Vec<Vec<String>> {
    fn walk(command: &Command, words: &[String], found: &mut Vec<Vec<String>>) {
        for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            let words: Vec<String> = words.iter().cloned().chain([command.get_name().to_owned()]).collect();
            found.push(words.clone());
            walk(command, &words, found);
        }
    }
    let mut found = Vec::new();
    walk(&Cli::command(), &[], &mut found);
    found
}

#[test]
fn help_of_every_command() {
    let env = TestEnvironment::new();
    let help = |words: &[&str]| format!("$ envbox {}\n{}\n", words.join(" "), env.envbox(words).succeeds().stdout);
    let mut text = help(&["--help"]) + &help(&["-h"]);
    for words in commands() {
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        text += &help(&words);
    }
    golden("tests/it/help.txt", &text);
}

#[test]
fn manual_pages() {
    let env = TestEnvironment::new();
    env.envbox(["manual", "."]).dir(env.path("home")).succeeds();
    let page = |words: &Vec<String>| format!("envbox-{}.1", words.join("-"));
    let pages: BTreeSet<String> = commands().iter().map(page).chain(["envbox.1".to_owned()]).collect();
    for page in &pages {
        let text = fs::read_to_string(env.path("home").join(page)).unwrap();
        golden(&format!("man/{page}"), &text);
    }
    let names = |dir| fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names(env.path("home")).collect::<BTreeSet<_>>(), pages, "what is written");
    assert_eq!(names(source_dir().join("man")).collect::<BTreeSet<_>>(), pages, "what is kept");
}
