//! What is wrong with a recipe, collected.

use std::cell::OnceCell;

use super::place::{Outlines, Part, Way, Written};
use super::words::Checked;
use crate::recipe::{Fault, fault};

/// Faults of a recipe, or of one of its variants.
#[derive(Debug)]
pub(super) struct Faults<'a> {
    file: &'a str,
    files: &'a [Written],
    variant: Option<&'a str>,
    outlines: OnceCell<Outlines>,
    found: Vec<Fault>,
}

impl<'a> Faults<'a> {
    /// None yet. `file` is what a recipe is called that was not read from files.
    pub(super) fn of(file: &'a str, files: &'a [Written], variant: Option<&'a str>) -> Self {
        Self { file, files, variant, outlines: OnceCell::new(), found: Vec::new() }
    }

    /// Something is wrong with what stands there.
    pub(super) fn add(&mut self, way: &Way<'_>, part: Part, what: String) {
        let outlines = self.outlines.get_or_init(|| Outlines::of(self.files, self.variant));
        let (file, place) = outlines.find(way, part);
        let file = if file.is_empty() { self.file } else { file };
        self.found.push(Fault { file: file.to_owned(), place, what });
    }

    /// Perhaps the value there is wrong.
    pub(super) fn value(&mut self, way: &Way<'_>, checked: Checked) {
        if let Err(what) = checked {
            self.add(way, Part::Value, what);
        }
    }

    /// Perhaps the key there is wrong.
    pub(super) fn key(&mut self, way: &Way<'_>, checked: Checked) {
        if let Err(what) = checked {
            self.add(way, Part::Key, what);
        }
    }

    /// All of them, in the order of the files.
    pub(super) fn sorted(mut self) -> Vec<Fault> {
        fault::sort(&mut self.found);
        self.found
    }
}
