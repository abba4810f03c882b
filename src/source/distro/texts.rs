//! Small texts below one directory of a server: lists, sums and signatures.

use crate::source::http::Session;
use crate::source::verify::{Vouched, channel};
use crate::source::{Error, Progress, Trust};
use crate::store::blobs::Blobs;

/// Texts of one directory of a server. Each is kept, so that without a network what was fetched last will do: whatever is
/// verified with it is verified anew.
pub(in crate::source) struct Texts<'a> {
    base: String,
    session: &'a Session,
    blobs: &'a Blobs,
    progress: &'a dyn Progress,
}

impl<'a> Texts<'a> {
    /// Those below this URL, which is a directory's with or without a slash at the end.
    pub(in crate::source) fn below(
        base: &str,
        session: &'a Session,
        blobs: &'a Blobs,
        progress: &'a dyn Progress,
    ) -> Self {
        Self { base: format!("{}/", base.trim_end_matches('/')), session, blobs, progress }
    }

    /// The directory's URL, with a slash at the end.
    pub(in crate::source) fn base(&self) -> &str {
        &self.base
    }

    /// The URL of a path; `./` is the directory itself.
    pub(in crate::source) fn url(&self, path: &str) -> String {
        format!("{}{}", self.base, path.strip_prefix("./").unwrap_or(path))
    }

    /// The text at a path, of at most `largest` bytes.
    pub(in crate::source) fn get(&self, path: &str, largest: u64) -> Result<Vec<u8>, Error> {
        self.text(&self.url(path), largest)
    }

    /// The text at a URL, wherever that is.
    pub(super) fn text(&self, url: &str, largest: u64) -> Result<Vec<u8>, Error> {
        let fetched = self.session.small(&[url.to_owned()], largest).pop();
        match fetched.unwrap_or(Err(Error::NoServer)) {
            Ok(content) => {
                self.blobs.keep_index(url, &content)?;
                Ok(content)
            }
            Err(error) if error.is_offline() => match self.blobs.index(url) {
                Some(kept) => {
                    self.progress.note(&format!("{url} cannot be reached: the one fetched before is used"));
                    Ok(kept)
                }
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// What vouches for a digest that came from here unsigned.
    pub(in crate::source) fn vouch(&self) -> Vouched {
        Vouched::by(if channel(&self.base) == Trust::TlsOnly { Trust::ChecksumOverTls } else { Trust::None })
    }
}
