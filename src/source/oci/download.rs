//! Blobs into the cache, several at once, each readable while it grows.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;

use super::endpoint::{Access, Endpoint};
use super::{Fault, Repository, Resolved};
use crate::image::oci::Descriptor;
use crate::source::http::{self, Request, Shown, Sink, transfer};
use crate::source::{Error, Progress};
use crate::store::blobs::{Blobs, Staged};

/// How often to look whether another process has finished a blob that it is at.
const LOOK: Duration = Duration::from_millis(100);

/// What becomes of a blob; `index` is its place among those that were wanted.
#[derive(Debug)]
pub enum Event {
    /// There will be something to read. A second time for the same blob: what was read so far was wrong, and whatever was
    /// made of it has to be made anew, of this file.
    Began {
        /// Which blob.
        index: usize,
        /// Open for reading from its beginning.
        file: File,
    },
    /// So much of it can be read. The file may be longer for a moment, and never becomes shorter.
    Grew {
        /// Which blob.
        index: usize,
        /// Bytes from the beginning.
        size: u64,
    },
    /// It is complete and has the right digest.
    Done {
        /// Which blob.
        index: usize,
    },
}

/// Who is told of events. It is called between pieces of the work, and must not wait for anything.
type Listener<'a> = RefCell<&'a mut dyn FnMut(Event) -> Result<(), Error>>;

impl Repository {
    /// Fetches blobs into the cache, and tells of each as it comes. What is in the cache is not asked for, and what an
    /// interrupted download left is gone on with.
    ///
    /// # Errors
    /// [`Error::Registry`], [`Error::Digest`], [`Error::Cache`], or whatever `on` returns; the first of them ends it all.
    /// What has been received is kept for another try.
    pub fn download(
        &self,
        resolved: &Resolved,
        wanted: &[Descriptor],
        blobs: &Blobs,
        progress: &dyn Progress,
        on: &mut dyn FnMut(Event) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let on: Listener<'_> = RefCell::new(on);
        let left = |blob: &Descriptor| blob.size.saturating_sub(blobs.present(&blob.digest));
        progress.start(
            &format!("downloading {}", self.reference),
            Some(wanted.iter().map(left).fold(0, u64::saturating_add)),
        );
        let result = self.session.run(async {
            let one = |(index, blob)| self.fetch(Blob { index, descriptor: blob, on: &on }, resolved, blobs, progress);
            stream::iter(wanted.iter().enumerate())
                .map(one)
                .buffer_unordered(self.session.parallel())
                .try_collect::<()>()
                .await
        });
        progress.finish();
        result
    }

    async fn fetch(
        &self,
        blob: Blob<'_>,
        resolved: &Resolved,
        blobs: &Blobs,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let size = blob.descriptor.size;
        let Some(mut staged) = self.turn(&blob, blobs, progress).await? else { return Ok(()) };
        let shown = Shown::from(progress, staged.size().min(size));
        let mut resumed = staged.size() > 0;
        let (before, after) = self.endpoints.split_at(resolved.place.min(self.endpoints.len()));
        let mut places = after.iter().chain(before).peekable();
        loop {
            let Some(endpoint) = places.peek() else {
                let registry = self.reference.registry().to_owned();
                return Err(self.error("fetch", Fault::Missing { registry, what: blob.name() }));
            };
            let error = match self.fetch_from(endpoint, &blob, staged, &shown).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            // What was left by an earlier process may have been damaged; once more from the beginning, then.
            let again = resumed && matches!(error, Error::Digest { .. });
            resumed = false;
            if !again {
                let ours = matches!(error, Error::Digest { .. } | Error::Registry { .. } | Error::Fetch { .. });
                let failed = places.next();
                if !ours || places.peek().is_none() {
                    return Err(error);
                }
                let host = failed.map(|endpoint| endpoint.host.as_str()).unwrap_or_default();
                progress.note(&format!("{host} is passed over: {}", error.in_one_line()));
            }
            match self.turn(&blob, blobs, progress).await? {
                Some(next) => staged = next,
                None => return Ok(()),
            }
        }
    }

