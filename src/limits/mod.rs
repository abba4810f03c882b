//! Control groups: where this user may make them.

mod ground;

pub use ground::{Controller, Ground, NoGround, OUTSIDE, Rung};
