//! `commands`: `!Command` is a task, the children of `!Supervise` are services, in the box of their container.

use super::{Boxes, Converter};
use crate::import::document::Node;
use crate::import::{free_name, line, service, text};
use crate::recipe::Text;
use crate::recipe::project::{Command, Task};

/// Takes the commands into the boxes, or lists them.
pub(super) fn add(converter: &mut Converter<'_>, boxes: &mut Boxes, commands: &Node) {
    if commands.entries().is_empty() {
        converter.leave(commands.line, &format!("commands: {}", commands.brief()), "there are none");
    }
    for (command, node) in commands.entries() {
        match node.tag.as_deref() {
            Some("!Supervise") => supervise(converter, boxes, command, node),
            Some("!Command") | None => single(converter, boxes, command, node),
            Some(_) => {
                let what = format!("{command}: {}", node.brief());
                converter.leave(node.line, &what, "there is no such command in an envbox.yaml");
            }
        }
    }
}

/// What a command has that becomes a part of a task or a service, in a container that is there.
struct Described<'a> {
    container: &'a str,
    run: Command,
    about: Option<String>,
    env: std::collections::BTreeMap<String, String>,
    workdir: Option<Text>,
}

fn described<'a>(
    converter: &mut Converter<'_>,
    boxes: &mut Boxes,
    command: &str,
    node: &'a Node,
) -> Option<Described<'a>> {
    let container = node.get("container").and_then(Node::as_str).filter(|container| boxes.of(container).is_some());
    let (Some(container), Some(run)) = (container, run(converter, node)) else {
        let why = "it names no container of this file, or nothing to run";
        converter.leave(node.line, &format!("{command}: {}", node.brief()), why);
        return None;
    };
    let env = node.get("environ").map(|env| converter.pairs(&format!("{command}.environ"), env)).unwrap_or_default();
    let taken = ["run", "container", "description", "environ", "work-dir"];
    converter.others(command, node, &taken, "there is no such key in an envbox.yaml");
    Some(Described { container, run, about: about(node), env, workdir: workdir(converter, command, node) })
}

fn single(converter: &mut Converter<'_>, boxes: &mut Boxes, command: &str, node: &Node) {
    let Some(described) = described(converter, boxes, command, node) else { return };
    let mut made = Task::from(described.run);
    (made.about, made.env, made.workdir) = (described.about, described.env, described.workdir);
    if let Some(recipe) = boxes.of(described.container) {
        recipe.tasks.insert(free_name(&recipe.tasks, command), made);
    }
}

/// Its children are services, and it is the task that needs them, in the box of the first.
fn supervise(converter: &mut Converter<'_>, boxes: &mut Boxes, command: &str, node: &Node) {
    let mut main = None;
    let mut names = Vec::new();
    for (child, node) in node.get("children").map(Node::entries).unwrap_or_default() {
        let what = format!("{command}.{child}");
        let Some(described) = described(converter, boxes, &what, node) else { continue };
        let mut made = service(described.run);
        (made.env, made.workdir) = (described.env, described.workdir);
        let Some(recipe) = boxes.of(described.container) else { continue };
        let name = free_name(&recipe.services, child);
        recipe.services.insert(name.clone(), made);
        if let Some(about) = described.about {
            converter.leave(node.line, &format!("{what}.description: {about}"), "a service has no such text");
        }
        if *main.get_or_insert(described.container) == described.container {
            names.push(text(name));
        } else {
            let why =
                format!("it is a service of another box, which `envbox up --variant` starts: {}", described.container);
            converter.leave(node.line, &what, why);
        }
    }
    let Some(recipe) = main.and_then(|main| boxes.of(main)) else {
        return converter.leave(node.line, &format!("{command}: {}", node.brief()), "it has no children that run");
    };
    let mut gathers = Task::from(line(""));
    gathers.run = None;
    gathers.services = names;
    gathers.about = about(node);
    recipe.tasks.insert(free_name(&recipe.tasks, command), gathers);
    let why = "services run until `envbox down`, and restart as `restart` says";
    converter.others(command, node, &["children", "description"], why);
}

fn about(node: &Node) -> Option<String> {
    let about = node.get("description").and_then(Node::as_str)?;
    Some(about.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Where it begins: vagga has the project at `/work`.
fn workdir(converter: &mut Converter<'_>, command: &str, node: &Node) -> Option<Text> {
    let workdir = node.get("work-dir")?;
    let path = workdir.as_str().map(|path| path.strip_prefix("/work/").unwrap_or(path));
    if path.is_none() {
        converter.leave(workdir.line, &format!("{command}.work-dir: {}", workdir.brief()), "it is no path");
    }
    path.map(text)
}

/// What it runs: a line, or a list of words.
fn run(converter: &mut Converter<'_>, node: &Node) -> Option<Command> {
    let run = node.get("run")?;
    if run.is_list() {
        return Some(converter.texts(run)).filter(|words| !words.is_empty()).map(Command::Words);
    }
    run.as_str().map(|text| text.trim_end_matches('\n')).filter(|text| !text.is_empty()).map(line)
}
