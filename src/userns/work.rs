//! Work inside a user namespace that ends with a value.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Error, IdMap, Namespaces, spawn};
use crate::host::IdHelpers;
use crate::sys::process::{self, Ended, SingleThread};

/// Runs `work` in a forked child, as root of a new user namespace with `map` and a mount namespace of its own, and
/// returns what it returned. The child dies with this process. An error of the child's arrives as the texts of its
/// whole chain of causes ([`Error::Work`]).
///
/// # Errors
/// [`Error`].
pub fn run<T, E>(
    proof: &SingleThread,
    map: &IdMap,
    helpers: &IdHelpers,
    work: impl FnOnce(&SingleThread) -> Result<T, E>,
) -> Result<T, Error>
where
    T: Serialize + DeserializeOwned,
    E: std::error::Error,
{
    let (mut results, answer) =
        UnixStream::pair().map_err(|source| Error::Parent { what: "make a socket pair", source })?;
    // Owned by the closure: the parent's copy goes with it, so that the end of the child is the end of the stream.
    let pid = spawn(proof, map, helpers, Namespaces::NEWNS, move |proof| {
        let outcome = process::die_with_parent(process::Signal::SIGKILL)
            .map_err(|error| vec![error.to_string()])
            .and_then(|()| work(proof).map_err(|error| chain(&error)));
        let sent = serde_json::to_vec(&outcome).is_ok_and(|bytes| (&answer).write_all(&bytes).is_ok());
        u8::from(!sent)
    })?;
    let mut bytes = Vec::new();
    let read = results.read_to_end(&mut bytes);
    let ended = process::wait(pid).map_err(|source| Error::Parent { what: "wait for the child", source })?;
    match (read, ended) {
        (Ok(_), Ended::Exited(0)) => serde_json::from_slice::<Result<T, Vec<String>>>(&bytes)
            .map_err(|error| Error::ChildDied(error.to_string()))?
            .map_err(Error::Work),
        (_, Ended::Exited(status)) => Err(Error::ChildDied(format!("exit status {status}"))),
        (_, Ended::Killed(signal)) => Err(Error::ChildDied(format!("signal {signal}"))),
    }
}

fn chain(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect()
}
