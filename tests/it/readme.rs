//! The examples of the documentation, executed: each ```` ```console ```` block of README.md, in order, in one
//! environment. A line after `$ ` is a command for sh, the lines up to the next one are its standard output; `...` stands
//! for any text within a line, and alone on a line for any lines.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{LIMIT, TestEnvironment, envbox, fixtures, requires, source_dir};

const TARBALL: &str = "alpine-minirootfs-3.20.3-x86_64.tar.gz";

/// A command and what it prints.
#[derive(Debug, PartialEq)]
struct Example {
    line: usize,
    command: String,
    output: Vec<String>,
}

fn examples(text: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        match (inside, line.strip_prefix("$ ")) {
            (false, _) => inside = line == "```console",
            (true, _) if line == "```" => inside = false,
            (true, Some(command)) => {
                found.push(Example { line: index + 1, command: command.to_owned(), output: Vec::new() });
            }
            (true, None) => found.last_mut().expect("output before any command").output.push(line.to_owned()),
        }
    }
    found
}

/// Whether lines are as expected.
fn matches(expected: &[String], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, lines)| line_matches(first, line) && matches(rest, lines))
        }
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    let Some((before, after)) = expected.split_once("...") else { return expected == line.trim_end() };
    let Some(rest) = line.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && line_matches(after, &rest[at..]))
}

#[test]
fn the_reader_of_examples_reads_them() {
    let text = "x\n```console\n$ a | b\n1\n...\n$ c\n```\n$ no\n```sh\n$ no\n```\n";
    let example = |line, command: &str, output: &[&str]| Example {
        line,
        command: command.into(),
        output: output.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(examples(text), [example(3, "a | b", &["1", "..."]), example(6, "c", &[])]);
    let expected = ["NAME ...".to_owned(), "...".to_owned(), "z".to_owned()];
    assert!(matches(&expected, &["NAME  X", "a", "b", "z"]));
    assert!(matches(&expected, &["NAME  X", "z"]));
    assert!(!matches(&expected, &["NAME  X", "a"]));
    assert!(!matches(&expected, &["OTHER", "z"]));
}

#[test]
fn the_tour_is_true() {
    requires!(userns, subid, overlay, fixtures, net);
    let env = TestEnvironment::new();
    fs::create_dir(env.path("home/bin")).unwrap();
    symlink(envbox(), env.path("home/bin/envbox")).unwrap();
    fs::copy(fixtures().join(TARBALL), env.path("home").join(TARBALL)).unwrap();
    let text = fs::read_to_string(source_dir().join("README.md")).unwrap();
    let examples = examples(&text);
    assert!(examples.len() > 10, "where are the examples?");
    for Example { line, command, output } in examples {
        let mut shell = env.command("timeout");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", env.path("home/bin").display());
        shell.args([LIMIT, "sh", "-c", &command]).env("PATH", path).stdin(Stdio::null());
        let got = shell.output().unwrap();
        let stdout = env.normalise(&String::from_utf8_lossy(&got.stdout));
        let stderr = env.normalise(&String::from_utf8_lossy(&got.stderr));
        let lines: Vec<&str> = stdout.lines().collect();
        assert!(
            got.status.success() && matches(&output, &lines),
            "README.md:{line}: $ {command}\n{}\nprinted\n{stdout}\nand to standard error\n{stderr}",
            got.status
        );
    }
}

#[test]
fn the_recipe_that_is_shown_is_the_repositorys_own() {
    let read = |name: &str| fs::read_to_string(source_dir().join(name)).unwrap();
    let recipe = format!("```yaml\n{}```\n", read("envbox.yaml"));
    assert!(read("README.md").contains(&recipe), "README.md should have envbox.yaml in it as it is");
}

#[test]
fn the_reference_of_recipes_has_every_key() {
    let reference = fs::read_to_string(source_dir().join("docs/envbox.yaml.md")).unwrap();
    let schema = Command::new(envbox()).arg("schema").output().unwrap().stdout;
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let definitions = schema["$defs"].as_object().unwrap().values();
    let keys = definitions.chain([&schema]).filter_map(|of| of["properties"].as_object()).flat_map(|all| all.keys());
    let missing: Vec<&String> = keys.filter(|key| !reference.contains(&format!("`{key}"))).collect();
    assert!(missing.is_empty(), "docs/envbox.yaml.md says nothing of {missing:?}");
}
