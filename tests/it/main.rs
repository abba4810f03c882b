//! Integration tests: the real binary, on real root file systems, without any mock of the kernel.
//!
//! A test says what it needs by `requires!`. One whose name has `as_root` in it runs as root, all others as an ordinary
//! user: `tests/run` sees to both.
#![allow(clippy::disallowed_methods, reason = "tests read the environment they are started in")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails, in what it calls as well")]

mod support;

mod boxes;
mod build;
mod cgroup;
mod completions;
mod config;
mod crash;
mod debian;
mod disk;
mod distro;
mod distros;
mod doctor;
mod help;
mod homes;
mod hook;
mod hostile;
mod image;
mod init;
mod keeper;
mod limits;
mod lock;
mod many;
mod mounts;
mod nesting;
mod network;
mod oci;
mod overlay;
mod pack;
mod project;
mod project_schema;
mod projects;
mod readme;
mod recipes;
mod registry;
mod services;
mod session;
mod shares;
mod source;
mod store;
mod system;
mod system_verbs;
mod task;
mod terminal;
mod tidy;
mod trust;
mod unpack;
mod usage;
mod view;
mod vm;
mod world;
