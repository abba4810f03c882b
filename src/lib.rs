//! envbox: rootless, daemonless Linux environments for one user.
//!
//! The layers, what each owns and what each may use are in `ARCHITECTURE.md`; `tests/it/tidy.rs` enforces it.

pub mod host;
pub mod image;
pub mod source;
pub mod store;
pub mod sys;
pub mod userns;
