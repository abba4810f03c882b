//! What vouches for a file: lists of digests, and signatures by OpenPGP and minisign.
//!
//! Everything here works on bytes that are there already, and fetches nothing. A check that fails is an error, never a
//! `false` that a caller might not look at.

mod minisign;
mod openpgp;
mod sums;

use std::fmt;
use std::io::{self, Read};

pub use minisign::MinisignKeys;
pub use openpgp::{Keyring, Signed};
pub use sums::{Algorithm, Sum, Sums};

use super::error::without_password;
use super::{Error, Progress, Trust};

/// What vouches for something, and by which keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// How much that is worth.
    pub trust: Trust,
    /// The keys that signed, by the names that people know them by: fingerprints, or ids of minisign keys.
    pub keys: Vec<String>,
}

impl Vouched {
    /// By what needs no key.
    pub fn by(trust: Trust) -> Self {
        Self { trust, keys: Vec::new() }
    }

    /// By a distribution's keys.
    pub fn signed(keys: Vec<String>) -> Self {
        Self { trust: Trust::DistroSignature, keys }
    }

    /// Refuses what nothing vouches for, unless that is `allowed`, and then says so every time: without a digest or a
    /// signature, what comes from `url` without TLS may be anybody's. The machine itself is trusted.
    ///
    /// # Errors
    /// [`Error::Unverified`].
    pub fn demand(&self, url: &str, allowed: bool, progress: &dyn Progress) -> Result<(), Error> {
        if self.trust != Trust::None {
            return Ok(());
        }
        let url = without_password(url);
        if !allowed && !is_loopback(&url) {
            return Err(Error::Unverified { url });
        }
        progress.note(&format!("nothing vouches for {url}: it comes over plain http, unsigned"));
        Ok(())
    }
}

impl fmt::Display for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trust.fmt(f)?;
        match self.keys.as_slice() {
            [] => Ok(()),
            [key] => write!(f, " (key {key})"),
            [key, others @ ..] => write!(f, " (key {key} and {} more)", others.len()),
        }
    }
}

/// What the way alone by which something came from `url` is worth.
pub fn channel(url: &str) -> Trust {
    if scheme(url).eq_ignore_ascii_case("https") { Trust::TlsOnly } else { Trust::None }
}

/// Reads to the end, piece by piece.
fn in_pieces(mut content: impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => take(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn scheme(url: &str) -> &str {
    url.split_once("://").map_or("", |(scheme, _)| scheme)
}

/// Whether a URL leads to this machine itself: nobody can listen in between.
fn is_loopback(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Silent;

    #[test]
    fn what_is_shown() {
        assert_eq!(Vouched::by(Trust::TlsOnly).to_string(), "TLS only");
        assert_eq!(Vouched::signed(vec!["AB".into()]).to_string(), "distribution's signature (key AB)");
        let several = Vouched::signed(vec!["AB".into(), "CD".into(), "EF".into()]);
        assert_eq!(several.to_string(), "distribution's signature (key AB and 2 more)");
    }

    #[test]
    fn what_nothing_vouches_for_is_refused() {
        let nothing = Vouched::by(Trust::None);
        for url in ["http://example.org/x", "http://127.0.0.1.example.org/x", "http://localhost@a.test/", "x"] {
            assert!(matches!(nothing.demand(url, false, &Silent), Err(Error::Unverified { .. })), "{url}");
            nothing.demand(url, true, &Silent).unwrap();
            Vouched::by(Trust::TlsOnly).demand(url, false, &Silent).unwrap();
        }
        for url in ["http://127.0.0.1:80/x", "http://[::1]/x", "http://localhost:8080/x"] {
            nothing.demand(url, false, &Silent).unwrap();
        }
    }

    #[test]
    fn the_way_it_came() {
        assert_eq!(channel("HTTPS://x/y"), Trust::TlsOnly);
        assert_eq!(channel("http://x/https://y"), Trust::None);
    }
}
