//! What a user sees of a step.

use std::time::Duration;

use crate::build::Step;
use crate::ui::{Clock, Ui};

/// A step, as it is shown.
pub(super) struct Shown<'a> {
    ui: &'a Ui,
    label: String,
    clock: Clock,
}

impl<'a> Shown<'a> {
    pub(super) fn new(ui: &'a Ui, (number, all): (usize, usize), step: &Step) -> Self {
        let label = format!("[{number}/{all}] {step}");
        Self { ui, clock: ui.clock(&label), label }
    }

    /// Its layer was there.
    pub(super) fn known(&self) {
        self.ui.step(&format!("{}: in the store", self.label));
    }

    /// It begins.
    pub(super) fn begin(&self) {
        if !self.clock.begin() {
            self.ui.note(&self.label);
        }
    }

    /// It has printed something, or at least it still runs.
    pub(super) fn printed(&self, bytes: &[u8]) {
        self.clock.tick();
        if !bytes.is_empty() && self.ui.shows_steps() {
            let text = String::from_utf8_lossy(bytes).replace('\t', "    ").replace('\r', "");
            self.clock.aside(|| self.ui.step(text.trim_end()));
        }
    }

    /// It has ended.
    pub(super) fn end(&self, took: Duration, well: bool) {
        self.clock.end();
        let how = if well { "done in" } else { "failed after" };
        self.ui.note(&format!("{}: {how} {:.1} s", self.label, took.as_secs_f64()));
    }
}
