//! From a project's recipe to the steps that make its image, and what each is known by.
//!
//! Pure: which layers an image has is known without anything being made, fetched or locked. `commands::build` carries the
//! steps out.

mod env;
mod key;
mod step;
mod system;

pub use env::EPOCH;
pub use key::keys;
pub use step::{By, DEBS, Error, Inputs, Step, steps};
pub use system::{Manager, recipe_of};
