//! What could not be carried over.

use std::fmt;

/// Characters of a line that are shown: enough to find it.
const SHOWN: usize = 90;

/// Something of a file that the recipe does not say, or says in another way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1; 0 where it is not known.
    pub line: u64,
    /// What stands there.
    pub what: String,
    /// Why it was left, or what is different.
    pub why: String,
}

impl Left {
    /// Something at a line of a file.
    pub(super) fn new(file: &str, line: u64, what: &str, why: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: shown(what), why: why.into() }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}: {}", shown(&self.file), self.what, self.why),
            line => write!(f, "{}:{line}: {}: {}", shown(&self.file), self.what, self.why),
        }
    }
}

/// A text on one line, without anything that a terminal or an editor would act on.
pub(super) fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let joined = words.join(" ");
    let mut shown: String =
        joined.chars().take(SHOWN).map(|c| if super::scalar::is_plain(c) { c } else { '?' }).collect();
    if joined.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// The same at its full length.
pub(super) fn visible(text: &str) -> String {
    text.chars().map(|c| if super::scalar::is_plain(c) { c } else { '?' }).collect()
}
