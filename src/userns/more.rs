//! Namespaces of other kinds, in the user namespace that is there already.

use std::io;

use super::Namespaces;
use crate::sys::namespace;
use crate::sys::process::SingleThread;

/// [`namespace::unshare`], with words for the one failure whose number has others: `ENOSPC` is "no space left on device" to all
/// who see it, and here no disk is full (unshare(2)).
///
/// # Errors
/// Those of [`namespace::unshare`].
pub fn unshare(proof: &SingleThread, kinds: Namespaces) -> io::Result<()> {
    namespace::unshare(proof, kinds).map_err(in_words)
}

fn in_words(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::StorageFull => io::Error::other(
            "this user has as many namespaces of a kind as the machine allows (`sysctl user` shows user.max_*_namespaces)",
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_disk_is_blamed() {
        let full = in_words(io::Error::from_raw_os_error(28)).to_string();
        assert!(full.contains("max_*_namespaces") && !full.contains("space left"), "{full}");
        assert_eq!(in_words(io::Error::from_raw_os_error(1)).raw_os_error(), Some(1));
    }
}
