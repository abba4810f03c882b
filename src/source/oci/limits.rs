//! How much a registry gives to one who asks, in its own headers (`ratelimit-limit: 100;w=21600`, as Docker Hub has them).

use std::time::Duration;

use crate::source::http::{self, Reply};

/// A number, and the time that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) count: u64,
    pub(super) window: Option<Duration>,
}

impl Limit {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let count = parts.next()?.parse().ok()?;
        let window = parts.find_map(|part| part.strip_prefix("w=")?.parse().ok()).map(Duration::from_secs);
        Some(Self { count, window })
    }
}

/// What is allowed, in words: `100 in 6 h`.
pub(super) fn allowed(reply: &Reply) -> Option<String> {
    let limit = header(reply, "ratelimit-limit")?;
    Some(limit.window.map_or_else(|| limit.count.to_string(), |window| format!("{} in {}", limit.count, spell(window))))
}

/// How long until more is given: what the registry says, else the whole window at the worst.
pub(super) fn wait(reply: &Reply) -> Option<Duration> {
    http::retry_after(&reply.headers).or_else(|| header(reply, "ratelimit-limit")?.window)
}

/// How many more images are given, if that is nearly none.
pub(super) fn nearly_none(reply: &Reply) -> Option<u64> {
    let (limit, left) = (header(reply, "ratelimit-limit")?, header(reply, "ratelimit-remaining")?);
    (left.count <= limit.count / 10).then_some(left.count)
}

fn header(reply: &Reply, name: &'static str) -> Option<Limit> {
    Limit::parse(reply.headers.get(name)?.to_str().ok()?)
}

/// A time for people, to the minute.
pub(super) fn spell(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::*;

    fn reply(headers: &[(&'static str, &'static str)]) -> Reply {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        Reply { status: reqwest::StatusCode::OK, headers: headers.collect::<HeaderMap>(), body: Vec::new() }
    }

    #[test]
    fn what_registries_say() {
        let hub = reply(&[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "7;w=21600")]);
        assert_eq!(allowed(&hub).as_deref(), Some("100 in 6 h"));
        assert_eq!(nearly_none(&hub), Some(7));
        assert_eq!(wait(&hub), Some(Duration::from_secs(21600)));
        let said = reply(&[("ratelimit-limit", "10"), ("ratelimit-remaining", "9"), (RETRY_AFTER.as_str(), "90")]);
        assert_eq!((allowed(&said).as_deref(), nearly_none(&said)), (Some("10"), None));
        assert_eq!(wait(&said).map(spell).as_deref(), Some("2 min"));
        assert_eq!(allowed(&reply(&[("ratelimit-limit", "many")])), None);
    }
}
