//! Archives become trees, the hostile ones included.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy knows test functions, not what they call"
)]

pub(crate) mod archives;
mod debian;
mod fixtures;
pub(crate) mod harness;
mod hostile;
mod index;
mod layers;
mod shapes;
mod squashfs;
mod stacks;
mod trees;
pub(crate) mod work;