    /// Waits until it is this process's turn to fetch a blob; `None` if the blob is there, and told of.
    async fn turn(&self, blob: &Blob<'_>, blobs: &Blobs, progress: &dyn Progress) -> Result<Option<Staged>, Error> {
        let told = Cell::new(false);
        loop {
            let staged = blobs.resume(&blob.descriptor.digest)?;
            // Looked for after the lock was taken: until then another may have been at it.
            if let Some(file) = blobs.open(&blob.descriptor.digest)? {
                blob.tell(Event::Began { index: blob.index, file })?;
                blob.tell(Event::Grew { index: blob.index, size: blob.descriptor.size })?;
                blob.tell(Event::Done { index: blob.index })?;
                return Ok(None);
            }
            if let Some(mut staged) = staged {
                if staged.size() > blob.descriptor.size {
                    staged.restart()?;
                }
                return Ok(Some(staged));
            }
            if !told.replace(true) {
                progress.note(&format!("waiting for another envbox that fetches {}", blob.name()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn fetch_from(
        &self,
        endpoint: &Endpoint,
        blob: &Blob<'_>,
        staged: Staged,
        shown: &Shown<'_>,
    ) -> Result<(), Error> {
        let descriptor = blob.descriptor;
        let failed = |fault| self.error("fetch", fault);
        blob.tell(Event::Began { index: blob.index, file: staged.reader()? })?;
        blob.tell(Event::Grew { index: blob.index, size: staged.size() })?;
        let mut growing = Growing { staged, blob };
        if growing.size() < descriptor.size {
            let path = format!("blobs/{}", descriptor.digest);
            let request = endpoint.request(&self.session, Method::GET, &path).await.map_err(failed)?;
            self.transfer(endpoint, request, descriptor.size, &mut growing, shown).await?;
        }
        let committed = growing.staged.commit(Some(&descriptor.digest));
        committed.map_err(|error| Error::content(&format!("{} of {}", blob.name(), self.reference), error))?;
        blob.tell(Event::Done { index: blob.index })
    }

    /// The transfer itself, with a token, and with a new one when that has expired.
    async fn transfer(
        &self,
        endpoint: &Endpoint,
        mut request: Request,
        size: u64,
        growing: &mut Growing<'_, '_>,
        shown: &Shown<'_>,
    ) -> Result<(), Error> {
        let failed = |fault| self.error("fetch", fault);
        endpoint.authorize(&self.session, &mut request, Access::Pull).await.map_err(failed)?;
        let mut tokens = 0;
        loop {
            let before = growing.size();
            let error = match transfer(&self.session, &request, (Some(size), true), size, growing, shown).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let refused = matches!(&error, Error::Fetch { source, .. }
                if matches!(**source, http::Fault::Status { status: 401, .. }));
            // One new token for each stretch of the way.
            tokens = if growing.size() > before { 1 } else { tokens + 1 };
            if !refused || tokens > 1 {
                return Err(error);
            }
            let refusal = endpoint.refusal(&self.session).await.map_err(failed)?;
            endpoint.renew(&self.session, &mut request, Access::Pull, &refusal).await.map_err(failed)?;
        }
    }
}

/// A blob that is wanted.
struct Blob<'a> {
    index: usize,
    descriptor: &'a Descriptor,
    on: &'a Listener<'a>,
}

impl Blob<'_> {
    fn tell(&self, event: Event) -> Result<(), Error> {
        (*self.on.borrow_mut())(event)
    }

    fn name(&self) -> String {
        format!("layer {}", self.descriptor.digest.short())
    }
}

/// A staged file somebody reads.
struct Growing<'a, 'b> {
    staged: Staged,
    blob: &'a Blob<'b>,
}

impl Sink for Growing<'_, '_> {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.staged.write(bytes)?;
        self.blob.tell(Event::Grew { index: self.blob.index, size: self.staged.size() })
    }

    fn restart(&mut self) -> Result<(), Error> {
        Ok(self.staged.restart()?)
    }

    fn size(&self) -> u64 {
        self.staged.size()
    }

    fn is_read(&self) -> bool {
        true
    }
}
