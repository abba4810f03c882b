//! Where a distribution's root filesystem comes from, as a recipe says it.
//!
//! Everything is generic over its texts: [`Text`](super::Text) as the file has them, `String` once variables are filled in.

use serde::{Deserialize, Serialize};

/// One way to get a root filesystem. A recipe has several, and the first that answers is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source<S = String> {
    /// A file at a web server: a tarball of the tree, or of an OCI or docker layout.
    Tarball(Tarball<S>),
    /// A package archive in the format of Debian's, which a system is built from.
    Debian(Archive<S>),
    /// An image at a registry.
    Oci(Oci<S>),
    /// An image of an LXC image server (simplestreams).
    Lxc(Lxc<S>),
}

/// A file at a web server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tarball<S = String> {
    /// URLs of one directory at several servers, which are tried in order. Each ends in `/`.
    pub at: Vec<S>,
    /// The file, relative to [`Tarball::at`]. A glob, where a list has to be asked: of what it matches, the highest version.
    pub file: S,
    /// The text that names the files there are, relative to [`Tarball::at`]: `./` for the server's own listing. Without it,
    /// [`Tarball::sums`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<S>,
    /// The file of SHA-256 or SHA-512 sums, relative to [`Tarball::at`]. `${file}` in it is the file that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sums: Option<S>,
    /// What is signed, and by whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature<S>>,
    /// The digest that the file must have: `sha256:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<S>,
    /// Components to leave out at the beginning of every name in the archive; found out where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<u8>,
    /// What it is for.
    #[serde(default = "Only::everything", skip_serializing_if = "Only::is_everything")]
    pub only: Only<S>,
}

/// A signature, and the keys that are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Signature<S = String> {
    /// A detached OpenPGP signature, armored or not.
    Openpgp {
        /// What is signed.
        of: Signed,
        /// The signature, relative to [`Tarball::at`]; may have `${file}`.
        file: S,
        /// The keyring: one that envbox carries ([`super::keyrings`]), the absolute path of a file, or an https:// URL.
        /// What is fetched from there is no more to be trusted than the fingerprints make it, so that `keys` must be named.
        keyring: S,
        /// Fingerprints of the keys of the ring that are believed; all of them where there are none.
        #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
        keys: Vec<S>,
    },
    /// OpenPGP's cleartext signature framework (RFC 9580, section 7): text and signature in one file.
    Clearsigned {
        /// What is signed, and only what the signature covers counts.
        of: Signed,
        /// The keyring, as above.
        keyring: S,
        /// Fingerprints, as above.
        #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
        keys: Vec<S>,
    },
    /// A signature of minisign(1).
    Minisign {
        /// What is signed.
        of: Signed,
        /// The signature, relative to [`Tarball::at`]; may have `${file}`.
        file: S,
        /// Public keys, as minisign(1) writes them (`RW…`).
        keys: Vec<S>,
    },
}

/// What a signature is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signed {
    /// [`Tarball::sums`], which in turn have the tarball's digest.
    Sums,
    /// The tarball.
    Tarball,
}

/// A package archive in the format of Debian's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive<S = String> {
    /// Base URLs of the archive at several servers, which are tried in order.
    pub at: Vec<S>,
    /// The suite: `trixie`, `stable`.
    pub suite: S,
    /// Parts of the archive that packages come from.
    pub components: Vec<S>,
    /// The keyring, as in [`Signature::Openpgp`].
    pub keyring: S,
    /// Fingerprints of the keys of the ring that are believed; all of them where there are none.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<S>,
    /// The package with the archive's keys, whose files apt verifies with in the box.
    pub keyring_package: S,
    /// Further suites that packages may come from: updates, security.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Also<S>>,
    /// Where the archive can still be had as it was: a URL that a time (`20260207T160000Z/`) comes behind.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<S>,
    /// Packages besides the required ones, apt and the keys.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<S>,
    /// What it is for.
    #[serde(default = "Only::everything", skip_serializing_if = "Only::is_everything")]
    pub only: Only<S>,
}

/// A further suite of a package archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also<S = String> {
    /// The suite: `trixie-security`.
    pub suite: S,
    /// Where it is, if not beside the archive's first suite.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<S>,
    /// As [`Archive::snapshot`], of an archive of its own.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<S>,
    /// What it is for.
    #[serde(default = "Only::everything", skip_serializing_if = "Only::is_everything")]
    pub only: Only<S>,
}

/// An image at a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oci<S = String> {
    /// The reference: `docker.io/library/alpine:3.23`.
    pub image: S,
    /// What it is for.
    #[serde(default = "Only::everything", skip_serializing_if = "Only::is_everything")]
    pub only: Only<S>,
}

/// An image of an LXC image server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lxc<S = String> {
    /// The server's URL.
    pub server: S,
    /// The product: `alpine:3.23:amd64:default`.
    pub product: S,
    /// What it is for.
    #[serde(default = "Only::everything", skip_serializing_if = "Only::is_everything")]
    pub only: Only<S>,
}

/// Which machines and versions something is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only<S = String> {
    /// Machines, as [`super::machine`] names them; all where there are none.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<S>,
    /// Names of versions, or globs of them; all where there are none.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<S>,
}

impl<S> Only<S> {
    pub(super) fn everything() -> Self {
        Self { machines: Vec::new(), versions: Vec::new() }
    }

    fn is_everything(&self) -> bool {
        self.machines.is_empty() && self.versions.is_empty()
    }
}

impl<S> Source<S> {
    /// What it is for.
    pub fn only(&self) -> &Only<S> {
        match self {
            Self::Tarball(tarball) => &tarball.only,
            Self::Debian(archive) => &archive.only,
            Self::Oci(oci) => &oci.only,
            Self::Lxc(lxc) => &lxc.only,
        }
    }
}

impl<S> Signature<S> {
    /// Whether it is of the sums, rather than of the tarball itself.
    pub fn is_of_sums(&self) -> bool {
        let (Self::Openpgp { of, .. } | Self::Clearsigned { of, .. } | Self::Minisign { of, .. }) = self;
        *of == Signed::Sums
    }
}
