//! Manifests, indexes and configs: small, and known by their digests as soon as something leads to them.

use std::io::Read as _;

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};

use super::endpoint::{Access, Endpoint};
use super::{Fault, Repository, limits};
use crate::image::oci::{Descriptor, Document};
use crate::image::{Digest, Reference};
use crate::source::{Error, Progress};
use crate::store::blobs::Blobs;

/// Every kind of document that is understood. Without it docker-registry finds no index.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// What a registry says that a document's digest is.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A document as it came.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) text: String,
    pub(super) digest: Digest,
    /// What the server, or who led here, says that it is.
    pub(super) media_type: Option<String>,
}

impl Raw {
    pub(super) fn parse(&self) -> Result<Document, Fault> {
        let what = self.digest.to_string();
        Document::parse(self.text.as_bytes(), self.media_type.as_deref())
            .map_err(|source| Fault::Document { what, source })
    }
}

impl Repository {
    /// The document that the reference leads to.
    pub(super) async fn top(&self, endpoint: &Endpoint, blobs: &Blobs, progress: &dyn Progress) -> Result<Raw, Error> {
        let failed = |fault| self.error("fetch", fault);
        if let Some(digest) = self.reference.digest()
            && let Some(raw) = cached(blobs, &digest, None)?
        {
            return Ok(raw);
        }
        let request = manifest_request(self, endpoint, Method::GET, &self.reference).await.map_err(failed)?;
        let reply = endpoint.ask(&self.session, request, Access::Pull, Document::LARGEST).await.map_err(failed)?;
        if !reply.status.is_success() {
            return Err(failed(Fault::of(&endpoint.host, "such image", endpoint.is_anonymous(), &reply)));
        }
        if let Some(left) = limits::nearly_none(&reply) {
            progress.note(&format!("{} gives only {left} more images for now", endpoint.host));
        }
        let said = reply.header(CONTENT_DIGEST).and_then(|digest| digest.parse().ok());
        let media_type = reply.header(CONTENT_TYPE).map(str::to_owned);
        let expected = self.reference.digest().or(said);
        self.keep(blobs, reply.body, expected, media_type)
    }

    /// The manifest, index or config that a descriptor leads to.
    pub(super) async fn document(
        &self,
        endpoint: &Endpoint,
        blobs: &Blobs,
        path: &str,
        descriptor: &Descriptor,
    ) -> Result<Raw, Error> {
        let failed = |fault| self.error("fetch", fault);
        let what = || descriptor.digest.to_string();
        if descriptor.size > Document::LARGEST {
            let (size, largest) = (descriptor.size, Document::LARGEST);
            return Err(failed(Fault::TooLarge { what: what(), size, largest }));
        }
        if let Some(raw) = cached(blobs, &descriptor.digest, Some(&descriptor.media_type))? {
            return Ok(raw);
        }
        let reference = self.reference.at(descriptor.digest);
        let request = match path {
            "manifests" => manifest_request(self, endpoint, Method::GET, &reference).await,
            _ => endpoint.request(&self.session, Method::GET, &format!("{path}/{}", descriptor.digest)).await,
        };
        let request = request.map_err(failed)?;
        let reply = endpoint.ask(&self.session, request, Access::Pull, descriptor.size).await.map_err(failed)?;
        if !reply.status.is_success() {
            return Err(failed(Fault::of(&endpoint.host, &what(), endpoint.is_anonymous(), &reply)));
        }
        let actual = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
        if actual != descriptor.size {
            return Err(failed(Fault::Size { what: what(), expected: descriptor.size, actual }));
        }
        self.keep(blobs, reply.body, Some(descriptor.digest), Some(descriptor.media_type.clone()))
    }

    /// Checks what came, and keeps it for the next time.
    fn keep(
        &self,
        blobs: &Blobs,
        body: Vec<u8>,
        expected: Option<Digest>,
        media_type: Option<String>,
    ) -> Result<Raw, Error> {
        let mut staged = blobs.stage()?;
        staged.write(&body)?;
        let committed = staged.commit(expected.as_ref());
        let (digest, _) = committed.map_err(|error| Error::content(&self.reference.to_string(), error))?;
        let text = String::from_utf8(body).map_err(|_| self.error("fetch", not_text(&digest)))?;
        Ok(Raw { text, digest, media_type })
    }
}

/// A request for the document that a reference leads to.
pub(super) async fn manifest_request(
    repository: &Repository,
    endpoint: &Endpoint,
    method: Method,
    reference: &Reference,
) -> Result<crate::source::http::Request, Fault> {
    let path = format!("manifests/{}", reference.manifest());
    let request = endpoint.request(&repository.session, method, &path).await?;
    Ok(request.with(ACCEPT, HeaderValue::from_static(ACCEPTED)))
}

fn not_text(digest: &Digest) -> Fault {
    let source = crate::image::oci::ParseError::Json("it is not UTF-8".to_owned());
    Fault::Document { what: digest.to_string(), source }
}

/// A document that was fetched before.
fn cached(blobs: &Blobs, digest: &Digest, media_type: Option<&str>) -> Result<Option<Raw>, Error> {
    let Some(file) = blobs.open(digest)? else { return Ok(None) };
    let mut text = String::new();
    // What cannot be read, or is no text, or too long for a document, is fetched again and judged then.
    let read = file.take(Document::LARGEST + 1).read_to_string(&mut text);
    let good = read.is_ok() && u64::try_from(text.len()).is_ok_and(|length| length <= Document::LARGEST);
    Ok(good.then(|| Raw { text, digest: *digest, media_type: media_type.map(str::to_owned) }))
}
