//! Where the supervisor has its things in the box.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use crate::sys;

/// Its socket, its lock and its last words: below the box's run directory, so that they are gone when the box stops.
const RUN: &str = "/run/envbox/services";
/// Those that ask connect to it.
pub(super) const SOCKET: &str = "/run/envbox/services/socket";
/// Held by the supervisor, so that there is one.
pub(super) const LOCK: &str = "/run/envbox/services/lock";
/// How services were when the last supervisor left.
pub(super) const LAST: &str = "/run/envbox/services/last.json";

const LOGS: &str = "/var/log";
const OWN_LOGS: &str = "envbox";

/// Makes the directory of the socket, which is root's alone.
pub(super) fn make_run_dir() -> io::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(RUN);
    made.and_then(|()| sys::fs::set_mode(sys::fs::open_dir(Path::new(RUN))?, 0o700))
}

/// The directory of the logs, which is made if it is missing. It has to be on the box's own disk: an image could have a link
/// there that leads into what is the user's.
pub(super) fn logs() -> io::Result<OwnedFd> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(LOGS)?;
    let parent = sys::fs::open_dir(Path::new(LOGS))?;
    match sys::fs::make_dir(&parent, OsStr::new(OWN_LOGS), 0o755) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let dir = sys::fs::open_child(&parent, OsStr::new(OWN_LOGS))?;
    let device = |dir: &OwnedFd| sys::fs::status(dir).map(|status| status.identity.0);
    if device(&dir)? == device(&sys::fs::open_dir(Path::new("/"))?)? {
        return Ok(dir);
    }
    Err(io::Error::other(format!("{LOGS}/{OWN_LOGS} is not on the box's own disk")))
}
