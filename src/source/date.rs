//! Dates as HTTP and Debian write them: `Sat, 12 Sep 2026 07:55:41 UTC` (RFC 9110 section 5.6.7, RFC 5322).

use std::time::{Duration, SystemTime};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The time, if it is one in UTC and not before 1970.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let mut words = text.split_once(',').map_or(text, |(_, rest)| rest).split_whitespace();
    let day: u64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name).and_then(|month| u64::try_from(month + 1).ok())?;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words.next()?.split(':');
    let mut next = |limit: u64| clock.next()?.parse::<u64>().ok().filter(|value| *value < limit);
    let (hour, minute, second) = (next(24)?, next(60)?, next(61)?);
    if !matches!(words.next(), Some("UTC" | "GMT" | "+0000")) {
        return None;
    }
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Days since 1970-01-01. Counts years from March, so that the leap day is a year's last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// A time in seconds since 1970 as the archives of the past name it: `20260912T075541Z`.
pub(super) fn stamp(seconds: u64) -> String {
    let (of_day, mut left) = (seconds % 86400, seconds / 86400);
    let mut year = 1970;
    while left >= days(year + 1, 1, 1) - days(year, 1, 1) {
        left -= days(year + 1, 1, 1) - days(year, 1, 1);
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days(year, *month, 1) - days(year, 1, 1) <= left).unwrap_or(1);
    let day = left - (days(year, month, 1) - days(year, 1, 1)) + 1;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        parse(text).map(|time| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn the_forms_in_use() {
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 UTC"), Some(0));
        assert_eq!(seconds("Sat, 12 Sep 2026 07:55:41 UTC"), Some(1_789_199_741));
        assert_eq!(seconds("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        assert_eq!(seconds("Fri, 1 Mar 2024 00:00:00 +0000"), Some(1_709_251_200));
    }

    #[test]
    fn stamps() {
        for (text, stamped) in [
            ("Thu, 01 Jan 1970 00:00:00 UTC", "19700101T000000Z"),
            ("Sat, 12 Sep 2026 07:55:41 UTC", "20260912T075541Z"),
            ("Thu, 29 Feb 2024 23:59:59 GMT", "20240229T235959Z"),
            ("Tue, 31 Dec 2024 12:00:00 GMT", "20241231T120000Z"),
            ("Fri, 1 Mar 2024 00:00:00 +0000", "20240301T000000Z"),
        ] {
            assert_eq!(seconds(text).map(stamp).as_deref(), Some(stamped));
        }
    }

    #[test]
    fn nonsense() {
        for text in ["", "yesterday", "Sat, 12 Sep 2026", "Sat, 12 Sep 2026 25:00:00 UTC", "12 Sep 1969 00:00:00 UTC"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!(seconds("Sat, 12 Sep 2026 07:55:41 CEST"), None);
    }
}
