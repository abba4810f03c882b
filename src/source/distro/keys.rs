//! The keys that a recipe names.

use std::fs;
use std::path::Path;

use super::Texts;
use crate::recipe::keyrings;
use crate::source::Error;
use crate::source::verify::Keyring;

/// Bounds for a ring that is fetched; that of all of Debian's developers has 30 MB.
const LARGEST_RING: u64 = 64 << 20;

/// A keyring and of it the keys with these fingerprints: one that this program carries, one at a URL, or one in a file.
/// Whoever serves a ring can put any keys into it, so one at a URL must come with fingerprints.
pub(super) fn keyring(texts: &Texts<'_>, name: &str, fingerprints: &[String]) -> Result<Keyring, Error> {
    let ring = if let Some(bytes) = keyrings::bytes(name) {
        Keyring::from_bytes(bytes)?
    } else if name.contains("://") {
        if fingerprints.is_empty() {
            return Err(Error::Keyring(format!("{name} is fetched, but no fingerprint says which keys are right")));
        }
        Keyring::from_bytes(&texts.text(name, LARGEST_RING)?)?
    } else {
        let path = Path::new(name);
        Keyring::from_bytes(&fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?)?
    };
    ring.only(fingerprints)
}
