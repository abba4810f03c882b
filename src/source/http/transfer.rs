//! One file over HTTP: redirects, retries, and going on where a cut connection left off.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

use reqwest::header::{
    CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode, Url};

use super::{Fault, Session};
use crate::source::{Error, Progress, date};
use crate::store::blobs::Staged;

/// A try that brought this many bytes was not in vain, and the count of tries begins anew.
const HEADWAY: u64 = 64 * 1024;
/// A server that wants to be left alone for longer has refused.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Where a file's bytes go.
pub(super) trait Sink {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error>;
    fn restart(&mut self) -> Result<(), Error>;
    fn size(&self) -> u64;
}

impl Sink for Vec<u8> {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Error> {
        self.clear();
        Ok(())
    }

    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }
}

impl Sink for Staged {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.write(bytes)?)
    }

    fn restart(&mut self) -> Result<(), Error> {
        Ok(Staged::restart(self)?)
    }

    fn size(&self) -> u64 {
        Staged::size(self)
    }
}

/// Tells of bytes, and of none twice if a download had to begin anew.
pub(super) struct Shown<'a> {
    progress: &'a dyn Progress,
    highest: Cell<u64>,
}

impl<'a> Shown<'a> {
    pub(super) fn new(progress: &'a dyn Progress) -> Self {
        Self { progress, highest: Cell::new(0) }
    }

    fn at(&self, size: u64) {
        if size > self.highest.get() {
            self.progress.advance(size - self.highest.get());
            self.highest.set(size);
        }
    }
}

/// Why a try ended: something of the network's, which may be worth another, or of our own.
enum Ended {
    Fault(Fault),
    Own(Error),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

/// Fetches `url` into `sink`: `size` bytes if that is known, and never more than `largest`.
pub(super) async fn transfer(
    session: &Session,
    url: &str,
    size: Option<u64>,
    largest: u64,
    sink: &mut dyn Sink,
    shown: &Shown<'_>,
) -> Result<(), Error> {
    let mut download = Download { session, size, largest, validator: None };
    let mut vain = 0;
    loop {
        let before = sink.size();
        let fault = match download.attempt(url, sink, shown).await {
            Ok(()) => return Ok(()),
            Err(Ended::Own(error)) => return Err(error),
            Err(Ended::Fault(fault)) => fault,
        };
        vain = if sink.size() >= before + HEADWAY { 1 } else { vain + 1 };
        // Without a network, waiting for long helps nobody.
        let tries = if fault.is_offline() { session.limits.tries.min(2) } else { session.limits.tries };
        match wait_for(&fault, session.limits.backoff, vain).filter(|_| vain < tries) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(Error::fetch(url, fault)),
        }
    }
}

/// How long to wait before the next try; `None` if there is no point in one.
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

struct Download<'a> {
    session: &'a Session,
    size: Option<u64>,
    largest: u64,
    /// What names the version of the file that the bytes so far belong to (RFC 9110 section 13.1.5).
    validator: Option<HeaderValue>,
}

