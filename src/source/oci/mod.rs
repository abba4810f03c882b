//! Images at registries (OCI distribution-spec 1.1).
//!
//! ```text
//! Registries   whom to trust and how to get there: credentials, mirrors, certificates
//! Repository   one image's repository, opened: the registry and its mirrors, kept-alive connections, tokens
//!   resolve    reference -> index -> manifest -> config, each by its digest
//!   download   blobs into the cache, several at once, readable while they grow
//!   push       blobs and documents to the registry
//! ```
//!
//! Registries are not trusted: documents have a largest size, blobs have the size and digest that the manifest says, and
//! what is secret is sent to nobody but whom it is for.

mod auth;
mod certificates;
mod credentials;
mod document;
mod download;
mod endpoint;
mod fault;
mod limits;
mod login;
mod mirrors;
mod push;
mod registries;
mod resolve;
mod settings;
mod tags;

pub use download::Event;
pub use fault::Fault;
pub use login::Login;
pub use registries::{Registries, Repository};
pub use resolve::Resolved;
pub use settings::Settings;
