//! The registries, as this user reaches them.

use super::endpoint::{Endpoint, Way};
use crate::image::Reference;
use crate::source::Error;
use crate::source::http::{Client, Session};

/// How registries are reached. Holds nothing open.
#[derive(Debug, Clone, Default)]
pub struct Registries {
    client: Client,
    plain_http: bool,
}

impl Registries {
    /// With this client, without a login, and without mirrors.
    pub fn new(client: Client) -> Self {
        Self { client, plain_http: false }
    }

    /// The same, and plain http will do for all of them.
    #[must_use]
    pub fn with_plain_http(self, plain_http: bool) -> Self {
        Self { plain_http, ..self }
    }

    /// Opens the repository that a reference names. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Runtime`].
    pub fn open(&self, reference: &Reference) -> Result<Repository, Error> {
        let way = Way { plain: self.plain_http, ..Way::default() };
        let own = Endpoint::new(reference.registry(), reference.repository(), false, way, None);
        Ok(Repository { session: self.client.session()?, reference: reference.clone(), endpoints: vec![own] })
    }
}

/// A repository at a registry and at its mirrors. Every method blocks until it is done; dropped, it leaves neither a
/// connection nor a thread.
#[derive(Debug)]
pub struct Repository {
    pub(super) session: Session,
    pub(super) reference: Reference,
    // In the order in which they are tried; the registry itself is the last.
    pub(super) endpoints: Vec<Endpoint>,
}

impl Repository {
    pub(super) fn error(&self, what: &'static str, fault: super::Fault) -> Error {
        Error::Registry { what, reference: self.reference.to_string(), source: Box::new(fault) }
    }
}
