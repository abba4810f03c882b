//! Colours. Everything is legible without them.

/// What a piece of text is, as far as looks go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As text is.
    Plain,
    /// A heading.
    Heading,
    /// All is well.
    Good,
    /// Something to look at.
    Warning,
    /// Something is wrong.
    Bad,
    /// A way out.
    Hint,
    /// Of less weight.
    Faint,
}

impl Style {
    /// The text in this style (ECMA-48, select graphic rendition).
    pub(super) fn paint(self, text: &str, colour: bool) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Heading => "1",
            Self::Good => "32",
            Self::Warning => "1;33",
            Self::Bad => "1;31",
            Self::Hint => "36",
            Self::Faint => "2",
        };
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
