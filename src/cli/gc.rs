//! `envbox gc`, and how ages and sizes are typed.

use std::time::Duration;

use clap::Args;

/// What `envbox gc` takes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Gc {
    /// Remove also images that no box has, downloads and package caches, if they were not used for so long: 12h, 30d, 4w; 0 for all
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub older_than: Option<Duration>,
    /// Let downloads take no more than this: 500M, 10G; the oldest go first
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub keep_downloads: Option<u64>,
    /// Remove nothing, and say what would go
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "\
Examples:
  envbox gc
  envbox gc --older-than 30d --dry-run
  envbox gc --older-than 0 --keep-downloads 2G";

/// Letters after a number, and what each multiplies it by.
type Units = &'static [(&'static str, u64)];

const SECONDS: Units = &[("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 7 * 86400)];
const BYTES: Units = &[("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40)];

/// An age: a number and `s`, `m`, `h`, `d` or `w`.
pub(super) fn age(text: &str) -> Result<Duration, &'static str> {
    number(text, SECONDS).map(Duration::from_secs).ok_or("a number with s, m, h, d or w is expected: 30d")
}

/// A size: bytes, or a number and `K`, `M`, `G` or `T` (powers of 1024).
pub(super) fn size(text: &str) -> Result<u64, &'static str> {
    let plain = text.strip_suffix("iB").or(text.strip_suffix('B')).unwrap_or(text);
    plain.parse().ok().or_else(|| number(plain, BYTES)).ok_or("a number with K, M, G or T is expected: 10G")
}

fn number(text: &str, units: Units) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (digits, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_as_they_are_typed() {
        let seconds = |text| age(text).map(|age| age.as_secs());
        assert_eq!(
            ["0", "90s", "15m", "12h", "30d", "4w"].map(seconds),
            [0, 90, 900, 43200, 2_592_000, 2_419_200].map(Ok)
        );
        for bad in ["", "d", "30", "-1d", "1.5d", "1y", "99999999999999999w"] {
            assert!(age(bad).is_err(), "{bad}");
        }
        assert_eq!(
            ["0", "512", "10K", "500M", "2GiB", "1TB"].map(size),
            [0, 512, 10240, 500 << 20, 2 << 30, 1 << 40].map(Ok)
        );
        for bad in ["", "G", "-1", "1X", "99999999999999T"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
