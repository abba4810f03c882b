//! How much a box reads from disks and writes to them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::schema;
use super::{ParseSizeError, Size};

/// The most that is read and written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Io {
    /// What is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Rate>,
    /// What is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<Rate>,
}

impl Io {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A number of bytes a second: `50M/s`, and `50M` for short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("type" = ["string", "integer"], "pattern" = schema::RATE, "examples" = ["50M/s"]))]
pub struct Rate(pub u64);

impl FromStr for Rate {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, ParseSizeError> {
        text.strip_suffix("/s").unwrap_or(text).parse().map(|Size(bytes)| Self(bytes))
    }
}

impl TryFrom<String> for Rate {
    type Error = ParseSizeError;

    fn try_from(text: String) -> Result<Self, ParseSizeError> {
        text.parse()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", Size(self.0))
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_sizes_a_second() {
        assert_eq!(("50M/s".parse(), "50M".parse()), (Ok(Rate(50 << 20)), Ok(Rate(50 << 20))));
        assert_eq!(Rate(50 << 20).to_string(), "50M/s");
        assert!("50M/h".parse::<Rate>().is_err() && "/s".parse::<Rate>().is_err());
    }
}
