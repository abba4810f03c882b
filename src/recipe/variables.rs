//! `${variables}` in the texts of a recipe.

use std::collections::BTreeMap;

use super::fault::instead;
use super::form::FILE;
use super::{Architecture, Machine, Recipe, Text, Version};

/// How deep variables may stand in values of variables.
const DEEPEST: usize = 8;

/// What variables stand for, in one version on one machine.
///
/// There are always `version`, `codename` (the version's name where it has no other), `machine`, and the machine's names
/// elsewhere: `oci_arch` and `deb_arch`. What the recipe defines under the same name goes before.
#[derive(Debug)]
pub(super) struct Variables<'a> {
    pub(super) version: &'a str,
    pub(super) machine: &'a str,
    /// The first that has it has the last word.
    defined: [&'a BTreeMap<String, Text>; 3],
    builtin: BTreeMap<&'a str, &'a str>,
}

impl<'a> Variables<'a> {
    pub(super) fn new(recipe: &'a Recipe, version: &'a Version, machine: &'a Machine, arch: &'a Architecture) -> Self {
        let builtin = BTreeMap::from([
            ("version", version.name.as_str()),
            ("codename", version.codename.as_ref().unwrap_or(&version.name).as_str()),
            ("machine", machine.name),
            ("oci_arch", machine.oci),
            ("deb_arch", machine.debian),
        ]);
        Self {
            version: version.name.as_str(),
            machine: machine.name,
            defined: [&version.variables, &arch.variables, &recipe.variables],
            builtin,
        }
    }

    /// The text with what its variables stand for. `$${` is a plain `${`, and `${file}` stays as it is.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        self.fill_to(text, DEEPEST)
    }

    fn fill_to(&self, text: &str, depth: usize) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                filled += before;
                filled += "${";
                rest = after;
                continue;
            }
            let (name, after) = after.split_once('}').ok_or("a `${` has no `}`")?;
            filled += before;
            filled += &if name == "file" { FILE.to_owned() } else { self.value(name, depth)? };
            rest = after;
        }
        Ok(filled + rest)
    }

    fn value(&self, name: &str, depth: usize) -> Result<String, String> {
        if depth == 0 {
            return Err(format!("the variable `{}` stands for itself", name.escape_debug()));
        }
        if let Some(text) = self.defined.iter().find_map(|defined| defined.get(name)) {
            return self.fill_to(text.as_str(), depth - 1);
        }
        let builtin = self.builtin.get(name).map(|value| (*value).to_owned());
        builtin.ok_or_else(|| {
            let defined = self.defined.iter().flat_map(|defined| defined.keys().map(String::as_str));
            let instead = instead(name, defined.chain(self.builtin.keys().copied()));
            format!("there is no variable `{}` for {} on {}{instead}", name.escape_debug(), self.version, self.machine)
        })
    }
}
