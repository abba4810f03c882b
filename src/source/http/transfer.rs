//! One file over HTTP: redirects, retries, and going on where a cut connection left off.

use std::cell::Cell;

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE};
use reqwest::{Response, StatusCode};

use super::request::Request;
use super::retry::retry_after;
use super::{Fault, Session};
use crate::source::{Error, Progress};
use crate::store::blobs::Staged;

/// A try that brought this many bytes was not in vain, and the count of tries begins anew.
const HEADWAY: u64 = 64 * 1024;

/// Where a file's bytes go.
pub(in crate::source) trait Sink {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error>;
    fn restart(&mut self) -> Result<(), Error>;
    fn size(&self) -> u64;
    /// Whether somebody reads what is there already: then it is never begun anew, and of a server that sends the whole
    /// file once more, what is there is passed over. Only for files whose digest and size are known.
    fn is_read(&self) -> bool {
        false
    }
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
pub(in crate::source) struct Shown<'a> {
    progress: &'a dyn Progress,
    highest: Cell<u64>,
}

impl<'a> Shown<'a> {
    pub(in crate::source) fn new(progress: &'a dyn Progress) -> Self {
        Self::from(progress, 0)
    }

    /// The same for a file of which so many bytes are there already.
    pub(in crate::source) fn from(progress: &'a dyn Progress, size: u64) -> Self {
        Self { progress, highest: Cell::new(size) }
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

/// Fetches a file into `sink`: `size` bytes if that is known, and never more than `largest`.
pub(in crate::source) async fn transfer(
    session: &Session,
    request: &Request,
    (size, checked): (Option<u64>, bool),
    largest: u64,
    sink: &mut dyn Sink,
    shown: &Shown<'_>,
) -> Result<(), Error> {
    let mut download = Download { session, size, checked, largest, validator: None, whole: false };
    let mut vain = 0;
    loop {
        let before = sink.size();
        let fault = match download.attempt(request, sink, shown).await {
            Ok(()) => return Ok(()),
            Err(Ended::Own(error)) => return Err(error),
            Err(Ended::Fault(fault)) => fault,
        };
        vain = if sink.size() >= before + HEADWAY { 1 } else { vain + 1 };
        match session.limits.wait(&fault, vain) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(Error::fetch(request.url.as_str(), fault)),
        }
    }
}

struct Download<'a> {
    session: &'a Session,
    size: Option<u64>,
    /// Whether the digest is known that the file must have.
    checked: bool,
    largest: u64,
    /// What names the version of the file that the bytes so far belong to (RFC 9110 section 13.1.5).
    validator: Option<HeaderValue>,
    /// The server does not know how to send a part.
    whole: bool,
}

impl Download<'_> {
    async fn attempt(&mut self, request: &Request, sink: &mut dyn Sink, shown: &Shown<'_>) -> Result<(), Ended> {
        // Parts of two versions make no file, unless a known size or digest will tell.
        if self.validator.is_none() && self.size.is_none() && !self.checked {
            sink.restart()?;
        }
        let mut response = self.request(request, sink.size()).await?;
        let mut known = self.check(&response, sink)?;
        self.validator = validator(response.headers());
        loop {
            let chunk = self.session.patiently(response.chunk()).await?;
            let chunk = chunk.map_err(|error: reqwest::Error| Fault::Cut {
                received: sink.size(),
                source: Some(error.without_url()),
            })?;
            let Some(chunk) = chunk else { break };
            let passed = usize::try_from(known).unwrap_or(usize::MAX).min(chunk.len());
            known -= u64::try_from(passed).unwrap_or(0);
            let chunk = &chunk[passed..];
            if u64::try_from(chunk.len()).is_ok_and(|more| sink.size() + more > self.largest) {
                return Err(Fault::TooLarge(self.largest).into());
            }
            sink.append(chunk)?;
            shown.at(sink.size());
        }
        match self.size {
            Some(size) if known > 0 || sink.size() < size => {
                Err(Fault::Cut { received: sink.size(), source: None }.into())
            }
            _ => Ok(()),
        }
    }

    /// Asks for the file from byte `from` on.
    async fn request(&self, request: &Request, from: u64) -> Result<Response, Fault> {
        if from == 0 || self.whole {
            return self.session.send(request).await;
        }
        let range = HeaderValue::try_from(format!("bytes={from}-")).map_err(|_| Fault::Url)?;
        let mut part = request.clone().with(RANGE, range);
        if let Some(validator) = &self.validator {
            part = part.with(IF_RANGE, validator.clone());
        }
        self.session.send(&part).await
    }

    /// Looks at the head of an answer, and makes the sink ready for its body: how many bytes of it to pass over.
    fn check(&mut self, response: &Response, sink: &mut dyn Sink) -> Result<u64, Ended> {
        let (known, whole) = match response.status() {
            StatusCode::OK if sink.is_read() => (sink.size(), response.content_length()),
            StatusCode::OK => {
                sink.restart()?;
                (0, response.content_length())
            }
            StatusCode::PARTIAL_CONTENT => match range(response.headers()) {
                Some((from, total)) if from == sink.size() => (0, total),
                _ => return Err(self.without_parts(sink)),
            },
            StatusCode::RANGE_NOT_SATISFIABLE if sink.size() > 0 => return Err(self.without_parts(sink)),
            status => {
                return Err(Fault::Status { status: status.as_u16(), after: retry_after(response.headers()) }.into());
            }
        };
        match (self.size, whole) {
            (Some(expected), Some(announced)) if expected != announced => {
                Err(Fault::Length { expected, announced }.into())
            }
            (_, Some(announced)) if announced > self.largest => Err(Fault::TooLarge(self.largest).into()),
            _ => Ok(known),
        }
    }

    /// What a try ends with that got another part than the one that was asked for.
    fn without_parts(&mut self, sink: &mut dyn Sink) -> Ended {
        self.whole = true;
        match if sink.is_read() { Ok(()) } else { sink.restart() } {
            Ok(()) => Fault::Cut { received: sink.size(), source: None }.into(),
            Err(error) => error.into(),
        }
    }
}

/// A strong entity tag, else the date of the last change.
fn validator(headers: &HeaderMap) -> Option<HeaderValue> {
    let strong = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    strong.or_else(|| headers.get(LAST_MODIFIED)).cloned()
}

/// The first byte and the size of the whole file (`Content-Range: bytes 100-199/200`).
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (part, whole) = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    Some((part.split_once('-')?.0.parse().ok()?, whole.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_headers() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_RANGE, HeaderValue::from_static("bytes 100-199/200"));
        assert_eq!(range(&headers), Some((100, Some(200))));
        headers.insert(CONTENT_RANGE, HeaderValue::from_static("bytes 0-9/*"));
        assert_eq!(range(&headers), Some((0, None)));
        headers.insert(ETAG, HeaderValue::from_static("W/\"weak\""));
        assert_eq!(validator(&headers), None);
    }
}
