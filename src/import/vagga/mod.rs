//! `vagga.yaml`: its containers are boxes, its commands tasks.

mod build;
mod commands;

use std::collections::BTreeMap;

use super::document::Node;
use super::{Draft, Error, Left, name, text};

/// The draft, and whose lines they are.
struct Converter<'a> {
    file: &'a str,
    left: Vec<Left>,
}

impl Converter<'_> {
    fn leave(&mut self, line: u64, what: &str, why: impl Into<String>) {
        self.left.push(Left::new(self.file, line, what, why));
    }
}

/// The recipe of a `vagga.yaml`: the container of most commands is the recipe, the others are variants.
///
/// # Errors
/// The text is no YAML, or has no container.
pub fn vagga(file: &str, source: &str) -> Result<Draft, Error> {
    let root = Node::parse(file, source)?;
    let containers = root.get("containers").map(Node::entries).unwrap_or_default();
    let commands = root.get("commands").map(Node::entries).unwrap_or_default();
    let main = main(containers, commands)
        .ok_or_else(|| Error::Empty { file: file.to_owned(), what: "there are no `containers` in it".to_owned() })?;
    let mut converter = Converter { file, left: Vec::new() };
    let mut draft = Draft::default();
    let mut variants = BTreeMap::new();
    for (container, node) in containers {
        let recipe = build::container(&mut converter, container, node, containers);
        if container == main {
            draft.recipe = recipe;
        } else {
            variants.insert(name(container), recipe);
        }
    }
    draft.recipe.variants = variants;
    draft.recipe.from.get_or_insert_with(|| text(super::BASE));
    if !draft.recipe.variants.is_empty() {
        draft.notes.insert(
            "variants",
            format!("The container {} is the recipe itself, the others are laid over it.", super::left::shown(main)),
        );
        let others: Vec<&str> = containers.iter().map(|(name, _)| name.as_str()).filter(|name| *name != main).collect();
        let why = format!("as variants they have what the container {main} has, besides their own");
        converter.leave(root.get("containers").map_or(0, |node| node.line), &others.join(", "), why);
    }
    commands::add(&mut converter, &mut draft.recipe, commands, main);
    for (key, node) in root.entries().iter().filter(|(key, _)| !["containers", "commands"].contains(&key.as_str())) {
        converter.leave(node.line, &format!("{key}: {}", node.brief()), "there is no such key in an envbox.yaml");
    }
    draft.left = converter.left;
    Ok(draft)
}

/// The container that most commands run in; the first of those.
fn main<'a>(containers: &'a [(String, Node)], commands: &[(String, Node)]) -> Option<&'a str> {
    let runs = |container: &str| {
        commands.iter().filter(|(_, node)| node.get("container").and_then(Node::as_str) == Some(container)).count()
    };
    let most = containers.iter().map(|(container, _)| runs(container)).max()?;
    containers.iter().map(|(container, _)| container.as_str()).find(|container| runs(container) == most)
}
