//! Archives become trees: run as root of a user namespace, in a process of its own that is locked into the target.
//!
//! An archive is hostile until proven otherwise. Whatever it says, nothing outside of the target changes: every path is
//! resolved by the kernel beneath the target's descriptor, and the process can reach nothing else. What an archive may
//! cost is capped ([`Limits`]), and what two readers of it could understand differently is refused.

mod adopt;
mod archive;
mod attributes;
mod body;
pub mod bundle;
mod deb;
mod debs;
mod dirs;
pub mod dpkg;
mod error;
mod growing;
pub mod index;
mod lookup;
mod member;
mod merged;
mod merged_usr;
mod name;
mod options;
mod pax;
mod pipe;
mod report;
mod root;
pub mod share;
mod sparse;
mod squashfs;
mod stream;
mod strip;
mod tar;
mod whiteout;
mod writer;

pub use adopt::adopt;
pub use deb::{Deb, Unpacked};
pub use debs::debs;
pub use error::{Cap, Error};
pub use growing::Growing;
pub use lookup::{Tree, TreeFile};
pub use options::{Limits, Options, Owners, Strip, Whiteouts};
pub use report::{Link, Report};
pub use root::Root;
pub use squashfs::{MAGIC as SQUASHFS_MAGIC, squashfs};
pub use stream::Format;
pub use tar::tar;
