//! Names of boxes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a box. It becomes a directory name, a host name and a word on the command line, so it is a letter, digit
/// or `_` and then up to 63 more of those, `.` or `-`: no path, no option and no escape sequence can hide in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BoxName(String);

/// Bytes at the most: what Linux takes as a host name (uname(2), `HOST_NAME_MAX`).
const LONGEST: usize = 64;

impl BoxName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a box name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not a box name: up to {LONGEST} letters, digits, `_`, `.` and `-`, the first a letter, digit or `_`",
    .0.escape_debug()
)]
pub struct ParseNameError(String);

impl FromStr for BoxName {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let first = text.bytes().next().is_some_and(word);
        let rest = text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-');
        if first && rest && text.len() <= LONGEST {
            return Ok(Self(text.to_owned()));
        }
        Err(ParseNameError(text.chars().take(LONGEST + 1).collect()))
    }
}

impl TryFrom<String> for BoxName {
    type Error = ParseNameError;

    fn try_from(text: String) -> Result<Self, ParseNameError> {
        text.parse()
    }
}

impl From<BoxName> for String {
    fn from(name: BoxName) -> Self {
        name.0
    }
}

impl fmt::Display for BoxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed() {
        for good in ["debian", "a", "_x", "9", "my-box_2.1", "A.", &"x".repeat(64)] {
            assert_eq!(good.parse::<BoxName>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn what_is_not() {
        for bad in
            ["", ".", "..", "-v", ".hidden", "a/b", "a b", "a:b", "a\n", "ä", "a\0", "\u{1b}[31m", &"x".repeat(65)]
        {
            assert!(bad.parse::<BoxName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_cannot_smuggle_one_in() {
        assert_eq!(serde_json::from_str::<BoxName>("\"deb\"").unwrap().as_str(), "deb");
        assert!(serde_json::from_str::<BoxName>("\"../deb\"").is_err());
    }
}
