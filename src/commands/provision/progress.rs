//! A source's progress, shown.

use std::cell::RefCell;

use crate::source;
use crate::ui::{Progress, Ui};

/// Passes what a source tells on to the user.
pub(in crate::commands) struct Shown<'a> {
    ui: &'a Ui,
    bar: RefCell<Option<Progress>>,
}

impl<'a> Shown<'a> {
    pub(in crate::commands) fn on(ui: &'a Ui) -> Self {
        Self { ui, bar: RefCell::new(None) }
    }
}

impl source::Progress for Shown<'_> {
    fn start(&self, label: &str, total: Option<u64>) {
        *self.bar.borrow_mut() = Some(self.ui.progress(label, total));
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = &*self.bar.borrow() {
            bar.advance(bytes);
        }
    }

    fn finish(&self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish();
        }
    }

    fn note(&self, message: &str) {
        self.ui.warning(message);
    }
}
