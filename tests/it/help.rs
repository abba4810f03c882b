//! The whole `--help` tree, so that every change to what the user types shows in review.

use crate::support::{TestEnvironment, golden};

const COMMANDS: [&str; 22] = [
    "enter",
    "run",
    "create",
    "list",
    "stop",
    "rm",
    "image",
    "image list",
    "image inspect",
    "image rm",
    "image tag",
    "image save",
    "image verify",
    "image prune",
    "image df",
    "gc",
    "search",
    "recipe",
    "recipe show",
    "recipe check",
    "doctor",
    "completions",
];

#[test]
fn help_of_every_command() {
    let env = TestEnvironment::new();
    let help = |args: &[&str]| format!("$ envbox {}\n{}\n", args.join(" "), env.envbox(args).succeeds().stdout);
    let mut text = help(&["--help"]) + &help(&["-h"]);
    for command in COMMANDS {
        let words: Vec<&str> = command.split(' ').collect();
        let last = words.last().unwrap();
        assert!(text.contains(&format!("\n  {last} ")), "`{command}` is not in the list of commands");
        text += &help(&[&words[..], &["--help"]].concat());
    }
    golden("tests/it/help.txt", &text);
}

#[test]
fn manual_pages() {
    let env = TestEnvironment::new();
    env.envbox(["manual", "."]).dir(env.path("home")).succeeds();
    for page in
        COMMANDS.iter().map(|command| format!("envbox-{}.1", command.replace(' ', "-"))).chain(["envbox.1".into()])
    {
        let text = std::fs::read_to_string(env.path("home").join(&page)).unwrap();
        golden(&format!("man/{page}"), &text);
    }
    assert_eq!(std::fs::read_dir(env.path("home")).unwrap().count(), COMMANDS.len() + 1, "a page nobody compares");
}
