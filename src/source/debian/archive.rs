//! One suite of one archive: its verified list, and its package index.

use std::fs::File;
use std::io::Read;
use std::time::SystemTime;

use super::release::{Listed, Release};
use super::{List, Own, Request};
use crate::source::http::{Session, Want};
use crate::source::{Error, Progress};
use crate::store::blobs::Blobs;

/// Bounds for what no signature covers yet, or what a signed list does not state.
const LARGEST_INRELEASE: u64 = 8 << 20;
const LARGEST_PACKAGES: u64 = 1 << 30;
/// Kept instead of a list that a mirror has said it does not have, so that this is known without a network too.
const MISSING: &[u8] = b"";

/// Where a suite is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Base URL of the archive.
    pub(super) base: String,
    /// The suite's name there.
    pub(super) suite: String,
    /// What the archive is called by its distribution.
    pub(super) own: Option<Own>,
}

impl Place {
    pub(super) fn new(base: &str, suite: impl Into<String>, own: Option<&Own>) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), suite: suite.into(), own: own.cloned() }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/dists/{}/{path}", self.base, self.suite)
    }
}

/// A suite whose list has been verified.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) place: Place,
    pub(super) release: Release,
}

impl Archive {
    /// Takes a list that was just fetched, or could not be. Without a network, the one that was fetched last will do, out
    /// of date as it may be: nothing newer can be had, and its signature is checked like any other. The same goes when
    /// the mirror has an older one than we have seen: it lags behind, or someone holds updates back.
    pub(super) fn open(
        request: &Request,
        place: Place,
        fetched: Result<Vec<u8>, Error>,
        blobs: &Blobs,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let url = place.url("InRelease");
        let verify = |content: &[u8]| Release::verify(&url, content, &place.suite, &request.keyring, request.now);
        let kept = blobs.index(&url);
        let known_missing = kept.as_deref() == Some(MISSING);
        let kept = kept.and_then(|content| verify(&content).ok());
        let release = match (fetched, kept) {
            (Ok(content), kept) => {
                let served = verify(&content)?;
                let newer = kept.filter(|kept| kept.date > served.date);
                let behind = newer.is_some();
                let release = newer.unwrap_or(served);
                if !request.ignore_valid_until {
                    release.check_valid_until(request.now)?;
                }
                if behind {
                    progress.note(&format!("{url} is older than the one fetched before, which is used instead"));
                } else {
                    blobs.keep_index(&url, &content)?;
                }
                release
            }
            (Err(error), Some(kept)) if error.is_offline() => {
                let date = kept.field("Date").unwrap_or_default();
                progress.note(&format!("{} cannot be reached: its list of {date} is used", place.base));
                kept
            }
            (Err(error), kept) if error.is_missing() || (error.is_offline() && known_missing) => {
                if kept.is_none() {
                    blobs.keep_index(&url, MISSING)?;
                }
                return Err(Error::NoSuite { mirror: place.base, suite: place.suite });
            }
            (Err(error), _) => return Err(error),
        };
        Ok(Self { place, release })
    }

    /// Whether the archive lists packages of this component for this architecture.
    pub(super) fn has(&self, component: &str, arch: &str) -> bool {
        self.packages(component, arch).is_ok()
    }

    /// What to fetch for the package index of a component, and how it is compressed.
    fn packages(&self, component: &str, arch: &str) -> Result<(Want, Compression), Error> {
        let directory = format!("{component}/binary-{arch}");
        let listed = |compression: &Compression| {
            let file = format!("Packages{}", compression.suffix());
            let listed = self.release.file(&format!("{directory}/{file}"))?;
            Some((*compression, file, listed))
        };
        let (compression, file, Listed { digest, size }) = Compression::ALL
            .iter()
            .find_map(listed)
            .ok_or_else(|| Error::NoArch { url: self.release.url().to_owned(), arch: format!("{component} {arch}") })?;
        let path = if self.release.by_hash() { format!("by-hash/SHA256/{}", digest.hex()) } else { file };
        let url = self.place.url(&format!("{directory}/{path}"));
        Ok((Want { url, elsewhere: Vec::new(), digest: Some(digest), size: Some(size) }, compression))
    }

    /// Fetches the package index, unless it is in the cache, and unpacks it.
    pub(super) fn fetch_packages(
        &self,
        component: &str,
        arch: &str,
        session: &Session,
        blobs: &Blobs,
        progress: &dyn Progress,
    ) -> Result<String, Error> {
        let (want, compression) = self.packages(component, arch)?;
        let file = match want.digest.as_ref().map(|digest| blobs.open(digest)).transpose()?.flatten() {
            Some(file) => file,
            None => {
                progress.start(&format!("fetching the package list of {} {component}", self.place.suite), want.size);
                let fetched = session.file(blobs, &want, progress);
                progress.finish();
                fetched?.1
            }
        };
        let plain = self.release.file(&format!("{component}/binary-{arch}/Packages")).map(|listed| listed.size);
        compression
            .read(file, plain.unwrap_or(LARGEST_PACKAGES))
            .map_err(|error| Error::Malformed { url: want.url, what: error.to_string() })
    }

    pub(super) fn list(&self) -> List {
        List {
            archive: self.place.base.clone(),
            suite: self.place.suite.clone(),
            date: self.release.field("Date").unwrap_or_default().to_owned(),
            signers: self.release.signers.clone(),
            inrelease: self.release.digest,
            own: self.place.own.clone(),
            epoch: self.epoch(),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.release.date.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// Fetches the lists of some suites at once.
pub(super) fn fetch_lists(session: &Session, places: &[Place]) -> Vec<Result<Vec<u8>, Error>> {
    let urls: Vec<String> = places.iter().map(|place| place.url("InRelease")).collect();
    session.small(&urls, LARGEST_INRELEASE)
}

/// How an index is compressed.
#[derive(Debug, Clone, Copy)]
enum Compression {
    Xz,
    Gzip,
    None,
}

impl Compression {
    /// The smallest first.
    const ALL: [Self; 3] = [Self::Xz, Self::Gzip, Self::None];

    fn suffix(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Gzip => ".gz",
            Self::None => "",
        }
    }

    /// The text, which may have `largest` bytes.
    fn read(self, file: File, largest: u64) -> std::io::Result<String> {
        let reader: Box<dyn Read> = match self {
            Self::Xz => Box::new(liblzma::read::XzDecoder::new_stream(file, xz_stream()?)),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
            Self::None => Box::new(file),
        };
        let mut text = Vec::with_capacity(usize::try_from(largest.min(LARGEST_PACKAGES)).unwrap_or(0).min(128 << 20));
        reader.take(largest.saturating_add(1)).read_to_end(&mut text)?;
        if u64::try_from(text.len()).is_ok_and(|len| len > largest) {
            return Err(std::io::Error::other(format!("it has more than {largest} bytes")));
        }
        String::from_utf8(text).map_err(std::io::Error::other)
    }
}

/// A decoder that leaves out the check of its own: the file's digest has been verified, and a sixteenth of the time is
/// saved.
fn xz_stream() -> std::io::Result<liblzma::stream::Stream> {
    const MEMORY: u64 = 256 << 20;
    Ok(liblzma::stream::Stream::new_stream_decoder(MEMORY, liblzma::stream::IGNORE_CHECK)?)
}
