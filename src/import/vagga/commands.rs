//! `commands`: `!Command` is a task, the children of `!Supervise` are services.

use super::Converter;
use super::build::pairs;
use crate::import::document::Node;
use crate::import::{line, name, service, task, text};
use crate::recipe::project::{Command, Project};

pub(super) fn add(converter: &mut Converter<'_>, recipe: &mut Project, commands: &[(String, Node)], main: &str) {
    for (command, node) in commands {
        match node.tag.as_deref() {
            Some("!Supervise") => supervise(converter, recipe, command, node, main),
            Some("!Command") | None => {
                let Some(run) = run(node) else {
                    converter.leave(node.line, command, "it has no `run`");
                    continue;
                };
                let mut made = task(run);
                made.about = node.get("description").and_then(|about| Some(about.as_str()?.trim().to_owned()));
                made.env = node.get("environ").map(pairs).unwrap_or_default().into_iter().collect();
                made.workdir = node.get("work-dir").and_then(Node::as_str).map(text);
                recipe.tasks.insert(name(command), made);
                rest(converter, command, node, main, &["description", "environ", "work-dir"]);
            }
            Some(_) => converter.leave(
                node.line,
                &format!("{command}: {}", node.brief()),
                "there is no such command in an envbox.yaml",
            ),
        }
    }
}

/// Its children are services, and it is the task that needs them.
fn supervise(converter: &mut Converter<'_>, recipe: &mut Project, command: &str, node: &Node, main: &str) {
    let mut names = Vec::new();
    for (child, node) in node.get("children").map(Node::entries).unwrap_or_default() {
        let Some(run) = run(node) else {
            converter.leave(node.line, &format!("{command}.{child}"), "it has no `run`");
            continue;
        };
        let mut made = service(run);
        made.env = node.get("environ").map(pairs).unwrap_or_default().into_iter().collect();
        made.workdir = node.get("work-dir").and_then(Node::as_str).map(text);
        recipe.services.insert(name(child), made);
        names.push(text(name(child)));
        rest(converter, &format!("{command}.{child}"), node, main, &["environ", "work-dir"]);
    }
    if names.is_empty() {
        return converter.leave(node.line, command, "it has no children that run anything");
    }
    let mut gathers = task(line(""));
    gathers.run = None;
    gathers.services = names;
    gathers.about = node.get("description").and_then(|about| Some(about.as_str()?.trim().to_owned()));
    recipe.tasks.insert(name(command), gathers);
    for (key, node) in node.entries().iter().filter(|(key, _)| !["children", "description"].contains(&key.as_str())) {
        converter.leave(
            node.line,
            &format!("{command}.{key}: {}", node.brief()),
            "services run until `envbox down`, and restart as `restart` says",
        );
    }
}

/// Lists what is not carried over of a command.
fn rest(converter: &mut Converter<'_>, command: &str, node: &Node, main: &str, taken: &[&str]) {
    for (key, value) in node.entries() {
        let what = format!("{command}.{key}: {}", value.brief());
        match key.as_str() {
            "run" => {}
            "container" if value.as_str() == Some(main) => {}
            "container" => converter.leave(
                value.line,
                &what,
                "a task runs in the box that it is asked for in: `envbox task` with the variant",
            ),
            key if taken.contains(&key) => {}
            _ => converter.leave(value.line, &what, "there is no such key in an envbox.yaml"),
        }
    }
}

/// What it runs: a line, or a list of words.
fn run(node: &Node) -> Option<Command> {
    let run = node.get("run")?;
    match run.is_list() {
        true => Some(Command::Words(run.texts())).filter(|_| !run.items().is_empty()),
        false => run.as_str().map(|text| line(text.trim_end_matches('\n'))),
    }
}
