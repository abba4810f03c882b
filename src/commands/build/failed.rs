//! A step that failed, as a user is told of it.

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

impl Failed {
    /// A step, how it ended, and what it printed.
    pub(super) fn new(step: String, status: &str, output: &str) -> Self {
        Self { step, status: status.to_owned(), source: Printed(last_lines(output)) }
    }
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
    let plain = output.replace('\t', "    ").replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = plain.trim_end().lines().collect();
    match lines.len() {
        0 => "it printed nothing".to_owned(),
        count => lines[count.saturating_sub(LINES)..].join("\n"),
    }
}
