//! Limits of what a box may use, and the verbs that look at them.

use std::str::FromStr;

use clap::{Args, ValueEnum, ValueHint};

use crate::recipe::BoxName;
use crate::recipe::settings::{CpuSet, Cpus, Rate, Size};

/// Options of everything that limits a box.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limiting {
    /// Memory, all processes together: `512M`, `4G`. `none` here and below: no limit
    #[arg(long, value_name = "SIZE", value_hint = ValueHint::Other, allow_negative_numbers = true)]
    pub memory: Option<Most<Size>>,
    /// Swap space on top of it
    #[arg(long, value_name = "SIZE", value_hint = ValueHint::Other, allow_negative_numbers = true)]
    pub swap: Option<Most<Size>>,
    /// Processors' time: `1.5` is that of one and a half
    #[arg(long, value_name = "NUMBER", value_hint = ValueHint::Other, allow_negative_numbers = true)]
    pub cpus: Option<Most<Cpus>>,
    /// Processors by number: `0-3,5`
    #[arg(long, value_name = "LIST", value_hint = ValueHint::Other, allow_negative_numbers = true)]
    pub cpuset: Option<Most<CpuSet>>,
    /// Processes and threads
    #[arg(long, value_name = "NUMBER", value_hint = ValueHint::Other, value_parser = count, allow_negative_numbers = true)]
    pub pids: Option<Most<u64>>,
    /// Open files of each process
    #[arg(long, value_name = "NUMBER", value_hint = ValueHint::Other, value_parser = count, allow_negative_numbers = true)]
    pub nofile: Option<Most<u64>>,
    /// What is read from disks: `50M/s`
    #[arg(long, value_name = "RATE", value_hint = ValueHint::Other, allow_negative_numbers = true)]
    pub io_read: Option<Most<Rate>>,
    /// What is written to disks
    #[arg(long, value_name = "RATE", value_hint = ValueHint::Other, allow_negative_numbers = true)]
    pub io_write: Option<Most<Rate>>,
    /// What becomes of a limit that this machine cannot enforce
    #[arg(long, value_name = "HOW", value_enum)]
    pub limits: Option<Enforce>,
    /// How much programs in the box see of their limits
    #[arg(long, value_name = "WHAT", value_enum)]
    pub view: Option<View>,
}

/// A limit, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Most<T> {
    /// No limit.
    None,
    /// This much.
    At(T),
}

impl<T: FromStr> FromStr for Most<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "none" { Ok(Self::None) } else { text.parse().map(Self::At) }
    }
}

/// The text is no number of things that are counted whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a whole number of 1 to {}", .0.escape_debug(), u64::MAX)]
struct ParseCountError(String);

fn count(text: &str) -> Result<Most<u64>, ParseCountError> {
    text.parse().map_err(|_| ParseCountError(text.chars().take(40).collect()))
}

/// What becomes of a limit that the machine cannot enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Enforce {
    /// It is named, and the next best is done.
    BestEffort,
    /// The box does not start.
    Require,
}

/// How much programs in a box see of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum View {
    /// The files of /proc and /sys, and the answers of sysinfo(2).
    Full,
    /// The files alone.
    Files,
    /// Nothing: they see the machine.
    None,
}

/// What `envbox limit` takes.
#[derive(Debug, Args)]
#[command(after_long_help = LIMIT_EXAMPLES)]
pub struct Limit {
    /// Name of a box
    #[arg(value_hint = ValueHint::Other)]
    pub name: BoxName,
    /// Give the box that runs the limits that its box.yaml has now
    #[arg(long)]
    pub apply: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// What to change.
    #[command(flatten)]
    pub limits: Limiting,
}

const LIMIT_EXAMPLES: &str = "\
Examples:
  envbox limit work                         what is limited, and what enforces it
  envbox limit work --memory 4G --cpus 1.5
  envbox limit work --memory none           no limit any more";

/// What `envbox stats` takes.
#[derive(Debug, Args)]
#[command(after_long_help = STATS_EXAMPLES)]
pub struct Stats {
    /// Names of boxes; without any, all that run
    #[arg(value_name = "NAME")]
    pub names: Vec<BoxName>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const STATS_EXAMPLES: &str = "\
Examples:
  envbox stats
  envbox stats work --json | jq '.[0].memory'";

/// What `envbox top` takes.
#[derive(Debug, Args)]
#[command(after_long_help = TOP_EXAMPLES)]
pub struct Top {
    /// What the boxes are sorted by
    #[arg(short, long, value_name = "COLUMN", value_enum, default_value_t)]
    pub sort: Column,
}

/// A column that boxes can be sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Column {
    /// Processors' time.
    #[default]
    Cpu,
    /// Memory.
    Memory,
    /// Processes.
    Pids,
    /// Reading and writing.
    Io,
    /// Name.
    Name,
}

const TOP_EXAMPLES: &str = "\
Keys:
  c m p i n   sort by processors' time, memory, processes, reading and writing, name
  r           the other way around
  q           leave

Examples:
  envbox top --sort memory";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        limits: Limiting,
    }

    #[test]
    fn what_is_no_limit_is_said_in_words_of_ours() {
        let said = |words: &[&str]| Line::try_parse_from([&["x"], words].concat()).unwrap_err().to_string();
        for (option, expected) in [
            ("--memory", "`-1` is not a size"),
            ("--cpus", "`-1` is not a number of processors"),
            ("--cpuset", "`-1` is no list of processors"),
            ("--pids", "`-1` is not a whole number of 1 to 18446744073709551615"),
            ("--nofile", "`-1` is not a whole number"),
            ("--io-read", "`-1` is not"),
        ] {
            let text = said(&[option, "-1"]);
            assert!(text.contains(&format!("'{option} <")) && text.contains(expected), "{text}");
        }
        for wrong in ["", "x", "1.5", "18446744073709551616"] {
            assert!(said(&["--pids", wrong]).contains(&format!("`{wrong}` is not a whole number")), "{wrong}");
        }
        let pids = |text| Line::try_parse_from(["x", "--pids", text]).unwrap().limits.pids;
        assert_eq!((pids("none"), pids("7")), (Some(Most::None), Some(Most::At(7))));
    }
}
