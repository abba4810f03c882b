//! The kernel, one thin typed function per system call.
//!
//! The only folder with `unsafe`, and the only one that names `libc`, `nix` or `rustix`. It knows nothing of envbox:
//! no box, no store, no plan. Every function returns [`std::io::Result`], so that the layer above can say what was
//! tried and on which path. Every descriptor is an owned type and close-on-exec.
#![allow(unsafe_code)]

pub mod bound;
pub mod confine;
pub mod extents;
pub mod family;
pub mod file;
pub mod fs;
pub mod id;
pub mod lock;
pub mod mount;
pub mod namespace;
pub mod net;
pub mod poll;
pub mod probe;
pub mod process;
pub mod root;
pub mod seccomp;
pub mod signal;
pub mod socket;
pub mod stream;
pub mod system;
pub mod tree;
pub mod tty;
pub mod xattr;
