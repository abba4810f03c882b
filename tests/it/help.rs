//! The whole `--help` tree, so that every change to what the user types shows in review.

use crate::support::{TestEnvironment, golden};

const COMMANDS: [&str; 10] =
    ["enter", "run", "create", "list", "stop", "rm", "search", "recipe", "doctor", "completions"];

/// Commands of commands.
const DEEPER: [&str; 2] = ["recipe show", "recipe check"];

#[test]
fn help_of_every_command() {
    let env = TestEnvironment::new();
    let help = |args: &[&str]| format!("$ envbox {}\n{}\n", args.join(" "), env.envbox(args).succeeds().stdout);
    let mut text = help(&["--help"]) + &help(&["-h"]);
    for command in COMMANDS {
        assert!(text.contains(&format!("\n  {command} ")), "`{command}` is not in the list of commands");
        text += &help(&[command, "--help"]);
    }
    for command in DEEPER {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        text += &help(&words);
    }
    golden("tests/it/help.txt", &text);
}

#[test]
fn manual_pages() {
    let env = TestEnvironment::new();
    env.envbox(["manual", "."]).dir(env.path("home")).succeeds();
    let commands = COMMANDS.iter().chain(&DEEPER).map(|command| format!("envbox-{}.1", command.replace(' ', "-")));
    for page in commands.chain(["envbox.1".into()]) {
        let text = std::fs::read_to_string(env.path("home").join(&page)).unwrap();
        golden(&format!("man/{page}"), &text);
    }
    assert_eq!(
        std::fs::read_dir(env.path("home")).unwrap().count(),
        COMMANDS.len() + DEEPER.len() + 1,
        "a page nobody compares"
    );
}
