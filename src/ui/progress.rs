//! How far something is.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape::escape_line;
use super::write_stderr;

/// Shows how far something is: a bar on a terminal, else a line now and then, or nothing at all. Starts no thread, since
/// envbox forks. A bar that is dropped unfinished disappears.
#[derive(Debug)]
pub struct Progress(Shown);

#[derive(Debug)]
enum Shown {
    Nothing,
    Bar(ProgressBar),
    Lines { label: String, total: Option<u64>, state: Mutex<Lines> },
}

#[derive(Debug)]
struct Lines {
    done: u64,
    last: Instant,
}

/// Often enough to see that it lives, seldom enough for a log.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

impl Progress {
    pub(super) fn none() -> Self {
        Self(Shown::Nothing)
    }

    pub(super) fn bar(label: &str, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let template = match total {
            Some(_) => "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{msg} {bytes} {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(escape_line(label));
        Self(Shown::Bar(bar))
    }

    pub(super) fn lines(label: &str, total: Option<u64>) -> Self {
        let state = Mutex::new(Lines { done: 0, last: Instant::now() });
        Self(Shown::Lines { label: escape_line(label), total, state })
    }

    /// `amount` more bytes are done.
    pub fn advance(&self, amount: u64) {
        match &self.0 {
            Shown::Nothing => {}
            Shown::Bar(bar) => bar.inc(amount),
            Shown::Lines { label, total, state } => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                state.done += amount;
                if state.last.elapsed() >= BETWEEN_LINES {
                    state.last = Instant::now();
                    write_stderr(&line(label, state.done, *total));
                }
            }
        }
    }

    /// There is more, or less, to do than was thought.
    pub fn set_total(&mut self, total: u64) {
        match &mut self.0 {
            Shown::Nothing => {}
            Shown::Bar(bar) => bar.set_length(total),
            Shown::Lines { total: known, .. } => *known = Some(total),
        }
    }

    /// It is done; a bar goes away.
    pub fn finish(self) {
        match self.0 {
            Shown::Nothing => {}
            Shown::Bar(bar) => bar.finish_and_clear(),
            Shown::Lines { label, total, state } => {
                let done = state.into_inner().unwrap_or_else(PoisonError::into_inner).done;
                write_stderr(&line(&label, done, total));
            }
        }
    }
}

fn line(label: &str, done: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("{label}: {} of {}\n", HumanBytes(done), HumanBytes(total)),
        // Something that is waited for rather than measured.
        None if done == 0 => format!("{label}\n"),
        None => format!("{label}: {}\n", HumanBytes(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        assert_eq!(line("fetching", 3 << 20, Some(1 << 30)), "fetching: 3.00 MiB of 1.00 GiB\n");
        assert_eq!(line("fetching", 512, None), "fetching: 512 B\n");
        assert_eq!(line("looking it up", 0, None), "looking it up\n");
    }

    #[test]
    fn can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Progress>();
    }
}
