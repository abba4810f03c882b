//! How much of the processors a box gets, and which.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Processors' time, in thousandths of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(extend("minimum" = 0.001, "maximum" = 8192, "examples" = [1.5]))]
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

/// Processors by number, as in cpuset(7)'s list format: `0-3,5`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("type" = ["string", "integer"], "pattern" = "^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$", "examples" = ["0-3,5"]))]
pub struct CpuSet(String);

/// The text is no list of processors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no list of processors, like `0-3,5`", .0.escape_debug())]
pub struct ParseCpuSetError(String);

/// The highest number of a processor (`CONFIG_NR_CPUS` at its most).
const HIGHEST: u32 = 8191;

impl CpuSet {
    /// The list as the kernel takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// These processors, each by itself; none are no list.
    pub fn of(numbers: &[u32]) -> Option<Self> {
        let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
        Self::try_from(list.join(",")).ok()
    }
}

impl TryFrom<String> for CpuSet {
    type Error = ParseCpuSetError;

    fn try_from(text: String) -> Result<Self, ParseCpuSetError> {
        let number = |text: &str| {
            let plain = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<u32>().ok()).flatten().filter(|number| *number <= HIGHEST)
        };
        let range = |text: &str| match text.split_once('-') {
            Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
            None => number(text).is_some(),
        };
        if text.split(',').all(range) { Ok(Self(text)) } else { Err(ParseCpuSetError(text.chars().take(80).collect())) }
    }
}

impl FromStr for CpuSet {
    type Err = ParseCpuSetError;

    fn from_str(text: &str) -> Result<Self, ParseCpuSetError> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<CpuSet> for String {
    fn from(set: CpuSet) -> Self {
        set.0
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

    #[test]
    fn processors_by_number() {
        let parse = |text: &str| CpuSet::try_from(text.to_owned());
        for good in ["0", "0-3", "0-3,5", "1,1"] {
            assert_eq!(parse(good).unwrap().as_str(), good);
        }
        assert_eq!((CpuSet::of(&[1, 3]), CpuSet::of(&[])), (parse("1,3").ok(), None));
        for bad in ["", "a", "3-0", "0-", ",", "0,,1", "0-1-2", "9999", "-1", "0 1", "99999999999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
