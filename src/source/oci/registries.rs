//! The registries, as this user reaches them.

use std::rc::Rc;

use super::certificates;
use super::endpoint::{Endpoint, Way};
use super::mirrors::RegistriesConf;
use super::settings::Settings;
use super::{Fault, Login};
use crate::image::{ParseReferenceError, Reference};
use crate::source::Error;
use crate::source::http::{Client, Session};

/// How registries are reached. Holds nothing open.
#[derive(Debug, Clone, Default)]
pub struct Registries {
    client: Client,
    settings: Rc<Settings>,
    plain_http: bool,
    login: Option<Login>,
}

impl Registries {
    /// With this client, and what the user's files say.
    pub fn new(client: Client, settings: Settings) -> Self {
        Self { client, settings: settings.into(), ..Self::default() }
    }

    /// The same, and plain http will do for the registry that is opened (not for its mirrors).
    #[must_use]
    pub fn with_plain_http(self, plain_http: bool) -> Self {
        Self { plain_http, ..self }
    }

    /// The same, with this login for the registry that is opened (not for its mirrors).
    #[must_use]
    pub fn with_login(self, login: Login) -> Self {
        Self { login: Some(login), ..self }
    }

    /// What the user's files say that a short name stands for, with the tag or digest that came with it.
    ///
    /// # Errors
    /// [`Error::Registry`] if a file cannot be understood.
    pub fn alias(&self, text: &str) -> Result<Option<Result<Reference, ParseReferenceError>>, Error> {
        let name = &text[..text.find([':', '@']).unwrap_or(text.len())];
        let failed = |fault| Error::Registry { what: "look up", reference: text.to_owned(), source: Box::new(fault) };
        let conf = RegistriesConf::read(&self.settings).map_err(failed)?;
        Ok(conf.alias(name).map(|target| format!("{target}{}", &text[name.len()..]).parse()))
    }

    /// Opens the repository that a reference names. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Registry`] if the user's files cannot be understood, or forbid it; [`Error::Runtime`].
    pub fn open(&self, reference: &Reference) -> Result<Repository, Error> {
        let failed =
            |fault| Error::Registry { what: "reach", reference: reference.to_string(), source: Box::new(fault) };
        let endpoints = self.endpoints(reference).map_err(failed)?;
        Ok(Repository { session: self.client.session()?, reference: reference.clone(), endpoints })
    }

    fn endpoints(&self, reference: &Reference) -> Result<Vec<Endpoint>, Fault> {
        let places = RegistriesConf::read(&self.settings)?.places(reference)?;
        let endpoint = |place: super::mirrors::Place| {
            let tls = certificates::find(&self.settings.certificates, &place.host)?;
            let plain = self.plain_http && !place.is_mirror;
            let login = self.login.clone().filter(|_| !place.is_mirror);
            let way = Way { tls, insecure: place.insecure, plain };
            Ok(Endpoint::new(place, way, login, self.settings.clone()))
        };
        places.into_iter().map(endpoint).collect()
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
    pub(super) fn error(&self, what: &'static str, fault: Fault) -> Error {
        Error::Registry { what, reference: self.reference.to_string(), source: Box::new(fault) }
    }
}
