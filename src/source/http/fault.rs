//! Why a URL could not be had.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

/// Why a URL could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is no URL, or one of another scheme.
    #[error("it is not an http or https URL")]
    Url,
    /// The proxy that the environment names cannot be used.
    #[error("`{proxy}` is not a usable http proxy")]
    Proxy {
        /// The value.
        proxy: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The host's name leads nowhere: no network, no resolver, or no such name.
    #[error("the host name cannot be resolved")]
    Dns(#[source] reqwest::Error),
    /// No connection: no route, refused, or no answer.
    #[error("no connection can be made")]
    Connect(#[source] reqwest::Error),
    /// The connection cannot be trusted.
    #[error("the TLS connection failed")]
    Tls(#[source] reqwest::Error),
    /// There are no certificate authorities on this machine, so that nothing can be trusted.
    #[error("no certificate authorities were found on this machine")]
    Roots(#[source] reqwest::Error),
    /// A certificate that this machine's settings name is none.
    #[error("a certificate for this server cannot be used")]
    Certificate(#[source] reqwest::Error),
    /// What is to be sent cannot be read.
    #[error("the file to send cannot be read")]
    Read(#[source] io::Error),
    /// The server answered with an error.
    #[error("the server answered {status}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What it asks to be waited for before the next try.
        after: Option<Duration>,
    },
    /// The connection ended before the file did.
    #[error("the connection was cut after {received} bytes")]
    Cut {
        /// How much had arrived.
        received: u64,
        /// What was heard of it.
        source: Option<reqwest::Error>,
    },
    /// Nothing arrived for too long.
    #[error("nothing arrived for {} seconds", .0.as_secs())]
    Stalled(Duration),
    /// The file has not the size it should have.
    #[error("it has {announced} bytes instead of {expected}")]
    Length {
        /// The right size.
        expected: u64,
        /// What the server says, or sent.
        announced: u64,
    },
    /// The file is larger than it may be.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// One redirect after another.
    #[error("it is redirected more than {0} times")]
    Redirects(usize),
    /// A redirect from https to http would give away what https is for.
    #[error("it is redirected to a place without TLS")]
    Downgrade,
    /// Anything else that is not HTTP.
    #[error("the server's answer is not understood")]
    Protocol(#[source] reqwest::Error),
}

impl Fault {
    /// What happened to a request before there was an answer.
    pub(super) fn of_request(error: reqwest::Error) -> Self {
        if error.is_dns() {
            Self::Dns(error)
        } else if has_cause::<rustls::Error>(&error) {
            Self::Tls(error)
        } else if error.is_connect() || error.is_timeout() {
            Self::Connect(error)
        } else if error.is_builder() {
            Self::Url
        } else if has_cause::<io::Error>(&error) || error.is_request() {
            // A kept-alive connection that the server had closed, or a cut before the first byte.
            Self::Cut { received: 0, source: Some(error) }
        } else {
            Self::Protocol(error)
        }
    }

    /// Whether there is no way to the server at all, as opposed to a server that has not what was asked for.
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Dns(_) | Self::Connect(_))
    }

    /// Whether another try may end better.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Dns(_) | Self::Connect(_) | Self::Cut { .. } | Self::Stalled(_) => true,
            // RFC 9110 section 15: request timeout, too early, too many requests, and the server's own troubles.
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Dns(_) | Self::Connect(_) => {
                "check the network connection; what was fetched before can still be used".to_owned()
            }
            Self::Proxy { .. } => "correct http_proxy or https_proxy in the environment".to_owned(),
            Self::Roots(_) => "install the package `ca-certificates`".to_owned(),
            Self::Tls(_) => "check this machine's clock and its certificate authorities (`ca-certificates`)".to_owned(),
            Self::Status { status: 401 | 403, .. } => "the server wants a login, or a proxy is in the way".to_owned(),
            Self::Status { status: 404 | 410, .. } => {
                "check the spelling; on a mirror that is being updated, try again later".to_owned()
            }
            Self::Status { .. } | Self::Cut { .. } | Self::Stalled(_) => {
                "try again later, or another server".to_owned()
            }
            _ => return None,
        })
    }
}

/// Whether an error of this type is somewhere among the causes, or inside an [`io::Error`] among them.
fn has_cause<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if error.is::<E>() || inner.is_some_and(|inner| has_cause::<E>(inner)) {
            return true;
        }
        next = error.source();
    }
    false
}
