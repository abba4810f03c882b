//! Work inside a user namespace that ends with a value.

use std::io::{Read as _, Write as _};
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::chain;
use super::{Error, Identity, Namespaces, spawn};
use crate::sys::process::{self, Ended, Pid, SingleThread};

/// Work under way in a child. It dies with this process; dropped before it is finished, it is killed.
#[derive(Debug)]
pub struct Work<T> {
    pid: Option<Pid>,
    results: UnixStream,
    result: PhantomData<T>,
}

/// Starts `work` in a forked child, as root of a new user namespace and in a mount namespace of its own. This
/// process is free to do other things meanwhile, such as to start threads.
///
/// # Errors
/// [`Error`], if it does not come to the work.
pub fn start<T, E>(
    proof: &SingleThread,
    identity: &Identity,
    work: impl FnOnce(&SingleThread) -> Result<T, E>,
) -> Result<Work<T>, Error>
where
    T: Serialize + DeserializeOwned,
    E: std::error::Error,
{
    let (results, answer) =
        UnixStream::pair().map_err(|source| Error::Parent { what: "make a socket pair", source })?;
    // Owned by the closure: the parent's copy goes with it, so that the end of the child is the end of the stream.
    let pid = spawn(
        proof,
        identity,
        Namespaces::NEWNS,
        None,
        |_| {},
        move |proof| {
            let outcome = process::die_with_parent(process::Signal::SIGKILL)
                .map_err(|error| vec![error.to_string()])
                .and_then(|()| work(proof).map_err(|error| chain(&error)));
            let sent = serde_json::to_vec(&outcome).is_ok_and(|bytes| (&answer).write_all(&bytes).is_ok());
            u8::from(!sent)
        },
    )?;
    Ok(Work { pid: Some(pid), results, result: PhantomData })
}

/// Does `work` as [`start`] has it, and returns what it returned.
///
/// # Errors
/// [`Error`]. An error of the work's arrives as the texts of its whole chain of causes ([`Error::Work`]).
pub fn run<T, E>(
    proof: &SingleThread,
    identity: &Identity,
    work: impl FnOnce(&SingleThread) -> Result<T, E>,
) -> Result<T, Error>
where
    T: Serialize + DeserializeOwned,
    E: std::error::Error,
{
    start(proof, identity, work)?.finish()
}

impl<T: DeserializeOwned> Work<T> {
    /// Waits for the work's end, and returns what it returned.
    ///
    /// # Errors
    /// [`Error`].
    pub fn finish(mut self) -> Result<T, Error> {
        let mut bytes = Vec::new();
        let read = self.results.read_to_end(&mut bytes);
        let ended = match self.pid.take() {
            Some(pid) => process::wait(pid).map_err(|source| Error::Parent { what: "wait for the child", source })?,
            None => Ended::Exited(0),
        };
        match (read, ended) {
            (Ok(_), Ended::Exited(0)) => serde_json::from_slice::<Result<T, Vec<String>>>(&bytes)
                .map_err(|error| Error::ChildDied(error.to_string()))?
                .map_err(Error::Work),
            (_, Ended::Exited(status)) => Err(Error::ChildDied(format!("exit status {status}"))),
            (_, Ended::Killed(signal)) => Err(Error::ChildDied(format!("signal {signal}"))),
        }
    }
}

impl<T> Drop for Work<T> {
    fn drop(&mut self) {
        if let Some(pid) = self.pid.take() {
            // Waited for, so that what it was writing to is its no more when this returns.
            let _ = crate::sys::signal::kill(pid, process::Signal::SIGKILL).and_then(|()| process::wait(pid));
        }
    }
}
