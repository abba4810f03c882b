//! Where the files of a layout are.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{Bundle, Error};
use crate::image::Digest;
use crate::image::oci::{Descriptor, Document};

/// A directory, or a bundle.
#[derive(Debug)]
pub enum Place {
    /// A directory. Its blobs may be links to files elsewhere.
    Directory(PathBuf),
    /// A bundle.
    Bundle(Box<Bundle>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(dir) => dir.display().fmt(f),
            Self::Bundle(bundle) => f.write_str(bundle.archive()),
        }
    }
}

impl Place {
    /// A blob, open for reading from its beginning. It has the size that was announced. Whether it has the digest, the
    /// reader of a directory's has to see; that of a bundle's has been seen.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Read`], [`Error::Size`]; [`Error::Digest`] of a bundle.
    pub fn blob(&self, descriptor: &Descriptor) -> Result<File, Error> {
        let path = blob_path(&descriptor.digest);
        let (file, actual) = match self {
            Self::Directory(dir) => open(&dir.join(&path))?,
            Self::Bundle(bundle) => bundle.by_digest(&descriptor.digest, &path)?,
        };
        let expected = descriptor.size;
        if actual == expected { Ok(file) } else { Err(Error::Size { what: self.name_of(&path), expected, actual }) }
    }

    /// The text of the document that a descriptor leads to.
    pub(super) fn document(&self, descriptor: &Descriptor) -> Result<String, Error> {
        let what = self.blob_name(&descriptor.digest);
        let text = read(self.blob(descriptor)?, descriptor.size, &what)?;
        let (expected, actual) = (descriptor.digest, Digest::of(text.as_bytes()));
        if expected == actual { Ok(text) } else { Err(Error::Digest { what, expected, actual }) }
    }

    /// The text of a file that is known by its name.
    pub(super) fn text(&self, name: &str) -> Result<String, Error> {
        let (file, size) = match self {
            Self::Directory(dir) => open(&dir.join(name))?,
            Self::Bundle(bundle) => bundle.open(name).map(|(file, _, size)| (file, size))?,
        };
        read(file, size, &self.name_of(name))
    }

    pub(super) fn name_of(&self, name: &str) -> String {
        match self {
            Self::Directory(dir) => dir.join(name).display().to_string(),
            Self::Bundle(bundle) => bundle.name_of(name),
        }
    }

    pub(super) fn blob_name(&self, digest: &Digest) -> String {
        self.name_of(&blob_path(digest))
    }
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// A file of a directory, and its size.
fn open(path: &Path) -> Result<(File, u64), Error> {
    let what = path.display().to_string();
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Missing { what }),
        // Opening a pipe would wait for somebody to write to it.
        Ok(found) if !found.is_file() => Err(Error::Unusable { at: what, what: "it is no file".to_owned() }),
        found => {
            found.and_then(|found| Ok((File::open(path)?, found.len()))).map_err(|source| Error::Read { what, source })
        }
    }
}

/// The text of a document, which is never larger than any document is.
pub(super) fn read(file: File, size: u64, what: &str) -> Result<String, Error> {
    if size > Document::LARGEST {
        return Err(Error::Size { what: what.to_owned(), expected: Document::LARGEST, actual: size });
    }
    let mut text = String::new();
    let read = file.take(Document::LARGEST).read_to_string(&mut text);
    read.map(|_| text).map_err(|source| Error::Read { what: what.to_owned(), source })
}
