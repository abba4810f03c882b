//! Sizes and ages, as people read them.

use std::time::{Duration, SystemTime};

use indicatif::{HumanBytes, HumanDuration};

/// A number of bytes: `1.20 GiB`.
pub fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// A number of bytes, if it is known.
pub fn size_if_known(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), size)
}

/// Seconds since the epoch, as JSON has times.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// How long ago something was: `3 days`. A clock that was set back makes it no time at all.
pub fn age(since: SystemTime) -> String {
    let age = SystemTime::now().duration_since(since).unwrap_or_default();
    HumanDuration(Duration::from_secs(age.as_secs())).to_string()
}
