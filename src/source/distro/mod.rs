//! Distributions, as their recipes describe them: one source of a recipe is fetched and verified, whatever kind it is.
//!
//! What cannot be had is told from what was refused ([`Error::is_unavailable`]). Only after the former may a caller turn to
//! the recipe's next source: a signature or digest that is wrong must stop everything, or an attacker who breaks the best
//! source would be served by the worst.

mod archive;
mod keys;
mod listing;
pub(in crate::source) mod paths;
mod tarball;
mod texts;

use std::fs::File;
use std::time::SystemTime;

pub use archive::archives;
pub(in crate::source) use texts::Texts;

use super::debian;
use super::http::{Client, Session, Want};
use super::simplestreams::{self, Kind};
use super::verify::Vouched;
use super::{Error, Progress, Trust};
use crate::image::{Digest, Reference};
use crate::recipe::{Lxc, Source};
use crate::store::blobs::Blobs;

/// What every source needs to be fetched with.
#[derive(Clone, Copy)]
pub struct Fetch<'a> {
    /// The settings for downloads.
    pub client: &'a Client,
    /// The cache.
    pub blobs: &'a Blobs,
    /// Who is told.
    pub progress: &'a dyn Progress,
    /// The time, for signatures and validity.
    pub now: SystemTime,
    /// The digest that a file must have. It vouches for the file better than any signature, which is then not asked for.
    pub pin: Option<Digest>,
    /// Whether that for which nothing vouches will do.
    pub allow_unverified: bool,
    /// Whose system it is, for people: `Ubuntu`.
    pub title: &'a str,
    /// What the distribution calls the machine.
    pub arch: &'a str,
    /// What to ask of a package archive.
    pub archive: &'a ArchiveOptions,
}

/// What a user wants different of a package archive.
#[derive(Debug, Clone, Default)]
pub struct ArchiveOptions {
    /// The mirror to use instead of the recipe's, with its updates.
    pub mirror: Option<String>,
    /// The mirror of suites that the recipe has elsewhere: security updates.
    pub security: Option<String>,
    /// Whether lists that are out of date by their own account will do.
    pub ignore_valid_until: bool,
}

/// What a source gave.
#[derive(Debug)]
pub enum Fetched {
    /// A file that holds the tree.
    File(Box<FetchedFile>),
    /// An image at a registry, which is yet to be pulled.
    Oci(Reference),
    /// A system that is yet to be built of packages.
    Debian(Box<debian::Request>),
}

/// A file that is here and has been verified.
#[derive(Debug)]
pub struct FetchedFile {
    /// The file, open for reading from its beginning.
    pub file: File,
    /// Its digest.
    pub digest: Digest,
    /// What it holds the tree as.
    pub form: Form,
    /// Where it came from, for the record.
    pub origin: String,
    /// What vouches for it.
    pub vouched: Vouched,
}

/// What a file holds a tree as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A tarball, compressed perhaps: of the tree, or of a layout of an image.
    Tarball {
        /// Components to leave out at the beginning of every name, if that is known.
        strip: Option<u8>,
    },
    /// A squashfs image.
    Squashfs,
}

impl std::fmt::Debug for Fetch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetch").field("pin", &self.pin).field("now", &self.now).finish_non_exhaustive()
    }
}

impl Fetch<'_> {
    /// Fetches what a recipe's source names, from the first of its servers that answers.
    ///
    /// # Errors
    /// [`Error`]: see [`Error::is_unavailable`].
    pub fn source(&self, source: &Source) -> Result<Fetched, Error> {
        match source {
            Source::Tarball(tarball) => Ok(Fetched::File(Box::new(self.tarball(tarball)?))),
            Source::Lxc(lxc) => Ok(Fetched::File(Box::new(self.lxc(lxc)?))),
            Source::Debian(archive) => Ok(Fetched::Debian(Box::new(self.debian(archive)?))),
            Source::Oci(oci) => match oci.image.parse::<Reference>() {
                Ok(reference) => Ok(Fetched::Oci(self.pin.map_or(reference.clone(), |pin| reference.at(pin)))),
                Err(error) => Err(Error::Malformed { url: oci.image.clone(), what: error.to_string() }),
            },
        }
    }

    /// The newest version of an image of an LXC image server.
    fn lxc(&self, lxc: &Lxc) -> Result<FetchedFile, Error> {
        self.blobs.sweep()?;
        let session = self.client.session()?;
        let texts = Texts::below(&lxc.server, &session, self.blobs, self.progress);
        let item = simplestreams::latest(&texts, &lxc.product)?;
        let vouched = match self.pin {
            Some(pin) if pin != item.digest => {
                return Err(Error::Digest { what: item.url, expected: pin, actual: item.digest });
            }
            Some(_) => Vouched::by(Trust::PinnedDigest),
            None => texts.vouch(),
        };
        vouched.demand(&item.url, self.allow_unverified, self.progress)?;
        let (digest, file) = self.download(&session, &item.want())?;
        let form = match item.kind {
            Kind::Tarball => Form::Tarball { strip: Some(0) },
            Kind::Squashfs => Form::Squashfs,
        };
        Ok(FetchedFile { file, digest, form, origin: item.url, vouched })
    }

    /// A file that was known before: where it was, and what it must be.
    ///
    /// # Errors
    /// [`Error`]: it is there no more, or is another.
    pub fn pinned(&self, url: &str, digest: Digest, form: Form) -> Result<FetchedFile, Error> {
        self.blobs.sweep()?;
        let want = Want { url: url.to_owned(), elsewhere: Vec::new(), digest: Some(digest), size: None };
        let (digest, file) = self.download(&self.client.session()?, &want)?;
        let vouched = Vouched::by(Trust::PinnedDigest);
        Ok(FetchedFile { file, digest, form, origin: url.to_owned(), vouched })
    }

    /// A file with a known digest from the cache, or else from where it is.
    fn download(&self, session: &Session, want: &Want) -> Result<(Digest, File), Error> {
        if let Some(digest) = want.digest
            && let Some(file) = self.blobs.open(&digest)?
        {
            return Ok((digest, file));
        }
        self.progress.start(&format!("downloading {}", super::error::without_password(&want.url)), want.size);
        let fetched = session.file(self.blobs, want, self.progress);
        self.progress.finish();
        fetched
    }
}
