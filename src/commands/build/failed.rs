//! A step that failed, as a user is told of it.

use crate::error::Error;
use crate::launch;

/// A step that failed, with the end of what it printed.
#[derive(Debug, thiserror::Error)]
#[error("step {step} failed ({status})")]
pub(super) struct Failed {
    step: String,
    status: String,
    source: Printed,
}

/// What a failed step printed last.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Printed(String);

/// The failure of a step's program, with the end of what it printed. Any other stays as it is.
pub(super) fn told(error: Error, step: String) -> Error {
    let Some(launch::Error::Offline { status, output, .. }) = error.of() else { return error };
    Error::new(Failed { step, status: status.clone(), source: Printed(last_lines(output)) })
}

/// What programs say, in small letters, where there is no network: of names (getaddrinfo(3), and those who ask by
/// themselves), of addresses (connect(2)).
const NO_NETWORK: [&str; 17] = [
    "name resolution",
    "name or service not known",
    "no address associated",
    "could not resolve",
    "couldn't resolve",
    "unable to resolve",
    "failed to resolve",
    "temporary failure resolving",
    "failed to lookup address",
    "bad address '",
    "no such host",
    "getaddrinfo",
    "eai_again",
    "enotfound",
    "network is unreachable",
    "network unreachable",
    // Of apt-get(8), which has no lists in a step.
    "unable to locate package",
];

/// Whether a step seems to have failed for want of a network.
pub(super) fn wants_network(output: &str) -> bool {
    let output = output.to_lowercase();
    NO_NETWORK.iter().any(|said| output.contains(said))
}

/// Lines of a failed step's output that are shown.
const LINES: usize = 100;

fn last_lines(output: &str) -> String {
    let plain = output.replace('\t', "    ");
    // Of a line that was written over, what a terminal has in the end.
    let seen = |line: &'_ str| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default().to_owned();
    let lines: Vec<String> = plain.trim_end().lines().map(seen).collect();
    match lines.len() {
        0 => "it printed nothing".to_owned(),
        count => lines[count.saturating_sub(LINES)..].join("\n"),
    }
}
