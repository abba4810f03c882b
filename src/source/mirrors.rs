//! Several servers that have the same.

use super::{Error, Progress};

/// What the first server gives that has something to give. One that cannot be reached, or has no such thing, is passed
/// over with a note. One whose signature or digest is wrong is not: looking elsewhere would hide an attack.
///
/// # Errors
/// The last server's, or the first that is a refusal; [`Error::NoServer`].
pub(super) fn first_that_answers<T>(
    servers: &[String],
    progress: &dyn Progress,
    mut ask: impl FnMut(&str) -> Result<T, Error>,
) -> Result<T, Error> {
    let Some((last, others)) = servers.split_last() else { return Err(Error::NoServer) };
    for server in others {
        match ask(server) {
            Err(error) if error.is_unavailable() => progress.note(&format!("{error}: trying another server")),
            outcome => return outcome,
        }
    }
    ask(last)
}
