//! How long something has taken by now.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape::escape_line;

/// A line on a terminal that says how long something has taken by now, whenever it is told to. It goes away in the end, and
/// is not there at all where there is no terminal. Starts no thread, since envbox forks.
#[derive(Debug)]
pub struct Clock(Option<ProgressBar>);

impl Clock {
    pub(super) fn new(label: &str, shown: bool) -> Self {
        let bar = || {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            if let Ok(style) = ProgressStyle::with_template("{wide_msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(escape_line(label));
            bar
        };
        Self(shown.then(bar))
    }

    /// Starts it; says whether it is shown.
    pub fn begin(&self) -> bool {
        let Some(bar) = &self.0 else { return false };
        bar.reset_elapsed();
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.tick();
        true
    }

    /// Shows the time that it is.
    pub fn tick(&self) {
        self.0.iter().for_each(ProgressBar::tick);
    }

    /// Does something that prints, without the line in its way.
    pub fn aside(&self, work: impl FnOnce()) {
        match &self.0 {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    /// Stops it.
    pub fn end(&self) {
        if let Some(bar) = &self.0 {
            // Nothing is drawn less than that long after what was drawn before, but the end always is.
            bar.set_elapsed(bar.elapsed().max(Duration::ZERO));
            bar.finish_and_clear();
        }
    }
}
