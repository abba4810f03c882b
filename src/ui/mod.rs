//! What the user sees: the only folder that prints.
//!
//! Data goes to standard output, everything for people to standard error. All text passes through
//! [`escape`](escape::escape) on its way to a person, since names, paths and messages may come from an image.

mod clock;
mod escape;
mod progress;
mod prompt;
mod report;
mod style;
mod table;
mod units;

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use serde::Serialize;

use crate::error::{Error, Kind, Result};
pub use clock::Clock;
pub use escape::escape;
pub use progress::Progress;
pub use style::Style;
pub use table::{Cell, Table};
pub use units::{age, seconds, size, size_if_known};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Data and errors only.
    Quiet,
    /// What a user wants to know.
    Normal,
    /// Each step as well.
    Verbose,
}

/// Whether to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal.
    OnTerminal,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The user, as somebody to talk to.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    verbosity: Verbosity,
    colour_out: bool,
    colour_err: bool,
    interactive: bool,
    bars: bool,
}

impl Ui {
    /// Looks at what the three standard streams are.
    pub fn new(verbosity: Verbosity, colour: Colour) -> Self {
        let (stdin, stdout, stderr) =
            (io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal());
        let coloured = |terminal| colour == Colour::Always || (colour == Colour::OnTerminal && terminal);
        Self {
            verbosity,
            colour_out: coloured(stdout),
            colour_err: coloured(stderr),
            interactive: stdin && stderr,
            bars: stderr,
        }
    }

    /// Prints data as it is, escapes and all: for scripts and other programs.
    ///
    /// # Errors
    /// A silent one where the reader has gone; else that standard output cannot be written.
    pub fn data(&self, bytes: impl AsRef<[u8]>) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes.as_ref()).and_then(|()| stdout.flush()).map_err(|error| {
            let gone = error.kind() == io::ErrorKind::BrokenPipe;
            Error::new(OutputError { source: error }).kind(if gone { Kind::BrokenPipe } else { Kind::Failure })
        })
    }

    /// Standard output as a file, for data of any size that is for a program to read.
    ///
    /// # Errors
    /// Where it is a terminal; or is closed.
    pub fn output(&self) -> Result<File> {
        let stdout = io::stdout();
        if stdout.is_terminal() {
            return Err(Error::new("this is not for a terminal to show").hint("… > FILE, or … | PROGRAM"));
        }
        let file = stdout.as_fd().try_clone_to_owned().map_err(|source| Error::new(OutputError { source }))?;
        Ok(File::from(file))
    }

    /// Prints a line of data for people.
    ///
    /// # Errors
    /// As [`Ui::data`].
    pub fn line(&self, text: &str) -> Result<()> {
        self.data(format!("{}\n", escape(text)))
    }

    /// Prints a table.
    ///
    /// # Errors
    /// As [`Ui::data`].
    pub fn table(&self, table: &Table) -> Result<()> {
        self.data(table.render(self.colour_out))
    }

    /// Prints a value as JSON.
    ///
    /// # Errors
    /// As [`Ui::data`].
    pub fn json(&self, value: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string_pretty(value).map_err(Error::new)?;
        text.push('\n');
        self.data(text)
    }

    /// Says what has happened, unless the user wants quiet.
    pub fn note(&self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.say(None, text);
        }
    }

    /// Says what may not be as the user expects, unless the user wants quiet.
    pub fn warning(&self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.say(Some(("warning", Style::Warning)), text);
        }
    }

    /// Says what is being done, to a user who wants to know.
    pub fn step(&self, text: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.say(None, text);
        }
    }

    /// Whether steps are shown: spares the work of describing them.
    pub fn shows_steps(&self) -> bool {
        self.verbosity >= Verbosity::Verbose
    }

    /// Whether the user wants to hear of nothing but errors.
    pub fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    /// Whether data for people may have colours.
    pub fn is_coloured(&self) -> bool {
        self.colour_out
    }

    /// Prints an error, its causes and its hints.
    pub fn error(&self, error: &Error) {
        if !error.is_silent() {
            write_stderr(&report::report(error, self.colour_err));
        }
    }

    /// Begins to show how far something is: `total` bytes, if that is known.
    pub fn progress(&self, label: &str, total: Option<u64>) -> Progress {
        match (self.verbosity, self.bars) {
            (Verbosity::Quiet, _) => Progress::none(),
            (_, true) => Progress::bar(label, total),
            (_, false) => Progress::lines(label, total),
        }
    }

    /// Shows what a question is about, which nobody who is asked can do without.
    pub fn show(&self, text: &str) {
        self.say(None, text);
    }

    /// Whether there is somebody to ask.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// A clock for something that takes its time.
    pub fn clock(&self, label: &str) -> Clock {
        Clock::new(label, self.bars && self.verbosity == Verbosity::Normal)
    }

    /// Asks a yes-or-no question; no is the default.
    ///
    /// # Errors
    /// Where there is nobody to ask, one that names `flag`, which answers beforehand.
    pub fn confirm(&self, question: &str, flag: &str) -> Result<bool> {
        self.yes_or_no(question, false, flag)
    }

    /// Asks a yes-or-no question about what can be taken back; yes is the default.
    ///
    /// # Errors
    /// As [`Ui::confirm`].
    pub fn approve(&self, question: &str, flag: &str) -> Result<bool> {
        self.yes_or_no(question, true, flag)
    }

    fn yes_or_no(&self, question: &str, default: bool, flag: &str) -> Result<bool> {
        if !self.interactive {
            return Err(Error::new(format!("there is no terminal to ask on: {}", escape(question)))
                .hint(format!("{flag} answers yes")));
        }
        prompt::confirm(question, default, self.colour_err)
    }

    /// Lets the user choose one of some options, each a word and what it means. Where there is nobody to ask, or nothing to
    /// choose from, and where the user wants none of them, there is no answer.
    ///
    /// # Errors
    /// The answer cannot be read.
    pub fn choose(&self, question: &str, options: &[(&str, &str)]) -> Result<Option<usize>> {
        if !self.interactive || options.is_empty() {
            return Ok(None);
        }
        prompt::choose(question, options, self.colour_err)
    }

    /// Asks for one line, with an answer that no answer stands for. Where there is nobody to ask, it is that answer.
    ///
    /// # Errors
    /// The answer cannot be read.
    pub fn ask(&self, question: &str, default: &str, accepts: impl Fn(&str) -> bool) -> Result<String> {
        if !self.interactive {
            return Ok(default.to_owned());
        }
        prompt::line(question, default, accepts, self.colour_err)
    }

    fn say(&self, label: Option<(&str, Style)>, text: &str) {
        let label = label.map(|(word, style)| style.paint(&format!("{word}: "), self.colour_err)).unwrap_or_default();
        write_stderr(&format!("{label}{}\n", escape(text)));
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
struct OutputError {
    source: io::Error,
}

/// There is nobody left to tell that standard error is gone.
fn write_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
