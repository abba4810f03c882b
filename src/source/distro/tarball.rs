//! A tarball at a web server, by the chain that its recipe describes: a list names the file, sums have its digest, a
//! signature is of the sums or of the file.

use std::fs::File;
use std::io::{Read, Seek as _};
use std::time::SystemTime;

use super::keys::keyring;
use super::{Fetch, FetchedFile, Form, Texts, listing};
use crate::image::Digest;
use crate::recipe::{Signature, Signed, Tarball, with_file};
use crate::source::http::{Session, Want};
use crate::source::mirrors::first_that_answers;
use crate::source::verify::{self, MinisignKeys, Sum, Sums, Vouched, channel};
use crate::source::{Error, Trust};

/// Bounds for what no signature covers yet.
const LARGEST_LIST: u64 = 16 << 20;
const LARGEST_SIGNATURE: u64 = 1 << 20;

impl Fetch<'_> {
    /// The file, verified. Without a network, what was fetched before will do.
    pub(super) fn tarball(&self, tarball: &Tarball) -> Result<FetchedFile, Error> {
        self.blobs.sweep()?;
        let session = self.client.session()?;
        first_that_answers(&tarball.at, self.progress, |base| {
            let texts = Texts::below(base, &session, self.blobs, self.progress);
            Chain { fetch: self, tarball, texts: &texts, session: &session }.follow()
        })
    }
}

/// One server, and all that leads there from keys to the file.
struct Chain<'a> {
    fetch: &'a Fetch<'a>,
    tarball: &'a Tarball,
    texts: &'a Texts<'a>,
    session: &'a Session,
}

/// What is known of the file before it is there.
struct Known {
    /// Its path.
    path: String,
    /// What its digest must be.
    sum: Option<Sum>,
    /// What vouches for that.
    vouched: Option<Vouched>,
}

