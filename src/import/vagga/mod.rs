//! `vagga.yaml`: its containers are boxes, its commands tasks.

mod build;
mod commands;
mod steps;
mod volumes;

use std::collections::BTreeMap;

use super::document::{Node, Value};
use super::{Draft, Error, Left, apart, free_name, text};
use crate::recipe::project::Project;

/// Whose lines they are, and what was left of them.
struct Converter<'a> {
    file: &'a str,
    left: Vec<Left>,
}

impl Converter<'_> {
    fn leave(&mut self, line: u64, what: &str, why: impl Into<String>) {
        self.left.push(Left::new(self.file, line, what, why));
    }

    /// The variables of a map; what has no text as its value is listed.
    fn pairs(&mut self, what: &str, node: &Node) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        if !matches!(node.value, Value::Map(_) | Value::Null) {
            self.leave(node.line, &format!("{what}: {}", node.brief()), "it is no map of variables");
        }
        for (name, value) in node.entries() {
            match value.as_str() {
                Some(text) => drop(pairs.insert(name.clone(), text.to_owned())),
                None => self.leave(value.line, &format!("{what}.{name}: {}", value.brief()), "it is no text"),
            }
        }
        pairs
    }

    /// The texts of a list, or the one; what is none is listed.
    fn texts(&mut self, node: &Node) -> Vec<String> {
        for item in node.items().iter().filter(|item| item.as_str().is_none()) {
            self.leave(item.line, &item.brief(), "it is no text");
        }
        node.texts()
    }

    /// Lists the entries of a map that are none of these.
    fn others(&mut self, what: &str, node: &Node, taken: &[&str], why: &str) {
        for (key, value) in node.entries().iter().filter(|(key, _)| !taken.contains(&key.as_str())) {
            self.leave(value.line, &format!("{what}.{key}: {}", value.brief()), why);
        }
    }
}

/// The boxes of a file: of one container the recipe itself, of several a variant each, so that none has what is
/// another's.
#[derive(Default)]
struct Boxes {
    recipe: Project,
    /// The variant of each container; nothing for the only one.
    names: BTreeMap<String, Option<String>>,
}

impl Boxes {
    fn add(&mut self, container: &str, made: Project, alone: bool) {
        if alone {
            self.recipe = made;
            self.names.insert(container.to_owned(), None);
        } else {
            let name = free_name(&self.recipe.variants, container);
            self.recipe.variants.insert(name.clone(), made);
            self.names.insert(container.to_owned(), Some(name));
        }
    }

    /// The box of a container.
    fn of(&mut self, container: &str) -> Option<&mut Project> {
        match self.names.get(container)? {
            Some(name) => self.recipe.variants.get_mut(name),
            None => Some(&mut self.recipe),
        }
    }
}

/// The recipe of a `vagga.yaml`.
///
/// # Errors
/// The text is no YAML, or has no container.
pub fn vagga(file: &str, source: &str) -> Result<Draft, Error> {
    let root = Node::parse(file, source)?;
    let containers = root.get("containers").map(Node::entries).unwrap_or_default();
    if containers.is_empty() {
        return Err(Error::Empty { file: file.to_owned(), what: "there are no `containers` in it".to_owned() });
    }
    let mut converter = Converter { file, left: Vec::new() };
    let mut boxes = Boxes::default();
    for (container, node) in containers {
        let mut made = build::container(&mut converter, container, node, containers);
        if made.from.is_none() {
            let why = format!("no step says what it is made of: {} is taken", super::BASE);
            converter.leave(node.line, container, why);
            made.from = Some(text(super::BASE));
        }
        boxes.add(container, made, containers.len() == 1);
    }
    if let Some(commands) = root.get("commands") {
        commands::add(&mut converter, &mut boxes, commands);
    }
    for (key, node) in root.entries().iter().filter(|(key, _)| !["containers", "commands"].contains(&key.as_str())) {
        converter.leave(node.line, &format!("{key}: {}", node.brief()), "there is no such key in an envbox.yaml");
    }
    let mut draft = Draft { recipe: boxes.recipe, left: converter.left, ..Draft::default() };
    if !draft.recipe.variants.is_empty() {
        draft.notes.insert("variants", apart(&draft.recipe.variants));
    }
    draft.left.sort();
    Ok(draft)
}

#[cfg(test)]
mod tests;
