//! Debian and its family from their archives: what to fetch, verified link by link from the archive's keys to each
//! package. Which archive, which suites and whose keys are the caller's to say; nothing here knows a distribution by name.
//!
//! [`resolve`] says which packages make the system, and names the layer they would give; [`Bootstrap::download`] fetches
//! them; [`setup`] says what is to be written and run once they are unpacked. Nothing here unpacks.

mod archive;
mod index;
mod locked;
mod relation;
mod release;
mod resolve;
mod select;
mod setup;
mod suite;

use std::fs::File;
use std::io;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

pub use locked::{Locked, lock};
pub use resolve::resolve;
pub use setup::{SOURCES, Setup, SetupFile, setup};
pub use suite::Suite;

use super::http::{Client, Want};
use super::verify::{Keyring, Vouched};
use super::{Error, Progress};
use crate::image::Digest;
use crate::store::blobs::Blobs;

/// The flag that stands for [`Request::ignore_valid_until`], for hints.
pub const UNTIL_FLAG: &str = "--ignore-valid-until";

/// What system is wanted.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose system it is, for people: `Debian`.
    pub title: String,
    /// Base URLs of the archive at several servers, as in a `URIs:` field of sources.list(5); tried in order.
    pub archives: Vec<String>,
    /// Which suite.
    pub suite: Suite,
    /// Suites besides it, with its updates. One that is not there is none.
    pub companions: Vec<Companion>,
    /// The parts of the archive to take packages from: `main`.
    pub components: Vec<String>,
    /// For which architecture, by Debian's name: `amd64`.
    pub arch: String,
    /// Whether lists that are out of date by their own account will do.
    pub ignore_valid_until: bool,
    /// Packages besides the required ones and apt.
    pub include: Vec<String>,
    /// What the archive is called, whichever server is asked; `None` if by the server's URL.
    pub own: Option<Own>,
    /// Packages to be installed on top of the system later on ([`Bootstrap::more`]).
    pub more: Vec<String>,
    /// The keys to believe.
    pub keyring: Keyring,
    /// The package that has these keys for apt: `debian-archive-keyring`. An archive without it is somebody's own.
    pub keyring_package: String,
    /// The time, for signatures and validity.
    pub now: SystemTime,
}

/// A suite that goes with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// The suite: `trixie-updates`. If its name begins with that of an alias such as `stable`, it moves on with it.
    pub suite: Suite,
    /// Base URLs of its archive, tried in order; none if it is in the same archive.
    pub archives: Vec<String>,
    /// What that archive is called, whichever server is asked.
    pub own: Option<Own>,
}

/// What an archive is called by its distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its base URL.
    pub base: String,
    /// What a time comes behind to give the archive's base URL at that time.
    pub snapshot: Option<String>,
}

/// A package of a selection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, or `all`.
    pub arch: String,
    /// Digest of the .deb file.
    pub digest: Digest,
    /// Size of the .deb file in bytes.
    pub size: u64,
    /// The URL of the .deb file.
    pub url: String,
    /// Where else it may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
    /// The packages that it needs in certain versions.
    #[serde(skip)]
    pub needs: Vec<String>,
    /// Its path below the archive.
    #[serde(skip)]
    path: String,
    /// Which of [`Provenance::lists`] it is from; of a lock's, which site.
    #[serde(skip)]
    list: usize,
}

/// Where a selection comes from, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The lists it was chosen from; the suite itself first, then its updates.
    pub lists: Vec<List>,
}

impl Provenance {
    /// What vouches for it: the keys that signed the lists, each once.
    pub fn vouched(&self) -> Vouched {
        let mut keys: Vec<String> = Vec::new();
        for signer in self.lists.iter().flat_map(|list| &list.signers) {
            if !keys.contains(signer) {
                keys.push(signer.clone());
            }
        }
        Vouched::signed(keys)
    }
}

/// A verified list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Base URL of the archive.
    pub archive: String,
    /// The suite.
    pub suite: String,
    /// When it was made, as it says.
    pub date: String,
    /// Fingerprints of the keys that signed it.
    pub signers: Vec<String>,
    /// The digest of its InRelease.
    pub inrelease: Digest,
    /// What its archive is called by its distribution.
    #[serde(skip)]
    own: Option<Own>,
    #[serde(skip)]
    epoch: u64,
}

/// A system that can be built.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// Its packages, by name.
    pub packages: Vec<Package>,
    /// Packages to be installed on top of it, and what they need that it has not, by name.
    pub more: Vec<Package>,
    /// The parts of the archive that packages come from.
    pub components: Vec<String>,
    /// The package with the archive's keys, if the archive has it.
    pub keyring: Option<String>,
    /// Whether it is from a lock: the layer depends on nothing else, the archive's clock included.
    pub locked: bool,
    /// Whose system it is, for people.
    pub title: String,
    /// The release's codename, such as `trixie`.
    pub codename: String,
    /// The release's version, such as `13.7`; a suite under development has none.
    pub version: Option<String>,
    /// Debian's name of the architecture.
    pub arch: String,
    /// Content of apt's list of sources (sources.list(5)), in the deb822 style.
    pub sources_list: String,
    /// When the newest of the lists was made, in seconds since 1970: a clock for reproducible builds.
    pub epoch: u64,
    /// Whether lists out of date were accepted.
    pub ignore_valid_until: bool,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The digest of all that the system is made of, which names the layer.
    pub key: Digest,
}

impl Bootstrap {
    /// How much there is to download, in bytes, if nothing is in the cache.
    pub fn size(&self) -> u64 {
        self.packages.iter().map(|package| package.size).sum()
    }

    /// Fetches the packages: several at a time, the largest first, each verified. `on_deb` gets each as soon as it is
    /// there, open for reading; what it returns as an error ends the download. Packages in the cache come first.
    ///
    /// # Errors
    /// [`Error`], the first one.
    pub fn download(
        &self,
        client: &Client,
        blobs: &Blobs,
        progress: &dyn Progress,
        on_deb: &mut dyn FnMut(&Package, File) -> io::Result<()>,
    ) -> Result<(), Error> {
        fetch(&self.packages, client, blobs, progress, on_deb)
    }
}

/// As [`Bootstrap::download`], of any packages.
///
/// # Errors
/// [`Error`], the first one.
pub fn fetch(
    packages: &[Package],
    client: &Client,
    blobs: &Blobs,
    progress: &dyn Progress,
    on_deb: &mut dyn FnMut(&Package, File) -> io::Result<()>,
) -> Result<(), Error> {
    let mut hand_on = |package: &Package, file| {
        on_deb(package, file).map_err(|source| Error::HandOn { package: format!("package {}", package.name), source })
    };
    let mut missing = Vec::new();
    for package in packages {
        match blobs.open(&package.digest)? {
            Some(file) => hand_on(package, file)?,
            None => missing.push(package),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort_by_key(|package| std::cmp::Reverse(package.size));
    let wants: Vec<Want> = missing
        .iter()
        .map(|package| Want {
            url: package.url.clone(),
            elsewhere: package.elsewhere.clone(),
            digest: Some(package.digest),
            size: Some(package.size),
        })
        .collect();
    progress.start("downloading packages", Some(missing.iter().map(|package| package.size).sum()));
    let done = client
        .session()
        .and_then(|session| session.files(blobs, &wants, progress, &mut |place, file| hand_on(missing[place], file)));
    progress.finish();
    done
}
