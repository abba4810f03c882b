//! A box's own network: the program that connects it with the host's, and the ports that lead into it.
//!
//! A network namespace that belongs to a user namespace of the user's can have no device of the host's. slirp4netns(1) gives
//! it one that ends in a process, which speaks for the box by ordinary sockets of the user's: no privilege is needed, the
//! host's own services on its loopback device are out of reach, and what listens in the box is reached by nobody unless a
//! port is published.

mod error;
mod slirp;

pub use error::Error;
pub use slirp::{Inherited, NAME, RESOLVER, command, publish, socket};

/// The hosts(5) of a root that has to know of no other machines.
pub const LOOPBACK_HOSTS: &[u8] = b"127.0.0.1\tlocalhost\n::1\tlocalhost\n";
