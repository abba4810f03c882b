//! Values that describe boxes and how to get them. Pure: nothing here opens a file.

mod name;

pub use name::{BoxName, ParseNameError};