impl Chain<'_> {
    fn follow(&self) -> Result<FetchedFile, Error> {
        let known = self.known()?;
        let url = self.texts.url(&known.path);
        let signature = self.signature_of(Signed::Tarball).filter(|_| known.vouched.is_none());
        if self.tarball.signature.is_some() && signature.is_none() && known.vouched.is_none() {
            return Err(self.malformed("its recipe has a signature of nothing that is fetched"));
        }
        let expected = known.vouched.clone().unwrap_or_else(|| match (&signature, &known.sum) {
            // Checked below, once there is something to check.
            (Some(_), _) => Vouched::signed(Vec::new()),
            (None, Some(_)) => self.texts.vouch(),
            (None, None) => Vouched::by(channel(&url)),
        });
        expected.demand(&url, self.fetch.allow_unverified, self.fetch.progress)?;
        // A signature that is missing is found out before a download, not after it.
        let signature = signature.map(|signature| self.fetch_signature(signature, &known.path)).transpose()?;
        let (digest, mut file) = self.file(&url, known.sum)?;
        let vouched = match signature {
            Some(signature) => signature.verify(&mut file, self.texts, self.fetch.now)?,
            None => expected,
        };
        file.rewind().map_err(|source| Error::Reread { url: url.clone(), source })?;
        let form = Form::Tarball { strip: self.tarball.strip };
        Ok(FetchedFile { file, digest, form, origin: url, vouched })
    }

    /// The file's path and digest, by the best that there is: the user's own word, the recipe's, sums.
    fn known(&self) -> Result<Known, Error> {
        let recipes = self.tarball.digest.as_deref().map(str::parse::<Digest>).transpose();
        let recipes = recipes.map_err(|error| self.malformed(&error.to_string()))?;
        let pin = self.fetch.pin.or(recipes);
        let sums = match &self.tarball.sums {
            Some(path) if !path.contains("${file}") && (pin.is_none() || self.tarball.list.is_none()) => {
                Some((self.texts.url(path), self.sums(path, path, pin.is_some())?))
            }
            _ => None,
        };
        let path = self.path(sums.as_ref().map(|(url, (text, _))| (url.as_str(), text.as_str())))?;
        if let Some(pin) = pin {
            let vouched = Some(Vouched::by(Trust::PinnedDigest));
            return Ok(Known { path, sum: Some(Sum::Sha256(pin)), vouched });
        }
        let sums = match (sums, &self.tarball.sums) {
            (None, Some(pattern)) => {
                let beside = with_file(pattern, &path);
                Some((self.texts.url(&beside), self.sums(&beside, &path, false)?))
            }
            (sums, _) => sums,
        };
        let Some((url, (text, vouched))) = sums else { return Ok(Known { path, sum: None, vouched: None }) };
        let sums = Sums::parse(&url, &text);
        let name = path.rsplit('/').next().unwrap_or(&path);
        let sum = sums.of(name).or_else(|error| sums.of(&path).map_err(|_| error))?;
        Ok(Known { path, sum: Some(sum), vouched })
    }

    /// The path of the file, which a list names if the recipe has only a glob of it.
    fn path(&self, sums: Option<(&str, &str)>) -> Result<String, Error> {
        let pattern = &self.tarball.file;
        if !listing::is_glob(pattern) {
            return Ok(pattern.clone());
        }
        match (&self.tarball.list, sums) {
            (None, Some((url, text))) => listing::highest(pattern, url, text),
            (None, None) => Err(self.malformed("there is no list to find it in")),
            (Some(list), Some((url, text))) if self.texts.url(list) == url => listing::highest(pattern, url, text),
            (Some(list), _) => {
                let text = self.texts.get(list, LARGEST_LIST)?;
                listing::highest(pattern, &self.texts.url(list), &String::from_utf8_lossy(&text))
            }
        }
    }

    /// The text of the sums, and what vouches for it if they are signed. With a digest `pinned`, they only serve to find
    /// the file, and no signature is asked for.
    fn sums(&self, path: &str, file: &str, pinned: bool) -> Result<(String, Option<Vouched>), Error> {
        let content = self.texts.get(path, LARGEST_LIST)?;
        let url = self.texts.url(path);
        let text = || String::from_utf8_lossy(&content).into_owned();
        let Some(signature) = self.signature_of(Signed::Sums).filter(|_| !pinned) else { return Ok((text(), None)) };
        if let Signature::Clearsigned { keyring: ring, keys, .. } = signature {
            let signed = keyring(self.texts, ring, keys)?.clear_signed(&url, &content, self.fetch.now)?;
            return Ok((signed.content, Some(Vouched::signed(signed.keys))));
        }
        let vouched = self.fetch_signature(signature, file)?.verify(content.as_slice(), self.texts, self.fetch.now)?;
        Ok((text(), Some(vouched)))
    }

    fn signature_of(&self, what: Signed) -> Option<&Signature> {
        self.tarball.signature.as_ref().filter(|signature| match signature {
            Signature::Openpgp { of, .. } | Signature::Clearsigned { of, .. } | Signature::Minisign { of, .. } => {
                *of == what
            }
        })
    }

    /// A signature that is kept apart. One that is not there where the recipe says that there is one is refused like a
    /// wrong one: who can alter a file can also delete its signature.
    fn fetch_signature<'s>(&self, signature: &'s Signature, path: &str) -> Result<Apart<'s>, Error> {
        let (Signature::Openpgp { file, .. } | Signature::Minisign { file, .. }) = signature else {
            return Err(self.malformed("a text can be clear-signed, but no tarball"));
        };
        let file = with_file(file, path);
        let url = self.texts.url(&file);
        match self.texts.get(&file, LARGEST_SIGNATURE) {
            Ok(content) => Ok(Apart { signature, url, content }),
            Err(error) if error.is_missing() => {
                Err(Error::Signature { url, reasons: vec!["it is not there".to_owned()] })
            }
            Err(error) => Err(error),
        }
    }

    /// The file itself, by its digest if that is known.
    fn file(&self, url: &str, sum: Option<Sum>) -> Result<(Digest, File), Error> {
        let fetch = self.fetch;
        let by_digest = |digest| Want { url: url.to_owned(), elsewhere: Vec::new(), digest, size: None };
        match sum {
            Some(Sum::Sha256(digest)) => fetch.download(self.session, &by_digest(Some(digest))),
            other => {
                // The cache goes by SHA-256. What it was last time is remembered, and what is read is checked below.
                let key = other.map_or_else(|| url.to_owned(), |sum| sum.to_string());
                let kept = fetch.blobs.index(&key).and_then(|kept| String::from_utf8(kept).ok()?.parse().ok());
                let (digest, mut file) = self.cached(kept, other.is_some(), &by_digest(None))?;
                if let Some(expected) = other {
                    let actual =
                        expected.of_file(&mut file).map_err(|source| Error::Reread { url: url.to_owned(), source })?;
                    if actual != expected {
                        let (expected, actual) = (Box::new(expected), Box::new(actual));
                        return Err(Error::Sum { what: url.to_owned(), expected, actual });
                    }
                }
                fetch.blobs.keep_index(&key, digest.to_string().as_bytes())?;
                Ok((digest, file))
            }
        }
    }

    /// What is in the cache, at once if it is `certain` to be the right one; else only if nothing can be fetched.
    fn cached(&self, kept: Option<Digest>, certain: bool, want: &Want) -> Result<(Digest, File), Error> {
        let open = || -> Result<Option<(Digest, File)>, Error> {
            let Some(digest) = kept else { return Ok(None) };
            Ok(self.fetch.blobs.open(&digest)?.map(|file| (digest, file)))
        };
        if certain && let Some(found) = open()? {
            return Ok(found);
        }
        match self.fetch.download(self.session, want) {
            Err(error) if error.is_offline() => open()?.ok_or(error),
            fetched => fetched,
        }
    }

    fn malformed(&self, what: &str) -> Error {
        Error::Malformed { url: self.texts.url(&self.tarball.file), what: what.to_owned() }
    }
}

/// A signature that is here, and what it is to be checked with.
struct Apart<'s> {
    signature: &'s Signature,
    url: String,
    content: Vec<u8>,
}

impl Apart<'_> {
    fn verify(&self, content: impl Read + Send + Sync, texts: &Texts<'_>, now: SystemTime) -> Result<Vouched, Error> {
        let signed = match self.signature {
            Signature::Openpgp { keyring: ring, keys, .. } | Signature::Clearsigned { keyring: ring, keys, .. } => {
                keyring(texts, ring, keys)?.detached(&self.url, &self.content, content, now)?
            }
            Signature::Minisign { keys, .. } => {
                MinisignKeys::parse(keys)?.detached(&self.url, &self.content, content)?
            }
        };
        Ok(verify::Vouched::signed(signed.keys))
    }
}
