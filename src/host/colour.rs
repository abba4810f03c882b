//! Whether the user wants colours.

use super::Host;

impl Host {
    /// Whether colours are welcome on a terminal: not where `NO_COLOR` is set (no-color.org), nor on a dumb terminal.
    pub fn wants_colour(&self) -> bool {
        let refused = self.var("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = self.var("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        !refused && !dumb
    }
}
