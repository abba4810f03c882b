//! InRelease: a suite's signed table of contents (<https://wiki.debian.org/DebianRepository/Format>).

use std::time::SystemTime;

use crate::image::Digest;
use crate::source::verify::Keyring;
use crate::source::{Error, date};

/// A verified InRelease.
#[derive(Debug)]
pub(super) struct Release {
    url: String,
    text: String,
    /// Fingerprints of the keys that signed it.
    pub(super) signers: Vec<String>,
    pub(super) date: SystemTime,
    /// Of the file.
    pub(super) digest: Digest,
}

/// A file that a release lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

impl Release {
    /// Verifies the signature and that it is `suite`'s.
    pub(super) fn verify(
        url: &str,
        content: &[u8],
        suite: &str,
        keyring: &Keyring,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let signed = keyring.clear_signed(url, content, now)?;
        let (text, signers) = (signed.content, signed.keys);
        let digest = Digest::of(content);
        let mut release = Self { url: url.to_owned(), text, signers, date: SystemTime::UNIX_EPOCH, digest };
        release.date = release.time("Date")?.ok_or_else(|| release.malformed("it has no date"))?;
        let names = [release.field("Suite"), release.field("Codename")];
        if !names.contains(&Some(suite)) {
            let found = names.into_iter().flatten().next().unwrap_or("?").to_owned();
            return Err(Error::WrongSuite { url: url.to_owned(), suite: suite.to_owned(), found });
        }
        Ok(release)
    }

    /// Refuses a list that is out of date by its own account.
    pub(super) fn check_valid_until(&self, now: SystemTime) -> Result<(), Error> {
        match self.time("Valid-Until")? {
            Some(until) if until < now => Err(Error::Expired {
                url: self.url.clone(),
                until: self.field("Valid-Until").unwrap_or_default().to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// A field of one line.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let value = |line: &'_ str| line.strip_prefix(name)?.strip_prefix(':').map(str::len);
        let line = self.text.lines().find(|line| value(line).is_some())?;
        Some(line[name.len() + 1..].trim())
    }

    fn time(&self, name: &str) -> Result<Option<SystemTime>, Error> {
        let Some(value) = self.field(name) else { return Ok(None) };
        date::parse(value).map(Some).ok_or_else(|| self.malformed(&format!("its {name} is `{value}`")))
    }

    /// A file by its path below the suite, from the SHA256 section.
    pub(super) fn file(&self, path: &str) -> Option<Listed> {
        let section = self.text.lines().skip_while(|line| line.trim_end() != "SHA256:").skip(1);
        section.take_while(|line| line.starts_with(' ')).find_map(|line| {
            let mut words = line.split_whitespace();
            let (digest, size) = (words.next()?, words.next()?);
            (words.next()? == path)
                .then_some(Listed { digest: Digest::from_hex(digest).ok()?, size: size.parse().ok()? })
        })
    }

    /// Whether files can be had by digest, and are there for a while after the next update.
    pub(super) fn by_hash(&self) -> bool {
        self.field("Acquire-By-Hash") == Some("yes")
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn malformed(&self, what: &str) -> Error {
        Error::Malformed { url: self.url.clone(), what: what.to_owned() }
    }
}
