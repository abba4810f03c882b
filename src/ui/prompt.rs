//! Questions.

use std::io;

use super::{Style, escape, write_stderr};
use crate::error::{Error, Result};

/// Asks on the terminal, by the line: what is typed can be corrected, and an interrupt leaves the terminal as it was.
pub(super) fn confirm(question: &str, colour: bool) -> Result<bool> {
    loop {
        write_stderr(&format!("{} [y/N] ", Style::Heading.paint(&escape(question), colour)));
        let mut answer = String::new();
        let length = io::stdin().read_line(&mut answer).map_err(|source| Error::new(PromptError { source }))?;
        if length == 0 {
            write_stderr("\n");
        }
        if let Some(answer) = meaning(&answer) {
            return Ok(answer);
        }
    }
}

/// What an answer means, if anything. No answer at all is a no.
fn meaning(answer: &str) -> Option<bool> {
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "" | "n" | "no" => Some(false),
        _ => None,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read the answer")]
struct PromptError {
    source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_counts() {
        assert_eq!(["y\n", " YES \n", "", "\n", "no\n"].map(meaning), [true, true, false, false, false].map(Some));
        assert_eq!(meaning("ja\n"), None);
    }
}
