//! Questions.

use std::io;

use super::{Style, Table, escape, write_stderr};
use crate::error::{Error, Result};

/// Asks on the terminal, by the line: what is typed can be corrected, and an interrupt leaves the terminal as it was.
/// An empty line is the default.
pub(super) fn confirm(question: &str, default: bool, colour: bool) -> Result<bool> {
    let offered = if default { "[Y/n]" } else { "[y/N]" };
    let question = format!("{} {offered} ", Style::Heading.paint(&escape(question), colour));
    ask(&question, |answer| meaning(answer, default))
}

/// Lets the user choose by a number. No answer chooses nothing.
pub(super) fn choose(question: &str, options: &[(&str, &str)], colour: bool) -> Result<Option<usize>> {
    write_stderr(&format!("{}\n", Style::Heading.paint(&escape(question), colour)));
    let mut table = Table::without_headings();
    for (index, (word, meaning)) in options.iter().enumerate() {
        table.row([format!("  {}", index + 1).into(), (*word).into(), (*meaning).into()]);
    }
    write_stderr(&table.render(colour));
    ask("number (none: give up): ", |answer| choice(answer, options.len()))
}

/// Asks for a line; an empty one is the default.
pub(super) fn line(question: &str, default: &str, accepts: impl Fn(&str) -> bool, colour: bool) -> Result<String> {
    let question = format!("{} [{}] ", Style::Heading.paint(&escape(question), colour), escape(default));
    ask(&question, |answer| match answer.trim() {
        "" => Some(default.to_owned()),
        answer => accepts(answer).then(|| answer.to_owned()),
    })
}

/// Asks until there is an answer that means something.
fn ask<T>(question: &str, meaning: impl Fn(&str) -> Option<T>) -> Result<T> {
    loop {
        write_stderr(question);
        let mut answer = String::new();
        let length = io::stdin().read_line(&mut answer).map_err(|source| Error::new(PromptError { source }))?;
        if length == 0 {
            write_stderr("\n");
        }
        if let Some(meant) = meaning(&answer) {
            return Ok(meant);
        }
    }
}

/// Which option an answer chooses, counted from 0; the outer nothing is an answer that means nothing.
fn choice(answer: &str, options: usize) -> Option<Option<usize>> {
    match answer.trim() {
        "" => Some(None),
        number => match number.parse::<usize>() {
            Ok(number) if (1..=options).contains(&number) => Some(Some(number - 1)),
            _ => None,
        },
    }
}

/// What an answer means, if anything. No answer at all is a no, an empty line the default.
fn meaning(answer: &str, default: bool) -> Option<bool> {
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "n" | "no" => Some(false),
        "" => Some(default && !answer.is_empty()),
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
        let answers = ["y\n", " YES \n", "", "\n", "no\n"];
        assert_eq!(answers.map(|answer| meaning(answer, false)), [true, true, false, false, false].map(Some));
        assert_eq!(answers.map(|answer| meaning(answer, true)), [true, true, false, true, false].map(Some));
        assert_eq!(meaning("ja\n", true), None);
    }

    #[test]
    fn only_a_number_that_is_there_chooses() {
        assert_eq!(
            ["1\n", " 3 \n", "", "\n"].map(|answer| choice(answer, 3)),
            [Some(0), Some(2), None, None].map(Some)
        );
        assert_eq!(["0\n", "4\n", "-1\n", "debian\n"].map(|answer| choice(answer, 3)), [None; 4]);
    }
}