impl Download<'_> {
    async fn attempt(&mut self, url: &str, sink: &mut dyn Sink, shown: &Shown<'_>) -> Result<(), Ended> {
        // Parts of two versions make no file, unless a known size (and digest, then) will tell.
        if self.validator.is_none() && self.size.is_none() {
            sink.restart()?;
        }
        let mut response = self.request(url, sink.size()).await?;
        self.check(&response, sink)?;
        self.validator = validator(response.headers());
        loop {
            let chunk = self.patiently(response.chunk()).await?;
            let chunk = chunk.map_err(|error| Fault::Cut { received: sink.size(), source: Some(error) })?;
            let Some(chunk) = chunk else { break };
            if u64::try_from(chunk.len()).is_ok_and(|more| sink.size() + more > self.largest) {
                return Err(Fault::TooLarge(self.largest).into());
            }
            sink.append(&chunk)?;
            shown.at(sink.size());
        }
        match self.size {
            Some(size) if sink.size() < size => Err(Fault::Cut { received: sink.size(), source: None }.into()),
            _ => Ok(()),
        }
    }

    /// Asks for the file from byte `from` on, through all redirects.
    async fn request(&self, url: &str, from: u64) -> Result<Response, Fault> {
        let mut url = Url::parse(url).map_err(|_| Fault::Url)?;
        for _ in 0..=self.session.limits.redirects {
            let tls = match url.scheme() {
                "https" => true,
                "http" => false,
                _ => return Err(Fault::Url),
            };
            let mut request = self.session.client(tls)?.get(url.clone());
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
                if let Some(validator) = &self.validator {
                    request = request.header(IF_RANGE, validator);
                }
            }
            let response = self.patiently(request.send()).await?.map_err(Fault::of_request)?;
            let Some(target) = redirect(&response) else { return Ok(response) };
            let target = url.join(&target).map_err(|_| Fault::Url)?;
            if tls && target.scheme() != "https" {
                return Err(Fault::Downgrade);
            }
            url = target;
        }
        Err(Fault::Redirects(self.session.limits.redirects))
    }

    /// Looks at the head of an answer, and makes the sink ready for its body.
    fn check(&self, response: &Response, sink: &mut dyn Sink) -> Result<(), Ended> {
        let whole = match response.status() {
            StatusCode::OK => {
                sink.restart()?;
                response.content_length()
            }
            StatusCode::PARTIAL_CONTENT => match range(response.headers()) {
                Some((from, total)) if from == sink.size() => total,
                _ => {
                    sink.restart()?;
                    return Err(Fault::Cut { received: 0, source: None }.into());
                }
            },
            StatusCode::RANGE_NOT_SATISFIABLE if sink.size() > 0 => {
                sink.restart()?;
                return Err(Fault::Cut { received: 0, source: None }.into());
            }
            status => {
                return Err(Fault::Status { status: status.as_u16(), after: retry_after(response.headers()) }.into());
            }
        };
        match (self.size, whole) {
            (Some(expected), Some(announced)) if expected != announced => {
                Err(Fault::Length { expected, announced }.into())
            }
            (_, Some(announced)) if announced > self.largest => Err(Fault::TooLarge(self.largest).into()),
            _ => Ok(()),
        }
    }

    async fn patiently<T>(&self, what: impl Future<Output = T>) -> Result<T, Fault> {
        let stall = self.session.limits.stall;
        tokio::time::timeout(stall, what).await.map_err(|_| Fault::Stalled(stall))
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn redirect(response: &Response) -> Option<String> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    text(response.headers(), LOCATION).filter(|_| redirects).map(str::to_owned)
}

/// A strong entity tag, else the date of the last change.
fn validator(headers: &HeaderMap) -> Option<HeaderValue> {
    let strong = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    strong.or_else(|| headers.get(LAST_MODIFIED)).cloned()
}

/// The first byte and the size of the whole file (`Content-Range: bytes 100-199/200`).
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (part, whole) = text(headers, CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    Some((part.split_once('-')?.0.parse().ok()?, whole.parse().ok()))
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER)?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(date::parse(value)?.duration_since(SystemTime::now()).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
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
    fn reads_the_headers() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_RANGE, HeaderValue::from_static("bytes 100-199/200"));
        assert_eq!(range(&headers), Some((100, Some(200))));
        headers.insert(CONTENT_RANGE, HeaderValue::from_static("bytes 0-9/*"));
        assert_eq!(range(&headers), Some((0, None)));
        headers.insert(ETAG, HeaderValue::from_static("W/\"weak\""));
        assert_eq!(validator(&headers), None);
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Sat, 12 Sep 2020 07:55:41 GMT"));
        assert_eq!(retry_after(&headers), Some(Duration::ZERO));
    }
}
