//! Images at registries, real ones on the loopback.

pub(crate) mod layout;
mod pull;
pub(crate) mod server;
