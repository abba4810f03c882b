//! Archives become trees, the hostile ones included.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy knows test functions, not what they call"
)]

mod archives;
mod debian;
mod fixtures;
mod harness;
mod hostile;
mod index;
mod layers;
mod shapes;
mod squashfs;
mod stacks;
mod trees;
mod work;
