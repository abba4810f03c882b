//! envbox's face inside a box: the same static program, owned by box-root, and called by another name. As `sudo`,
//! `newuidmap` and `newgidmap` it is setuid; as the supervisor of a project's services, and as what waits for a system box's
//! boot, it is not.

mod accounts;
mod boot;
mod error;
mod idmap;
mod program;
mod sudo;
pub mod supervise;

use std::ffi::OsStr;
use std::path::Path;

pub use error::Error;
pub use idmap::MapError;

/// What an agent does. It returns only if it does not become another program.
pub type Entry = fn() -> Result<u8, Error>;

/// The name, in the box's run directory, by which the program is the supervisor of services, or asks it.
pub const SUPERVISOR: &str = "supervisor";

/// What this program is, by the name it was called by: an agent's entry point, if it is one.
pub fn entry(name: &OsStr) -> Option<Entry> {
    match Path::new(name).file_name()?.to_str()? {
        "sudo" => Some(sudo::run),
        "newuidmap" => Some(idmap::users),
        "newgidmap" => Some(idmap::groups),
        SUPERVISOR => Some(supervise::run),
        _ => None,
    }
}
