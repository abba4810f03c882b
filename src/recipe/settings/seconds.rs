//! Times, as people write them.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of seconds: `90`, `90s`, `2m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "u32")]
#[schemars(extend("type" = ["string", "integer"], "pattern" = "^[0-9]+[smh]?$", "examples" = [90, "2m"]))]
pub struct Seconds(pub u32);

/// The text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no time of at most a day: a number of seconds, or one with s, m or h", .0.escape_debug())]
pub struct ParseSecondsError(String);

/// A day: nobody waits longer for a program.
const LONGEST: u32 = 24 * 60 * 60;

impl FromStr for Seconds {
    type Err = ParseSecondsError;

    fn from_str(text: &str) -> Result<Self, ParseSecondsError> {
        let units = [("s", 1), ("m", 60), ("h", 3600)];
        let with_unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
        let (digits, unit) = with_unit.unwrap_or((text, 1));
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| digits.parse::<u32>().ok()).flatten().and_then(|number| number.checked_mul(unit));
        let seconds = number.filter(|seconds| *seconds <= LONGEST).map(Self);
        seconds.ok_or_else(|| ParseSecondsError(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for Seconds {
    type Error = ParseSecondsError;

    fn try_from(text: String) -> Result<Self, ParseSecondsError> {
        text.parse()
    }
}

impl From<Seconds> for u32 {
    fn from(seconds: Seconds) -> Self {
        seconds.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        for (text, seconds) in [("0", 0), ("90", 90), ("90s", 90), ("2m", 120), ("24h", 86_400)] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
        for bad in ["", "s", "-1", "1.5", "1d", "25h", "99999999999", "1 s"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }
}
