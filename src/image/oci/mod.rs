//! The documents of the OCI image format (image-spec 1.1), and those of Docker's that say the same.
//!
//! What comes from a registry or an archive is hostile: it is parsed once, strictly, into these types. Bytes are kept beside
//! the values wherever a digest was computed of them; nothing is ever serialised again to be compared.

mod config;
mod descriptor;
mod manifest;
mod platform;

pub use config::{Config, History, RootFs, RunConfig};
pub use descriptor::{Descriptor, media};
pub use manifest::{Document, Index, Manifest, ParseError};
pub use platform::Platform;
