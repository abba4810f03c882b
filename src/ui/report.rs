//! How an error looks.

use super::Style;
use super::escape::escape;
use crate::error::Error;

/// `error:`, `caused by:` and `hint:`, one line each; further lines of a text are indented beneath its first.
pub(super) fn report(error: &Error, colour: bool) -> String {
    let labels = std::iter::once(("error", Style::Bad)).chain(std::iter::repeat(("caused by", Style::Heading)));
    let causes = labels.zip(error.chain()).map(|(label, cause)| (label, cause.to_string()));
    let hints = error.hints().iter().map(|hint| (("hint", Style::Hint), hint.clone()));
    causes
        .chain(hints)
        .map(|((label, style), text)| {
            let text = escape(text.trim_end()).replace('\n', "\n  ");
            format!("{} {text}\n", style.paint(&format!("{label}:"), colour))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> Error {
        Error::from_texts(&["cannot unpack `a\u{1b}[2J`".into(), "no space left".into()]).hint("rm x\nrm y")
    }

    #[test]
    fn the_whole_chain_and_the_way_out() {
        let text = "error: cannot unpack `a\\u{1b}[2J`\ncaused by: no space left\nhint: rm x\n  rm y\n";
        assert_eq!(report(&error(), false), text);
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let coloured = report(&error(), true);
        assert!(coloured.contains("\u{1b}[1;31merror:\u{1b}[0m"));
        let plain = ["\u{1b}[1;31m", "\u{1b}[1m", "\u{1b}[36m", "\u{1b}[0m"];
        let stripped = plain.iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(stripped, report(&error(), false));
    }
}
