//! Where the content of a file to be written comes from.

use super::Error;

/// The content of the present file, holes left out.
pub(super) trait Body {
    /// The next bytes; empty at the end.
    fn content(&mut self) -> Result<&[u8], Error>;

    /// Says how many of those bytes are done with.
    fn consume(&mut self, count: usize);
}
