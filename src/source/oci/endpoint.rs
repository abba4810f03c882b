//! One place where a repository is: the registry's own host, or a mirror.

use std::net::IpAddr;
use std::rc::Rc;

use reqwest::{Method, StatusCode, Url};
use tokio::sync::OnceCell;

use super::auth::Auth;
use super::mirrors::Place;
use super::settings::Settings;
use super::{Fault, Login};
use crate::source::http::{Reply, Request, Session, Tls};

/// What is to be done to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access<'a> {
    Pull,
    Push,
    /// To push, and to take blobs over from another repository.
    Mount {
        from: &'a str,
    },
}

/// How to reach a host.
#[derive(Debug, Clone, Default)]
pub(super) struct Way {
    /// What its certificate is believed for.
    pub(super) tls: Tls,
    /// Whether plain http will do, if there is no https.
    pub(super) insecure: bool,
    /// Whether nothing else than plain http is to be tried.
    pub(super) plain: bool,
}

/// One place where a repository is.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Host and port, as users and settings have it.
    pub(super) host: String,
    /// The repository's name there.
    pub(super) repository: String,
    pub(super) is_mirror: bool,
    way: Way,
    auth: Auth,
    base: OnceCell<Base>,
}

#[derive(Debug)]
struct Base {
    url: Url,
    tls: Rc<Tls>,
}

impl Endpoint {
    pub(super) fn new(place: Place, way: Way, login: Option<Login>, settings: Rc<Settings>) -> Self {
        let Place { host, repository, is_mirror, .. } = place;
        let auth = Auth::new(&host, &repository, login, settings);
        Self { host, repository, is_mirror, way, auth, base: OnceCell::new() }
    }

    /// Whether what comes from here comes over TLS, from who has that name. Known after the first answer.
    pub(super) fn is_verified(&self) -> bool {
        self.base.get().is_some_and(|base| base.url.scheme() == "https" && !base.tls.unverified)
    }

    pub(super) fn is_anonymous(&self) -> bool {
        self.auth.is_anonymous()
    }

    /// A request for something of the repository's, `path` being what stands after its name.
    pub(super) async fn request(&self, session: &Session, method: Method, path: &str) -> Result<Request, Fault> {
        let base = self.base(session).await?;
        let fault = |_| Fault::Protocol { registry: self.host.clone(), what: "its address is no URL" };
        let mut request = Request::new(method, base.url.join(path).map_err(fault)?);
        request.tls = base.tls.clone();
        Ok(request)
    }

    /// Sends a request with whatever the registry wants to see first.
    pub(super) async fn ask(
        &self,
        session: &Session,
        mut request: Request,
        access: Access<'_>,
        largest: u64,
    ) -> Result<Reply, Fault> {
        let url = request.url.clone();
        let failed = move |source| Fault::Http { url: without_query(&url), source };
        self.authorize(session, &mut request, access).await?;
        let reply = session.call(&request, largest).await.map_err(&failed)?;
        if reply.status != StatusCode::UNAUTHORIZED || !self.renew(session, &mut request, access, &reply).await? {
            return Ok(reply);
        }
        session.call(&request, largest).await.map_err(&failed)
    }

    /// Gives a request the `Authorization` that is there, if it goes to this registry.
    pub(super) async fn authorize(
        &self,
        session: &Session,
        request: &mut Request,
        access: Access<'_>,
    ) -> Result<(), Fault> {
        let at_home = self.base(session).await?.url.origin() == request.url.origin();
        request.secret = if at_home { self.auth.secret(&self.scope(access)) } else { None };
        Ok(())
    }

    /// After a refusal: gives a request a new `Authorization`; `false` if it does not go to this registry.
    pub(super) async fn renew(
        &self,
        session: &Session,
        request: &mut Request,
        access: Access<'_>,
        refusal: &Reply,
    ) -> Result<bool, Fault> {
        let base = self.base(session).await?;
        if base.url.origin() != request.url.origin() {
            return Ok(false);
        }
        let plain = base.url.scheme() == "http";
        self.auth.renew(session, refusal, &self.scope(access), request.secret.as_ref(), plain).await?;
        self.authorize(session, request, access).await?;
        Ok(true)
    }

    /// What the registry asks of whoever comes without an `Authorization`.
    pub(super) async fn refusal(&self, session: &Session) -> Result<Reply, Fault> {
        let base = self.base(session).await?;
        let url = base.url.join("/v2/").unwrap_or_else(|_| base.url.clone());
        let request = Request { tls: base.tls.clone(), ..Request::new(Method::GET, url) };
        session.call(&request, LARGEST_PING).await.map_err(|source| Fault::Http { url: self.host.clone(), source })
    }

    /// What a token has to be good for (distribution's token/scope.md).
    fn scope(&self, access: Access<'_>) -> String {
        let name = &self.repository;
        match access {
            Access::Pull => format!("repository:{name}:pull"),
            Access::Push => format!("repository:{name}:pull,push"),
            Access::Mount { from } => format!("repository:{name}:pull,push repository:{from}:pull"),
        }
    }

    async fn base(&self, session: &Session) -> Result<&Base, Fault> {
        self.base.get_or_try_init(|| self.find(session)).await
    }

    /// Where there is more than one way, the first that leads to a registry.
    async fn find(&self, session: &Session) -> Result<Base, Fault> {
        let mut ways = self.ways().into_iter().peekable();
        let mut first = None;
        while let Some((scheme, tls)) = ways.next() {
            let fault = |_| Fault::Protocol { registry: self.host.clone(), what: "its name is no host's" };
            let host = if self.host == "docker.io" { "registry-1.docker.io" } else { &self.host };
            let url = Url::parse(&format!("{scheme}://{host}/v2/{}/", self.repository)).map_err(fault)?;
            let base = Base { url, tls: Rc::new(tls) };
            if first.is_none() && ways.peek().is_none() {
                return Ok(base);
            }
            let ping = base.url.join("/v2/").unwrap_or_else(|_| base.url.clone());
            let request = Request { tls: base.tls.clone(), ..Request::new(Method::GET, ping) };
            match session.call_once(&request, LARGEST_PING).await {
                // What Go's and other servers say to http at a port for https.
                Ok(reply) if reply.status == StatusCode::BAD_REQUEST && ways.peek().is_some() => {}
                Ok(_) => return Ok(base),
                Err(source) => {
                    first.get_or_insert(Fault::Http { url: without_query(&request.url), source });
                }
            }
        }
        Err(first.unwrap_or(Fault::Protocol { registry: self.host.clone(), what: "it does not answer" }))
    }

    /// Schemes, the one to try first before the others. What stays on this machine needs no TLS.
    fn ways(&self) -> Vec<(&'static str, Tls)> {
        let Way { tls, insecure, plain } = self.way.clone();
        match (plain, insecure) {
            (true, _) => vec![("http", tls)],
            (false, true) => vec![("https", Tls { unverified: true, ..tls.clone() }), ("http", tls)],
            (false, false) if is_loopback(&self.host) && tls == Tls::default() => {
                vec![("http", tls.clone()), ("https", tls)]
            }
            (false, false) => vec![("https", tls)],
        }
    }
}

/// As much as is read of what a registry says to `GET /v2/`.
const LARGEST_PING: u64 = 64 << 10;

/// Whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What can be shown of a URL: a query may have a signature in it that opens doors.
pub(super) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    crate::source::error::without_password(url.as_str())
}
