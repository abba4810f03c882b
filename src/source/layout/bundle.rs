//! The files of a bundle, by their names in it.

use std::collections::HashMap;
use std::fs::File;

use super::Error;
use crate::image::Digest;
use crate::store::blobs::Blobs;

/// Links that are followed, one after another.
const LINKS: usize = 8;

/// The files of a bundle, whose contents are in the download cache. No name of theirs is a path of this machine's: they are
/// only ever looked up here.
#[derive(Debug)]
pub struct Bundle {
    archive: String,
    blobs: Blobs,
    files: HashMap<String, (Digest, u64)>,
    links: HashMap<String, String>,
    sizes: HashMap<Digest, u64>,
}

impl Bundle {
    /// An empty one. `archive` is what messages call it.
    pub fn new(archive: String, blobs: Blobs) -> Self {
        Self { archive, blobs, files: HashMap::new(), links: HashMap::new(), sizes: HashMap::new() }
    }

    /// Adds a file, whose content is in the cache.
    ///
    /// # Errors
    /// [`Error::Unusable`] where there is a member of that name: two readers could take it for two images.
    pub fn add(&mut self, name: String, digest: Digest, size: u64) -> Result<(), Error> {
        self.check_new(&name)?;
        self.sizes.insert(digest, size);
        self.files.insert(name, (digest, size));
        Ok(())
    }

    /// Adds another name of a member, which may come later.
    ///
    /// # Errors
    /// As [`Bundle::add`].
    pub fn link(&mut self, name: String, target: String) -> Result<(), Error> {
        self.check_new(&name)?;
        self.links.insert(name, target);
        Ok(())
    }

    /// What messages call it.
    pub fn archive(&self) -> &str {
        &self.archive
    }

    /// Whether it has a file of this name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Digest and size of the file that a name leads to.
    pub(super) fn find(&self, name: &str) -> Option<(Digest, u64)> {
        let mut name = name;
        for _ in 0..LINKS {
            match self.links.get(name) {
                Some(target) => name = target,
                None => return self.files.get(name).copied(),
            }
        }
        None
    }

    /// The file that a name leads to, its digest and its size.
    pub(super) fn open(&self, name: &str) -> Result<(File, Digest, u64), Error> {
        let (digest, size) = self.find(name).ok_or_else(|| Error::Missing { what: self.name_of(name) })?;
        Ok((self.cached(&digest, name)?, digest, size))
    }

    /// The file with this digest, whatever its name, and its size.
    pub(super) fn by_digest(&self, digest: &Digest, name: &str) -> Result<(File, u64), Error> {
        match self.sizes.get(digest) {
            Some(&size) => Ok((self.cached(digest, name)?, size)),
            None => Err(match self.find(name) {
                Some((actual, _)) => Error::Digest { what: self.name_of(name), expected: *digest, actual },
                None => Error::Missing { what: self.name_of(name) },
            }),
        }
    }

    pub(super) fn name_of(&self, name: &str) -> String {
        format!("`{}` in {}", name.escape_debug(), self.archive)
    }

    fn cached(&self, digest: &Digest, name: &str) -> Result<File, Error> {
        // Missing only if somebody has emptied the cache meanwhile.
        self.blobs.open_own(digest)?.ok_or_else(|| Error::Missing { what: self.name_of(name) })
    }

    fn check_new(&self, name: &str) -> Result<(), Error> {
        if self.files.contains_key(name) || self.links.contains_key(name) {
            let what = format!("it has `{}` twice", name.escape_debug());
            return Err(Error::Unusable { at: self.archive.clone(), what });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn links_lead_to_files_and_never_in_circles() {
        let mut bundle = Bundle::new("x.tar".into(), Blobs::new(Path::new("/nonexistent")));
        let digest = Digest::of(b"x");
        bundle.link("b/layer.tar".into(), "a/layer.tar".into()).unwrap();
        bundle.add("a/layer.tar".into(), digest, 1).unwrap();
        bundle.link("c".into(), "d".into()).unwrap();
        bundle.link("d".into(), "c".into()).unwrap();
        bundle.link("e".into(), "nowhere".into()).unwrap();
        assert_eq!(bundle.find("b/layer.tar"), Some((digest, 1)));
        for none in ["c", "d", "e", "nowhere", "../etc/passwd", "/a/layer.tar"] {
            assert_eq!(bundle.find(none), None, "{none}");
        }
        assert!(bundle.add("c".into(), digest, 1).is_err());
        assert!(bundle.link("a/layer.tar".into(), "c".into()).is_err());
    }
}
