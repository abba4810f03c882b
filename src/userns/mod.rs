//! The one door into a user namespace.
//!
//! [`spawn`] forks a child that makes the namespaces, waits until this process has had the maps written, and then runs
//! the caller's code as root of the new user namespace. [`run`] does the same for work that ends with a value.

mod error;
mod identity;
mod idmap;
mod more;
pub mod probe;
pub mod refusal;
mod spawn;
mod split;
mod work;

pub use crate::sys::namespace::Namespaces;
pub use error::{Error, chain};
pub use identity::{IdHelpers, Identity, IdentityError, Range, SubIds};
pub use idmap::{Extent, IdMap};
pub use more::unshare;
pub use spawn::spawn;
pub use work::{Work, run, start};
