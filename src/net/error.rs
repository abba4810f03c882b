//! What can go wrong with a box's network.

use std::io;

use crate::recipe::settings::Port;

/// A box cannot have the network that it is to have.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program that connects it with the host's is not installed.
    #[error("a private network needs {0}, which is not installed")]
    NoProgram(&'static str),
    /// It did not come up.
    #[error("cannot {what}")]
    Program {
        /// What was being done.
        what: &'static str,
        /// Why not; with what the program has said, if it has said anything.
        source: io::Error,
    },
    /// A port cannot be published.
    #[error("cannot publish the port {port}: {reason}")]
    Port {
        /// The port.
        port: Port,
        /// The program's reason.
        reason: String,
    },
}
