//! Whether a lock is of the recipe beside it.

use std::collections::BTreeSet;

use super::{Lock, Locked, shown};
use crate::recipe::project::Environment;

/// What stands between a lock and a recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Disagreement {
    variant: Option<String>,
    lines: Vec<String>,
}

impl Disagreement {
    /// One line for each thing that differs.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    fn text(&self) -> String {
        format!("envbox.lock is not of this envbox.yaml: {}: {}", shown(self.variant.as_deref()), self.lines.join("; "))
    }
}

impl Lock {
    /// What is locked of a box, if it is what the recipe asks for on this machine, and the recipes `below` that it is made
    /// from, the nearest first.
    ///
    /// # Errors
    /// [`Disagreement`], with all that differs.
    pub fn agreed(&self, recipe: &Environment, below: &[Environment], machine: &str) -> Result<&Locked, Disagreement> {
        let fail = |lines| Disagreement { variant: recipe.variant.clone(), lines };
        let Some(boxes) = self.on(machine) else {
            let machines: Vec<&str> = self.machines().collect();
            let others = if machines.is_empty() { "no machine".to_owned() } else { machines.join(", ") };
            return Err(fail(vec![format!("it is for {others}, and this machine is {machine}")]));
        };
        let locked = boxes.of(recipe.variant.as_deref());
        let locked = locked.ok_or_else(|| fail(vec!["it is not locked yet".to_owned()]))?;
        let lines = locked.differences(recipe, below);
        if lines.is_empty() { Ok(locked) } else { Err(fail(lines)) }
    }
}

impl Locked {
    /// What the recipe asks for and is not locked, and what is locked and not asked for.
    fn differences(&self, environment: &Environment, below: &[Environment]) -> Vec<String> {
        let (wants, urls) = Self::asked(environment);
        let mut lines = Vec::new();
        if self.from != environment.from {
            lines.push(format!(
                "it is made of {}, not of {}",
                environment.from.escape_debug(),
                self.from.escape_debug()
            ));
        }
        let locked: Vec<String> = self.downloads.iter().map(|download| download.url.clone()).collect();
        for (what, asked, locked) in [("package", &wants, &self.wants), ("download", &urls, &locked)] {
            let (asked, locked): (BTreeSet<&String>, BTreeSet<&String>) =
                (asked.iter().collect(), locked.iter().collect());
            let new = asked.difference(&locked).map(|name| format!("{what} {} is not locked", name.escape_debug()));
            let gone = locked.difference(&asked);
            lines.extend(
                new.chain(gone.map(|name| format!("{what} {} is locked, and not asked for", name.escape_debug()))),
            );
        }
        let digests = environment.copy.iter().filter_map(|copied| Some((copied.from.as_str(), copied.digest?)));
        for (url, digest) in digests {
            if self.downloads.iter().any(|download| download.url == url && download.digest != digest) {
                lines.push(format!("download {} has another digest", url.escape_debug()));
            }
        }
        let from = self.from.escape_debug();
        match (self.below(), below.split_first()) {
            (Some(locked), Some((recipe, below))) => {
                lines.extend(locked.differences(recipe, below).iter().map(|line| format!("{from}: {line}")));
            }
            (Some(_), None) => lines.push(format!("{from} is locked as a recipe, which it is not")),
            (None, Some(_)) => lines.push(format!("{from} is a recipe, and not locked as one")),
            (None, None) => {}
        }
        lines
    }
}
