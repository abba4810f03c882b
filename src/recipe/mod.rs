//! Values that describe boxes and how to get them. Pure: nothing here opens a file.

mod box_config;
mod catalogue;
mod check;
mod distro;
mod embedded;
mod fault;
mod fill;
mod form;
pub mod keyrings;
pub mod lock;
mod machine;
mod name;
pub mod project;
mod resolve;
pub mod schema;
pub mod settings;
mod source;
mod suggest;
mod text;
mod variables;
mod verified;
mod yaml;

pub use box_config::{BoxConfig, Origin, Overlay};
pub use catalogue::{Catalogue, Entry, Match, NoMatch};
pub use distro::{Architecture, Change, Packages, Recipe, Setup, System, Version};
pub use fault::Fault;
pub use machine::{MACHINES, Machine};
pub use name::{BoxName, ParseNameError};
pub use resolve::{ResolveError, Resolved, with_file};
pub use source::{Also, Archive, Lxc, Oci, Only, Signature, Signed, Source, Tarball};
pub use suggest::Suggestion;
pub use text::{Place, Text};
pub use verified::Verified;
