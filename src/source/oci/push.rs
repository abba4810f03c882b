//! Blobs and documents to a registry (distribution-spec, push).

use std::cell::Cell;
use std::fs::File;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};

use super::document::CONTENT_DIGEST;
use super::endpoint::{Access, Endpoint, without_query};
use super::{Fault, Repository};
use crate::image::oci::{Descriptor, media};
use crate::image::{Digest, Published, Reference};
use crate::source::http::{Reply, Request};
use crate::source::{Error, Progress};

/// How many blobs are on their way at once.
const PARALLEL: usize = 3;
/// The largest answer to an upload.
const LARGEST: u64 = 1 << 20;
/// How large the pieces are for a server that will not take a blob in one, in bytes.
const CHUNK: u64 = 16 << 20;
/// How large a server wants them to be at least.
const CHUNK_MIN: HeaderName = HeaderName::from_static("oci-chunk-min-length");

impl Repository {
    /// Puts an image where the reference says: the blobs that are not there yet, the config, and at last the manifest. Of
    /// `from`, if that is a repository of the same registry, blobs are taken over without being sent. Returns the digest
    /// by which the registry knows the image.
    ///
    /// # Errors
    /// [`Error::Registry`], [`Error::Digest`] if the reference has another digest than the image.
    pub fn push(
        &self,
        image: &Published,
        blobs: impl IntoIterator<Item = (Descriptor, File)>,
        from: Option<&Reference>,
        progress: &dyn Progress,
    ) -> Result<Digest, Error> {
        let actual = image.digest();
        if let Some(expected) = self.reference.digest().filter(|digest| *digest != actual) {
            return Err(Error::Digest { what: self.reference.to_string(), expected, actual });
        }
        let place = self.reference.registry().to_owned();
        let nowhere = || self.error("push", Fault::Protocol { registry: place, what: "there is no place to push to" });
        let endpoint = self.endpoints.last().ok_or_else(nowhere)?;
        let from = from.filter(|from| from.registry() == self.reference.registry()).map(Reference::repository);
        let push = Push { repository: self, endpoint, from, progress };
        progress.start(&format!("pushing {}", self.reference), None);
        let result = self.session.run(async {
            let one = |(blob, file): (Descriptor, File)| async move { push.blob(&blob, &file).await };
            stream::iter(blobs).map(one).buffer_unordered(PARALLEL).try_collect::<()>().await?;
            push.config(image.config.as_bytes()).await?;
            push.manifest(image, &actual).await
        });
        progress.finish();
        result.map_err(|fault| self.error("push", fault))?;
        Ok(actual)
    }
}

#[derive(Clone, Copy)]
struct Push<'a> {
    repository: &'a Repository,
    endpoint: &'a Endpoint,
    from: Option<&'a str>,
    progress: &'a dyn Progress,
}

