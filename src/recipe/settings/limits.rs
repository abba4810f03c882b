//! How much of the machine a box may use.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Size;

/// Limits of a box; what is not given is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory, all processes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Swap space on top of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<Size>,
    /// Processors' time: `1.5` is that of one and a half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Cpus>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
    /// Open files of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nofile: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Processors' time, in thousandths of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Cpus(pub u32);

/// The number is not one of processors.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{0}` is not a number of processors: 0.001 to 8192")]
pub struct ParseCpusError(String);

impl TryFrom<f64> for Cpus {
    type Error = ParseCpusError;

    fn try_from(number: f64) -> Result<Self, ParseCpusError> {
        let thousandths = (number * 1000.0).round();
        if !(1.0..=8_192_000.0).contains(&thousandths) {
            return Err(ParseCpusError(number.to_string()));
        }
        // Between the two bounds there is no number that a u32 lacks; text is the conversion without a cast.
        format!("{thousandths}").parse().map(Self).map_err(|_| ParseCpusError(number.to_string()))
    }
}

impl FromStr for Cpus {
    type Err = ParseCpusError;

    fn from_str(text: &str) -> Result<Self, ParseCpusError> {
        text.parse::<f64>().map_err(|_| ParseCpusError(text.chars().take(40).collect()))?.try_into()
    }
}

impl From<Cpus> for f64 {
    fn from(cpus: Cpus) -> Self {
        Self::from(cpus.0) / 1000.0
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f64::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_counted_in_thousandths() {
        assert_eq!(("1.5".parse(), "2".parse(), "0.001".parse()), (Ok(Cpus(1500)), Ok(Cpus(2000)), Ok(Cpus(1))));
        assert_eq!((Cpus(1500).to_string(), Cpus(2000).to_string()), ("1.5".into(), "2".into()));
        for bad in ["0", "-1", "NaN", "inf", "x", "9000"] {
            assert!(bad.parse::<Cpus>().is_err(), "{bad}");
        }
    }
}
