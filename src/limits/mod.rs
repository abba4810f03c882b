//! Control groups: where this user may make them.

mod ground;
pub mod systemd;

pub use ground::{Controller, Ground, NoGround, OUTSIDE, Rung};
