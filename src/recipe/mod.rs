//! Values that describe boxes and how to get them. Pure: nothing here opens a file.

mod box_config;
mod name;

pub use box_config::{BoxConfig, Overlay, ParseConfigError};
pub use name::{BoxName, ParseNameError};
