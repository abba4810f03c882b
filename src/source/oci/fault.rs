//! Why an image at a registry could not be had, or put there.

use std::path::PathBuf;
use std::time::Duration;

use super::limits;
use crate::image::oci::{ParseError, Platform};
use crate::source::http;
use crate::source::http::Reply;

/// Why an image at a registry could not be had, or put there.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// There was no answer.
    #[error("no answer from {url}")]
    Http {
        /// What was asked for.
        url: String,
        /// Why.
        source: http::Fault,
    },
    /// The registry has no such thing.
    #[error("{registry} has no {what}")]
    Missing {
        /// The registry.
        registry: String,
        /// What it does not have.
        what: String,
    },
    /// The registry does not let this user do that, or nobody without a login.
    #[error("{registry} refuses {}{}", if *.anonymous { "without a login" } else { "with this login" }, remark(.said))]
    Denied {
        /// The registry, or its token server.
        registry: String,
        /// Whether there was no login to show.
        anonymous: bool,
        /// Its own words.
        said: String,
    },
    /// The registry counts, and the count is full.
    #[error("{registry} gives no more for now{}{}", allowance(.allowed), remark(.said))]
    Limited {
        /// The registry.
        registry: String,
        /// What it gives, in words.
        allowed: Option<String>,
        /// Its own words.
        said: String,
        /// How long until it gives more, at the most, as far as it says.
        wait: Option<Duration>,
        /// Whether there was no login to show.
        anonymous: bool,
    },
    /// The registry answered with another error.
    #[error("{registry} answered {status} for {what}{}", remark(.said))]
    Answer {
        /// The registry.
        registry: String,
        /// The HTTP status.
        status: u16,
        /// What was asked for.
        what: String,
        /// Its own words.
        said: String,
    },
    /// A document is not what it must be.
    #[error("{what} is malformed")]
    Document {
        /// Which.
        what: String,
        /// What is wrong.
        source: ParseError,
    },
    /// Something has another size than the one that was promised.
    #[error("{what} has {actual} bytes instead of {expected}")]
    Size {
        /// What.
        what: String,
        /// What was promised.
        expected: u64,
        /// What it has.
        actual: u64,
    },
    /// Something is promised to be larger than anything honest.
    #[error("{what} is said to have {size} bytes, and {largest} are the most")]
    TooLarge {
        /// What.
        what: String,
        /// The size that was promised.
        size: u64,
        /// The most.
        largest: u64,
    },
    /// One index leads to another, and so on.
    #[error("it is an index of indexes, more than {0} deep")]
    Deep(usize),
    /// The image was not built for this machine.
    #[error("it is not there for {wanted}, but for {}", if .offered.is_empty() { "nothing" } else { .offered })]
    Platform {
        /// What runs here.
        wanted: Platform,
        /// What there is.
        offered: String,
    },
    /// The config does not belong to the manifest.
    #[error("its manifest has {layers} layers and its config {diff_ids}")]
    Layers {
        /// In the manifest.
        layers: usize,
        /// In the config.
        diff_ids: usize,
    },
    /// The login would be sent in the clear.
    #[error("{registry} wants a login to be sent to {realm}, which is no place with TLS")]
    Realm {
        /// The registry.
        registry: String,
        /// Its token server.
        realm: String,
    },
    /// A file of the user's settings is not understood.
    #[error("{} cannot be used: {what}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The program that keeps the login does not give it.
    #[error("`{program}` gives no login: {what}")]
    Helper {
        /// The program.
        program: String,
        /// What it says.
        what: String,
    },
    /// The user's settings say that nothing is to come from there.
    #[error("`{registry}` is blocked by this machine's registries.conf")]
    Blocked {
        /// The prefix that is.
        registry: String,
    },
    /// The registry's answer does not follow the specification.
    #[error("{registry} does not follow the specification: {what}")]
    Protocol {
        /// The registry.
        registry: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl Fault {
    /// What an answer that is no success means.
    pub(super) fn of(registry: &str, what: &str, anonymous: bool, reply: &Reply) -> Self {
        let (registry, said) = (registry.to_owned(), said(&reply.body));
        match reply.status.as_u16() {
            401 | 403 => Self::Denied { registry, anonymous, said },
            404 => Self::Missing { registry, what: what.to_owned() },
            429 => {
                let (allowed, wait) = (limits::allowed(reply), limits::wait(reply));
                Self::Limited { registry, allowed, said, wait, anonymous }
            }
            status => Self::Answer { registry, status, what: what.to_owned(), said },
        }
    }

    /// Whether there was no way to the server at all.
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Http { source, .. } if source.is_offline())
    }

    /// Whether there is merely nothing to be had: nobody answers, or says no. That a registry denies counts, since most
    /// answer so for what they do not have; what was given and cannot be believed does not, nor do the user's own settings.
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Http { .. }
                | Self::Missing { .. }
                | Self::Denied { .. }
                | Self::Limited { .. }
                | Self::Answer { .. }
                | Self::Platform { .. }
                | Self::Blocked { .. }
        )
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Http { source, .. } => return source.hint(),
            Self::Missing { .. } => "check the spelling of the name and its tag".to_owned(),
            Self::Denied { registry, anonymous: true, .. } => {
                format!("check the spelling; if the image is private: podman login {registry} (or docker, or skopeo)")
            }
            Self::Denied { registry, .. } => format!("log in anew: podman login {registry} (or docker, or skopeo)"),
            Self::Limited { registry, wait, anonymous, .. } => {
                let wait = wait.map_or_else(String::new, |wait| format!(" in {} at the latest", limits::spell(wait)));
                let login = if *anonymous {
                    format!("; with a login there is more (podman login {registry})")
                } else {
                    String::new()
                };
                format!("try again later{wait}{login}; or name a mirror in registries.conf")
            }
            Self::Answer { .. } => "try again later".to_owned(),
            Self::Platform { .. } => "an image of another machine's architecture does not run here".to_owned(),
            _ => return None,
        })
    }
}

/// What a registry says about an error (distribution-spec, error codes): the first message, made fit to be shown.
fn said(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let message = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let first = value.pointer("/errors/0/message").or_else(|| value.get("details")).and_then(message);
    let first = first.or_else(|| value.pointer("/errors/0/code").and_then(message)).unwrap_or_default();
    first.chars().take(200).flat_map(char::escape_debug).collect()
}

fn remark(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn allowance(allowed: &Option<String>) -> String {
    allowed.as_ref().map_or_else(String::new, |allowed| format!(" than {allowed}"))
}
