//! envbox: rootless, daemonless Linux environments for one user.
//!
//! The layers, what each owns and what each may use are in `ARCHITECTURE.md`; `tests/it/tidy.rs` enforces it.

pub mod agent;
pub mod build;
pub mod cli;
pub mod commands;
pub mod context;
pub mod error;
pub mod host;
pub mod image;
pub mod import;
pub mod launch;
pub mod limits;
pub mod net;
pub mod pack;
pub mod plan;
pub mod recipe;
pub mod source;
pub mod store;
pub mod sys;
pub mod ui;
pub mod unpack;
pub mod userns;
