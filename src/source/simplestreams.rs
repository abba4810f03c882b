//! LXC image servers: the simplestreams index, which images there are and what their digests are. Nothing in it is
//! signed; what vouches for an image is TLS and the digest that came over it.
//!
//! `streams/v1/index.json` names files of products, and each of those has the versions of products by name
//! (`debian:bookworm:amd64:default`), each with its files.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Error;
use super::distro::{Texts, paths};
use super::http::Want;
use crate::image::Digest;

/// Bounds: the index of the largest server has 3 MB.
const LARGEST: u64 = 64 << 20;
const MOST_LISTS: usize = 16;

/// An image's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The version: the time when it was built.
    pub(super) version: String,
    /// What kind of file it is.
    pub(super) kind: Kind,
    /// Its URL.
    pub(super) url: String,
    /// Its digest.
    pub(super) digest: Digest,
    /// Its size in bytes.
    pub(super) size: u64,
}

/// Kinds of files that have a whole tree in them, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `root.tar.xz`: a tarball of the tree.
    Tarball,
    /// `squashfs`: a file system image of the tree.
    Squashfs,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Tarball, Self::Squashfs];

    fn file_type(self) -> &'static str {
        match self {
            Self::Tarball => "root.tar.xz",
            Self::Squashfs => "squashfs",
        }
    }
}

impl Item {
    /// What is to be fetched.
    pub(super) fn want(&self) -> Want {
        Want { url: self.url.clone(), elsewhere: Vec::new(), digest: Some(self.digest), size: Some(self.size) }
    }
}

#[derive(Deserialize)]
struct Index {
    index: BTreeMap<String, Products>,
}

#[derive(Deserialize)]
struct Products {
    datatype: String,
    path: String,
    #[serde(default)]
    products: Vec<String>,
}

#[derive(Deserialize)]
struct List {
    products: BTreeMap<String, Product>,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    versions: BTreeMap<String, Version>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    items: BTreeMap<String, File>,
}

#[derive(Deserialize)]
struct File {
    ftype: String,
    path: String,
    size: u64,
    #[serde(default)]
    sha256: Option<String>,
}

/// The newest version of a product that has a file of a kind that can be used.
///
/// # Errors
/// [`Error::NoProduct`]; [`Error::Malformed`]; those of fetching.
pub(super) fn latest(texts: &Texts<'_>, product: &str) -> Result<Item, Error> {
    let index: Index = parse(texts, "streams/v1/index.json")?;
    let images = index.index.values().filter(|list| list.datatype == "image-downloads");
    let lists = images.filter(|list| list.products.iter().any(|name| name == product)).take(MOST_LISTS);
    for list in lists {
        let mut found: List = parse(texts, &list.path)?;
        let versions = found.products.remove(product).map(|product| product.versions).unwrap_or_default();
        // Their names are times, written so that they sort as they follow each other.
        for (version, files) in versions.iter().rev() {
            for kind in Kind::ALL {
                if let Some(file) = files.items.values().find(|file| file.ftype == kind.file_type()) {
                    return item(texts, version, kind, file);
                }
            }
        }
    }
    Err(Error::NoProduct { server: texts.base().to_owned(), product: product.to_owned() })
}

fn item(texts: &Texts<'_>, version: &str, kind: Kind, file: &File) -> Result<Item, Error> {
    let malformed = |what: &str| Error::Malformed { url: texts.base().to_owned(), what: what.to_owned() };
    if !paths::is_relative(&file.path) {
        return Err(malformed(&format!("`{}` is no path of an image", file.path.escape_debug())));
    }
    let hex = file.sha256.as_deref().ok_or_else(|| malformed("an image has no digest"))?;
    let digest = Digest::from_hex(hex).map_err(|error| malformed(&error.to_string()))?;
    Ok(Item { version: version.to_owned(), kind, url: texts.url(&file.path), digest, size: file.size })
}

fn parse<T: for<'de> Deserialize<'de>>(texts: &Texts<'_>, path: &str) -> Result<T, Error> {
    let malformed = |what: String| Error::Malformed { url: texts.url(path), what };
    if !paths::is_relative(path) {
        return Err(Error::Malformed {
            url: texts.base().to_owned(),
            what: format!("`{}` is no path", path.escape_debug()),
        });
    }
    serde_json::from_slice(&texts.get(path, LARGEST)?).map_err(|error| malformed(error.to_string()))
}
