//! Times, as they stand before each line of a log: `2026-09-12T07:55:41.123Z ` (RFC 3339).

use std::time::{Duration, SystemTime};

/// Bytes of a stamp, with the space after it.
pub(super) const LENGTH: usize = 25;

/// The stamp of a time. One before 1970 is taken for that.
pub(super) fn stamp(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z ", since.subsec_millis())
}

/// Whether a line begins with a stamp.
pub(super) fn has_stamp(line: &[u8]) -> bool {
    let marks = [(4, b'-'), (10, b'T'), (19, b'.'), (23, b'Z'), (24, b' ')];
    line.len() >= LENGTH && marks.iter().all(|&(at, mark)| line[at] == mark)
}

/// The date of a day since 1970-01-01, for years that begin in March, so that the leap day is the last of one.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let january = month >= 10;
    (era * 400 + year + u64::from(january), if january { month - 9 } else { month + 3 }, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let of = |millis| stamp(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(of(0), "1970-01-01T00:00:00.000Z ");
        assert_eq!(of(1_789_199_741_123), "2026-09-12T07:55:41.123Z ");
        assert_eq!(of(1_709_251_199_999), "2024-02-29T23:59:59.999Z ");
        assert_eq!(of(1_709_251_200_000), "2024-03-01T00:00:00.000Z ");
        assert_eq!(of(4_102_444_800_000), "2100-01-01T00:00:00.000Z ");
        assert!(has_stamp(of(0).as_bytes()) && of(0).len() == LENGTH && !has_stamp(b"short"));
    }
}
