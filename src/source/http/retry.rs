//! Whether to try again, and when.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::{Fault, Limits};
use crate::source::date;

/// A server that wants to be left alone for longer has refused.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Limits {
    /// How long to wait after that many tries in vain; `None` if there is no point in another.
    pub(super) fn wait(&self, fault: &Fault, vain: u32) -> Option<Duration> {
        // Without a network, waiting for long helps nobody.
        let tries = if fault.is_offline() { self.tries.min(2) } else { self.tries };
        wait_for(fault, self.backoff, vain).filter(|_| vain < tries)
    }
}

fn wait_for(fault: &Fault, backoff: Duration, vain: u32) -> Option<Duration> {
    if !fault.is_transient() {
        return None;
    }
    if let Fault::Status { after: Some(after), .. } = fault {
        return Some(*after).filter(|after| *after <= LONGEST_WAIT);
    }
    let doubled = backoff * 2u32.pow(vain.saturating_sub(1).min(4));
    // Clients that lost their connections together should not come back together.
    let jitter = RandomState::new().hash_one(vain) % 500;
    Some(doubled.mul_f64(0.75) + doubled.mul_f64(0.001) * u32::try_from(jitter).unwrap_or(0))
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
pub(in crate::source) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(date::parse(value)?.duration_since(SystemTime::now()).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn waits_double_and_know_their_bounds() {
        let fault = Fault::Stalled(Duration::from_secs(1));
        for (vain, base) in [(1, 400), (2, 800), (3, 1600), (9, 6400)] {
            let wait = wait_for(&fault, Duration::from_millis(400), vain).unwrap().as_millis();
            assert!(wait >= base * 3 / 4 && wait <= base * 5 / 4, "{vain}: {wait}");
        }
        let busy = |after| Fault::Status { status: 429, after: Some(Duration::from_secs(after)) };
        assert_eq!(wait_for(&busy(7), Duration::ZERO, 1), Some(Duration::from_secs(7)));
        assert_eq!(wait_for(&busy(3600), Duration::ZERO, 1), None);
        assert_eq!(wait_for(&Fault::Status { status: 404, after: None }, Duration::ZERO, 1), None);
    }

    #[test]
    fn a_date_or_seconds() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Sat, 12 Sep 2020 07:55:41 GMT"));
        assert_eq!(retry_after(&headers), Some(Duration::ZERO));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
    }
}
