//! Finding a program, as execvp(3) does.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::sys::system;

/// The directories in which root's commands are looked for, and everybody's who has no `PATH`.
pub(super) const SECURE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The file of a program: a name with a slash is a path, any other is looked for on the `PATH` of an environment.
pub(super) fn find(name: &OsStr, env: &[(OsString, OsString)]) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(name.into());
    }
    let path = env.iter().find(|(key, _)| key == "PATH").map_or(OsStr::new(SECURE_PATH), |(_, path)| path);
    std::env::split_paths(path)
        .map(|dir| dir.join(name))
        .find(|candidate| !name.is_empty() && system::check_executable(candidate).is_ok())
}
