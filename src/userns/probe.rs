//! Whether the machine lets this user make namespaces, found out by making them.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::refusal::{Refusal, Stage};
use crate::sys::namespace::{self, Namespaces};
use crate::sys::process::{self, Fork, SingleThread};
use crate::sys::{id, probe};

/// Makes a user namespace in a forked child, maps one id, and makes the other namespaces of a box and a mount.
///
/// # Errors
/// [`Refusal`].
pub fn user_namespace(proof: &SingleThread) -> Result<(), Refusal> {
    let refused = |source| Refusal { stage: Stage::Unshare, source };
    let (mut answer, mut child) = UnixStream::pair().map_err(refused)?;
    let (uid, gid) = (id::effective_uid(), id::gid());
    let pid = match process::fork(proof).map_err(refused)? {
        Fork::Child => process::finish(|| {
            let (stage, result) = try_all(proof, uid, gid);
            let errno = result.err().and_then(|error| error.raw_os_error()).unwrap_or(0);
            let [a, b, c, d] = errno.to_ne_bytes();
            u8::from(child.write_all(&[stage as u8, a, b, c, d]).is_err())
        }),
        Fork::Parent(pid) => pid,
    };
    drop(child);
    let mut report = [0; 5];
    let heard = answer.read_exact(&mut report);
    process::wait(pid).map_err(refused)?;
    heard.map_err(refused)?;
    let [stage, a, b, c, d] = report;
    let stage = [Stage::Unshare, Stage::Map, Stage::Namespaces]
        .into_iter()
        .find(|known| *known as u8 == stage)
        .unwrap_or(Stage::Mount);
    match i32::from_ne_bytes([a, b, c, d]) {
        0 => Ok(()),
        errno => Err(Refusal { stage, source: io::Error::from_raw_os_error(errno) }),
    }
}

/// What every box has of its own, whatever its network.
fn of_a_box() -> Namespaces {
    Namespaces::NEWNS | Namespaces::NEWPID | Namespaces::NEWIPC | Namespaces::NEWUTS | Namespaces::NEWCGROUP
}

/// The last stage that was tried, and what came of it.
fn try_all(proof: &SingleThread, uid: u32, gid: u32) -> (Stage, io::Result<()>) {
    if let Err(error) = namespace::unshare(proof, Namespaces::NEWUSER) {
        return (Stage::Unshare, Err(error));
    }
    // The rules for a map without a helper: one id, one's own, and groups denied first (user_namespaces(7)).
    let map = fs::write("/proc/self/setgroups", "deny")
        .and_then(|()| fs::write("/proc/self/gid_map", format!("0 {gid} 1")))
        .and_then(|()| fs::write("/proc/self/uid_map", format!("0 {uid} 1")));
    match map {
        Err(error) => (Stage::Map, Err(error)),
        Ok(()) => match namespace::unshare(proof, of_a_box()) {
            Err(error) => (Stage::Namespaces, Err(error)),
            Ok(()) => (Stage::Mount, probe::tmpfs()),
        },
    }
}
