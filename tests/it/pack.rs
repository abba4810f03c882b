//! Trees become layers and images, which other programs read.

mod described;
mod layer;
mod published;
mod save;
pub(crate) mod tools;
mod trees;
