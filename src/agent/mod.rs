//! envbox's face inside a box: the same static program, owned by box-root, setuid, and called by another name.

mod accounts;
mod sudo;

use std::ffi::OsStr;
use std::path::Path;

use crate::host::Host;

/// What an agent does. It returns only if it does not become another program.
pub type Entry = fn(&Host) -> Result<u8, Error>;

/// What this program is, by the name it was called by: an agent's entry point, if it is one.
pub fn entry(name: &OsStr) -> Option<Entry> {
    match Path::new(name).file_name()?.to_str()? {
        "sudo" => Some(sudo::run),
        _ => None,
    }
}

pub use sudo::Error;