impl Push<'_> {
    async fn blob(&self, blob: &Descriptor, file: &File) -> Result<(), Fault> {
        let session = &self.repository.session;
        // What has been told of: a blob that is sent twice moves no bar twice.
        let told = Cell::new(0);
        let mut chunked = false;
        let mut vain = 0;
        loop {
            let Some(location) = self.begin(blob).await? else { return Ok(()) };
            let mut shown = |sent: u64| {
                self.progress.advance(sent.saturating_sub(told.get()));
                told.set(told.get().max(sent));
            };
            let result = match chunked {
                false => self.whole(blob, file, &location, &mut shown).await,
                true => self.in_chunks(blob, file, location, &mut shown).await,
            };
            vain += 1;
            let fault = match result {
                Ok(reply) if reply.status == StatusCode::CREATED => return Ok(()),
                // A proxy in front of the registry may have a limit of its own.
                Ok(reply) if reply.status == StatusCode::PAYLOAD_TOO_LARGE && !chunked => {
                    chunked = true;
                    continue;
                }
                Ok(reply) if session.wait(&reply.fault(), vain).is_none() => {
                    return Err(self.fault(&name(blob), &reply));
                }
                Ok(reply) => reply.fault(),
                Err(Fault::Http { source, .. }) if session.wait(&source, vain).is_some() => source,
                Err(fault) => return Err(fault),
            };
            if let Some(wait) = session.wait(&fault, vain) {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Where to send a blob; `None` if the registry has it, or has it now.
    async fn begin(&self, blob: &Descriptor) -> Result<Option<Url>, Fault> {
        let session = &self.repository.session;
        let head = self.endpoint.request(session, Method::HEAD, &format!("blobs/{}", blob.digest)).await?;
        let reply = self.endpoint.ask(session, head, Access::Push, LARGEST).await?;
        match reply.status {
            StatusCode::OK => return Ok(None),
            StatusCode::NOT_FOUND => {}
            _ => return Err(self.fault(&name(blob), &reply)),
        }
        let mut request = self.endpoint.request(session, Method::POST, "blobs/uploads/").await?;
        let mut access = Access::Push;
        if let Some(from) = self.from {
            request.url.query_pairs_mut().append_pair("mount", &blob.digest.to_string()).append_pair("from", from);
            access = Access::Mount { from };
        }
        let begun = request.url.clone();
        let reply = self.endpoint.ask(session, request, access, LARGEST).await?;
        match reply.status {
            StatusCode::CREATED => Ok(None),
            StatusCode::ACCEPTED => self.location(&begun, &reply).map(Some),
            _ => Err(self.fault(&name(blob), &reply)),
        }
    }

    /// All of it in one request.
    async fn whole(
        &self,
        blob: &Descriptor,
        file: &File,
        location: &Url,
        shown: &mut dyn FnMut(u64),
    ) -> Result<Reply, Fault> {
        let request = self.upload(Method::PUT, finishing(location, &blob.digest)).await?;
        self.send(&request, file, 0..blob.size, shown).await
    }

    /// One piece after another.
    async fn in_chunks(
        &self,
        blob: &Descriptor,
        file: &File,
        mut location: Url,
        shown: &mut dyn FnMut(u64),
    ) -> Result<Reply, Fault> {
        let (mut at, mut chunk) = (0, CHUNK);
        while at < blob.size {
            let end = blob.size.min(at + chunk);
            // Unlike elsewhere in HTTP, no unit stands before the numbers.
            let range = HeaderValue::try_from(format!("{at}-{}", end - 1)).map_err(|_| self.strange("no range"))?;
            let request = self.upload(Method::PATCH, location.clone()).await?.with(CONTENT_RANGE, range);
            let reply = self.send(&request, file, at..end, &mut |sent| shown(at + sent)).await?;
            if reply.status != StatusCode::ACCEPTED {
                return Ok(reply);
            }
            let least = reply.header(CHUNK_MIN).and_then(|text| text.parse().ok());
            chunk = chunk.max(least.unwrap_or(0));
            location = self.location(&location, &reply)?;
            at = end;
        }
        let request = self.upload(Method::PUT, finishing(&location, &blob.digest)).await?;
        self.send(&request, file, 0..0, shown).await
    }

    async fn config(&self, config: &[u8]) -> Result<(), Fault> {
        let size = u64::try_from(config.len()).unwrap_or(u64::MAX);
        let blob = Descriptor::new(media::CONFIG, Digest::of(config), size);
        let Some(location) = self.begin(&blob).await? else { return Ok(()) };
        let mut request = self.upload(Method::PUT, finishing(&location, &blob.digest)).await?;
        request.body = config.to_vec();
        let reply = self.endpoint.ask(&self.repository.session, request, Access::Push, LARGEST).await?;
        if reply.status == StatusCode::CREATED { Ok(()) } else { Err(self.fault("its config", &reply)) }
    }

    async fn manifest(&self, image: &Published, digest: &Digest) -> Result<(), Fault> {
        let session = &self.repository.session;
        let tag = self.repository.reference.tag().map_or_else(|| digest.to_string(), str::to_owned);
        let media_type = HeaderValue::try_from(&image.media_type).map_err(|_| self.strange("no media type"))?;
        let request = self.endpoint.request(session, Method::PUT, &format!("manifests/{tag}")).await?;
        let mut request = request.with(CONTENT_TYPE, media_type);
        request.body = image.manifest.as_bytes().to_vec();
        let reply = self.endpoint.ask(session, request, Access::Push, LARGEST).await?;
        if reply.status != StatusCode::CREATED {
            return Err(self.fault("its manifest", &reply));
        }
        match reply.header(CONTENT_DIGEST) {
            Some(said) if said != digest.to_string() => {
                Err(self.strange("it took in another manifest than it was sent"))
            }
            _ => Ok(()),
        }
    }

    /// A request with a piece of a blob, wherever the registry wants that to go.
    async fn upload(&self, method: Method, url: Url) -> Result<Request, Fault> {
        let session = &self.repository.session;
        let octets = HeaderValue::from_static("application/octet-stream");
        let mut request = self.endpoint.request(session, method, "").await?.with(CONTENT_TYPE, octets);
        request.url = url;
        self.endpoint.authorize(session, &mut request, Access::Push).await?;
        Ok(request)
    }

    async fn send(
        &self,
        request: &Request,
        file: &File,
        part: std::ops::Range<u64>,
        shown: &mut dyn FnMut(u64),
    ) -> Result<Reply, Fault> {
        let session = &self.repository.session;
        let failed = |source| Fault::Http { url: without_query(&request.url), source };
        let reply = session.upload(request, file, part.clone(), shown).await.map_err(failed)?;
        let mut again = request.clone();
        if reply.status != StatusCode::UNAUTHORIZED
            || !self.endpoint.renew(session, &mut again, Access::Push, &reply).await?
        {
            return Ok(reply);
        }
        session.upload(&again, file, part, shown).await.map_err(failed)
    }

    /// Where an answer says to go on: an address of any form, perhaps on another host.
    fn location(&self, at: &Url, reply: &Reply) -> Result<Url, Fault> {
        let text = reply.header(LOCATION).ok_or_else(|| self.strange("it does not say where to upload to"))?;
        let url = at.join(text).map_err(|_| self.strange("it says to upload to what is no URL"))?;
        match (at.scheme(), url.scheme()) {
            (_, "https") | ("http", "http") => Ok(url),
            _ => Err(self.strange("it says to upload to a place without TLS")),
        }
    }

    fn fault(&self, what: &str, reply: &Reply) -> Fault {
        Fault::of(&self.endpoint.host, what, self.endpoint.is_anonymous(), reply)
    }

    fn strange(&self, what: &'static str) -> Fault {
        Fault::Protocol { registry: self.endpoint.host.clone(), what }
    }
}

/// Where an upload is finished: the address may have a query already.
fn finishing(location: &Url, digest: &Digest) -> Url {
    let mut url = location.clone();
    url.query_pairs_mut().append_pair("digest", &digest.to_string());
    url
}

fn name(blob: &Descriptor) -> String {
    format!("layer {}", blob.digest.short())
}
