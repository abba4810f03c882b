//! One request, through all redirects.

use std::rc::Rc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response, Url};

use super::{Fault, Session, Tls};

/// What to ask for.
#[derive(Debug, Clone)]
pub(in crate::source) struct Request {
    pub(in crate::source) method: Method,
    pub(in crate::source) url: Url,
    /// Sent wherever redirects lead.
    pub(in crate::source) headers: HeaderMap,
    /// `Authorization`, sent to the URL's own origin and to nobody else (CVE-2020-15157).
    pub(in crate::source) secret: Option<HeaderValue>,
    /// What to believe of that origin; any other must do with the machine's certificate authorities.
    pub(in crate::source) tls: Rc<Tls>,
    /// What is sent along.
    pub(in crate::source) body: Vec<u8>,
}

impl Request {
    pub(in crate::source) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), secret: None, tls: Rc::default(), body: Vec::new() }
    }

    /// A plain request for a file.
    pub(in crate::source) fn get(url: &str) -> Result<Self, Fault> {
        Ok(Self::new(Method::GET, Url::parse(url).map_err(|_| Fault::Url)?))
    }

    #[must_use]
    pub(in crate::source) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl Session {
    /// Sends a request and waits for the head of its answer. Only what asks for something, and changes nothing, is
    /// redirected.
    pub(super) async fn send(&self, request: &Request) -> Result<Response, Fault> {
        let mut url = request.url.clone();
        for _ in 0..=self.limits.redirects {
            let tls = match url.scheme() {
                "https" => true,
                "http" => false,
                _ => return Err(Fault::Url),
            };
            let at_home = url.origin() == request.url.origin();
            let trust = if at_home { request.tls.clone() } else { Rc::default() };
            let mut building = self.client(tls.then_some(&*trust))?.request(request.method.clone(), url.clone());
            building = building.headers(request.headers.clone());
            if let Some(secret) = request.secret.as_ref().filter(|_| at_home) {
                building = building.header(reqwest::header::AUTHORIZATION, secret);
            }
            if !request.body.is_empty() {
                building = building.body(request.body.clone());
            }
            let response = self.patiently(building.send()).await?.map_err(Fault::of_request)?;
            let follows = request.method == Method::GET || request.method == Method::HEAD;
            let Some(target) = redirect(&response).filter(|_| follows) else { return Ok(response) };
            let target = url.join(&target).map_err(|_| Fault::Url)?;
            if tls && target.scheme() != "https" {
                return Err(Fault::Downgrade);
            }
            url = target;
        }
        Err(Fault::Redirects(self.limits.redirects))
    }

    /// Waits no longer for something than for the next bytes of a download.
    pub(in crate::source) async fn patiently<T>(&self, what: impl Future<Output = T>) -> Result<T, Fault> {
        let stall = self.limits.stall;
        tokio::time::timeout(stall, what).await.map_err(|_| Fault::Stalled(stall))
    }
}

fn redirect(response: &Response) -> Option<String> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    response.headers().get(LOCATION)?.to_str().ok().filter(|_| redirects).map(str::to_owned)
}
