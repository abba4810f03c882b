//! The kernel, one thin typed function per system call.
//!
//! The only folder with `unsafe`, and the only one that names `libc`, `nix` or `rustix`. It knows nothing of envbox:
//! no box, no store, no plan. Every function returns [`std::io::Result`], so that the layer above can say what was
//! tried and on which path. Every descriptor is an owned type and close-on-exec.
#![allow(unsafe_code)]

pub mod fs;
pub mod id;
pub mod namespace;
pub mod probe;
pub mod process;
