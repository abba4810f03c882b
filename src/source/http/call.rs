//! A request whose whole answer is small.

use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Response, StatusCode};

use super::request::Request;
use super::retry::retry_after;
use super::{Fault, Session};

/// As much as is read of what a server says about an error.
const LONGEST_REMARK: usize = 16 << 10;

/// An answer, whatever its status.
#[derive(Debug)]
pub(in crate::source) struct Reply {
    pub(in crate::source) status: StatusCode,
    pub(in crate::source) headers: HeaderMap,
    pub(in crate::source) body: Vec<u8>,
}

impl Reply {
    /// A header's value, if it is text.
    pub(in crate::source) fn header(&self, name: impl Into<HeaderName>) -> Option<&str> {
        self.headers.get(name.into())?.to_str().ok()
    }

    /// The same as a fault.
    pub(in crate::source) fn fault(&self) -> Fault {
        Fault::Status { status: self.status.as_u16(), after: retry_after(&self.headers) }
    }
}

impl Session {
    /// Sends a request until there is an answer that another try would not change. `largest` is the size, in bytes, that
    /// a good answer may have.
    pub(in crate::source) async fn call(&self, request: &Request, largest: u64) -> Result<Reply, Fault> {
        let mut vain = 0;
        loop {
            let result = self.call_once(request, largest).await;
            vain += 1;
            let wait = match &result {
                Ok(reply) if reply.status.is_success() => None,
                Ok(reply) => self.limits.wait(&reply.fault(), vain),
                Err(fault) => self.limits.wait(fault, vain),
            };
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return result,
            }
        }
    }

    /// The same, one try.
    pub(in crate::source) async fn call_once(&self, request: &Request, largest: u64) -> Result<Reply, Fault> {
        let response = self.send(request).await?;
        read_reply(self, response, largest).await
    }
}

/// All of an answer.
pub(super) async fn read_reply(session: &Session, mut response: Response, largest: u64) -> Result<Reply, Fault> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body: Vec<u8> = Vec::new();
    loop {
        let received = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let cut = |error| Fault::Cut { received, source: Some(error) };
        let chunk = match session.patiently(response.chunk()).await.and_then(|chunk| chunk.map_err(cut)) {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            // What an error says is worth having; that it is cut short is not worth another error.
            Err(_) if !status.is_success() => break,
            Err(fault) => return Err(fault),
        };
        body.extend_from_slice(&chunk);
        if !status.is_success() && body.len() >= LONGEST_REMARK {
            body.truncate(LONGEST_REMARK);
            break;
        }
        if u64::try_from(body.len()).is_ok_and(|length| length > largest) {
            return Err(Fault::TooLarge(largest));
        }
    }
    Ok(Reply { status, headers, body })
}
