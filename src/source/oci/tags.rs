//! What a repository has.

use reqwest::Method;
use reqwest::header::LINK;
use serde::Deserialize;

use super::document::{CONTENT_DIGEST, manifest_request};
use super::endpoint::{Access, Endpoint};
use super::{Fault, Repository};
use crate::image::Digest;
use crate::image::oci::Document;
use crate::source::Error;

/// The largest page of a list of tags.
const LARGEST: u64 = 4 << 20;
/// How many pages are asked for; a registry gives about a thousand tags on each.
const PAGES: usize = 100;

#[derive(Deserialize)]
struct Page {
    // Go writes an empty list as `null`.
    tags: Option<Vec<String>>,
}

impl Repository {
    /// The tags, as the registry lists them.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub fn tags(&self) -> Result<Vec<String>, Error> {
        let result = self.session.run(async {
            let endpoint = self.own()?;
            let mut tags = Vec::new();
            let mut request = endpoint.request(&self.session, Method::GET, "tags/list?n=1000").await?;
            for _ in 0..PAGES {
                let url = request.url.clone();
                let reply = endpoint.ask(&self.session, request, Access::Pull, LARGEST).await?;
                if !reply.status.is_success() {
                    return Err(Fault::of(&endpoint.host, "such repository", endpoint.is_anonymous(), &reply));
                }
                let page = serde_json::from_slice(&reply.body);
                let page: Page = page.map_err(|_| strange(endpoint, "its list of tags is not understood"))?;
                tags.extend(page.tags.unwrap_or_default());
                let Some(next) = reply.header(LINK).and_then(next_page) else { return Ok(tags) };
                let next =
                    url.join(next).map_err(|_| strange(endpoint, "its list of tags goes on at what is no URL"))?;
                request = endpoint.request(&self.session, Method::GET, "").await?;
                request.url = next;
            }
            Err(strange(endpoint, "its list of tags has no end"))
        });
        result.map_err(|fault| self.error("list the tags of", fault))
    }

    /// The digest of what the reference leads to now. Costs nothing where registries count what is fetched.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub fn digest(&self) -> Result<Digest, Error> {
        let result = self.session.run(async {
            let endpoint = self.own()?;
            let mut found = None;
            // Some registries leave the digest out of what they answer to HEAD.
            for method in [Method::HEAD, Method::GET] {
                let request = manifest_request(self, endpoint, method, &self.reference).await?;
                let reply = endpoint.ask(&self.session, request, Access::Pull, Document::LARGEST).await?;
                if !reply.status.is_success() {
                    return Err(Fault::of(&endpoint.host, "such image", endpoint.is_anonymous(), &reply));
                }
                let said = reply.header(CONTENT_DIGEST).and_then(|digest| digest.parse().ok());
                found = said.or_else(|| (!reply.body.is_empty()).then(|| Digest::of(&reply.body)));
                if found.is_some() {
                    break;
                }
            }
            found.ok_or_else(|| strange(endpoint, "it does not say what the digest is"))
        });
        result.map_err(|fault| self.error("look up", fault))
    }

    /// The registry itself, no mirror.
    pub(super) fn own(&self) -> Result<&Endpoint, Fault> {
        let registry = || self.reference.registry().to_owned();
        self.endpoints.last().ok_or_else(|| Fault::Protocol { registry: registry(), what: "there is no place to ask" })
    }
}

fn strange(endpoint: &Endpoint, what: &'static str) -> Fault {
    Fault::Protocol { registry: endpoint.host.clone(), what }
}

/// Where a list goes on (RFC 8288): `</v2/x/tags/list?n=2&last=b>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    parameters.replace(['"', ' '], "").contains("rel=next").then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_list_goes_on() {
        assert_eq!(next_page(r#"</v2/x/tags/list?n=2&last=b>; rel="next""#), Some("/v2/x/tags/list?n=2&last=b"));
        assert_eq!(next_page("<https://r.example/x>; rel=next"), Some("https://r.example/x"));
        assert_eq!(next_page("</x>; rel=\"prev\""), None);
        assert_eq!(next_page("nonsense"), None);
    }
}
