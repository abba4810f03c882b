//! Tarballs: a local file, or one behind a URL.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::http::{Client, Want};
use super::verify::{Vouched, channel};
use super::{Error, Progress, Trust};
use crate::image::Digest;
use crate::store::blobs::{self, Blobs};

/// Where a tarball is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file on this machine.
    Path(PathBuf),
    /// An http or https URL.
    Url(String),
}

impl Location {
    /// From what a user writes: a URL if it begins like one, else a path.
    pub fn parse(text: &str) -> Self {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("http" | "https") => Self::Url(text.to_owned()),
            _ => Self::Path(Path::new(text).to_owned()),
        }
    }

    /// Refuses what nothing vouches for, unless that is `allowed`, and then says so. A file of this machine is the user's
    /// own affair.
    ///
    /// # Errors
    /// [`Error::Unverified`].
    pub fn demand(&self, expected: Option<&Digest>, allowed: bool, progress: &dyn Progress) -> Result<(), Error> {
        match self {
            Self::Url(url) => Vouched::by(self.trust(expected)).demand(url, allowed, progress),
            Self::Path(_) => Ok(()),
        }
    }

    fn trust(&self, expected: Option<&Digest>) -> Trust {
        match self {
            _ if expected.is_some() => Trust::PinnedDigest,
            Self::Url(url) => channel(url),
            Self::Path(_) => Trust::None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(&super::error::without_password(url)),
        }
    }
}

/// A tarball that is here.
#[derive(Debug)]
pub struct Fetched {
    /// The file, open for reading from its beginning.
    pub file: File,
    /// Its digest; unknown for a local file that nobody has promised anything about.
    pub digest: Option<Digest>,
    /// Where it came from, for the record.
    pub origin: String,
    /// Why it is believed.
    pub trust: Trust,
}

/// Fetches a tarball. A local file is opened where it is; one behind a URL goes through the cache, and is not asked for
/// again if its digest is known. Without a network, what this URL last gave will do.
///
/// # Errors
/// [`Error`]: [`Error::Digest`] if it is not what was `expected`.
pub fn fetch(
    location: &Location,
    expected: Option<Digest>,
    client: &Client,
    blobs: &Blobs,
    progress: &dyn Progress,
) -> Result<Fetched, Error> {
    let (file, digest) = match location {
        Location::Path(path) => open(path, expected)?,
        Location::Url(url) => {
            let (digest, file) = download(url, expected, client, blobs, progress)?;
            (file, Some(digest))
        }
    };
    Ok(Fetched { file, digest, origin: location.to_string(), trust: location.trust(expected.as_ref()) })
}

fn open(path: &Path, expected: Option<Digest>) -> Result<(File, Option<Digest>), Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    if let Some(expected) = expected {
        let actual = blobs::hash(&mut file).map_err(failed)?;
        if actual != expected {
            return Err(Error::Digest { what: path.display().to_string(), expected, actual });
        }
    }
    Ok((file, expected))
}

fn download(
    url: &str,
    expected: Option<Digest>,
    client: &Client,
    blobs: &Blobs,
    progress: &dyn Progress,
) -> Result<(Digest, File), Error> {
    blobs.sweep()?;
    if let Some(digest) = expected
        && let Some(file) = blobs.open(&digest)?
    {
        return Ok((digest, file));
    }
    let want = Want { url: url.to_owned(), elsewhere: Vec::new(), digest: expected, size: None };
    progress.start(&format!("downloading {}", super::error::without_password(url)), None);
    let fetched = client.session().and_then(|session| session.file(blobs, &want, progress));
    progress.finish();
    match fetched {
        Ok((digest, _)) => blobs.keep_index(url, digest.to_string().as_bytes())?,
        Err(ref error) if error.is_offline() => {
            let known = blobs.index(url).and_then(|digest| String::from_utf8(digest).ok()?.parse::<Digest>().ok());
            let known = known.filter(|known| expected.is_none_or(|expected| expected == *known));
            if let Some((digest, file)) = known.and_then(|digest| Some((digest, blobs.open(&digest).ok()??))) {
                progress.note("the server cannot be reached: the copy fetched before is used");
                return Ok((digest, file));
            }
        }
        Err(_) => {}
    }
    fetched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_paths() {
        assert_eq!(Location::parse("https://x/y.tar"), Location::Url("https://x/y.tar".to_owned()));
        assert_eq!(Location::parse("./y.tar.gz"), Location::Path("./y.tar.gz".into()));
        assert_eq!(Location::parse("ftp://x/y"), Location::Path("ftp://x/y".into()));
        assert_eq!(Location::parse("HTTPS://u:p@x/y").to_string(), "HTTPS://x/y");
    }

    #[test]
    fn the_trust_ladder() {
        let trust = |text: &str, digest: Option<Digest>| Location::parse(text).trust(digest.as_ref());
        assert_eq!(trust("http://x/y", Some(Digest::of(b""))), Trust::PinnedDigest);
        assert_eq!(trust("HTTPS://x/y", None), Trust::TlsOnly);
        assert_eq!(trust("http://x/y", None), Trust::None);
        assert_eq!(trust("/y", None), Trust::None);
        assert!(Trust::PinnedDigest < Trust::DistroSignature && Trust::TlsOnly < Trust::None);
    }
}
