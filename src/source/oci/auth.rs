//! What a registry asks for before it answers (distribution's token/jwt.md and token/oauth.md; RFC 9110 section 11).

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::settings::Settings;
use super::{Fault, Login, credentials};
use crate::source::error::without_password;
use crate::source::http::{Reply, Request, Session};

/// The largest answer of a token server.
const LARGEST: u64 = 1 << 20;
/// How long a token is good if nothing is said (token/jwt.md).
const DEFAULT_LIFE: u64 = 60;

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// Access to one repository of one registry.
#[derive(Debug)]
pub(super) struct Auth {
    registry: String,
    repository: String,
    settings: Rc<Settings>,
    // Looked for when a registry asks for it, since that may run a program, and the program may ask the user.
    login: OnceCell<Option<Login>>,
    challenge: RefCell<Option<Challenge>>,
    granted: RefCell<HashMap<String, Granted>>,
    // Downloads whose token expires at the same moment ask for one new token.
    renewing: Mutex<()>,
}

#[derive(Debug, Clone)]
struct Granted {
    secret: HeaderValue,
    until: Option<Instant>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Auth {
    /// With this login, or with the one that the user's files have.
    pub(super) fn new(registry: &str, repository: &str, login: Option<Login>, settings: Rc<Settings>) -> Self {
        Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            settings,
            login: login.map(|login| OnceCell::from(Some(login))).unwrap_or_default(),
            challenge: RefCell::default(),
            granted: RefCell::default(),
            renewing: Mutex::default(),
        }
    }

    pub(super) fn is_anonymous(&self) -> bool {
        self.login.get().is_none_or(Option::is_none)
    }

    fn login(&self) -> Result<Option<&Login>, Fault> {
        if let Some(login) = self.login.get() {
            return Ok(login.as_ref());
        }
        let found = credentials::find(&self.settings.auth, &self.registry, &self.repository)?;
        Ok(self.login.get_or_init(|| found).as_ref())
    }

    /// The `Authorization` for this scope, if there is one that is still good.
    pub(super) fn secret(&self, scope: &str) -> Option<HeaderValue> {
        let granted = self.granted.borrow();
        let granted = granted.get(scope)?;
        granted.until.is_none_or(|until| Instant::now() < until).then(|| granted.secret.clone())
    }

    /// Gets an `Authorization` for this scope in place of `used`, after the registry refused with `refusal`. `plain` says
    /// that the registry itself is spoken to without TLS.
    pub(super) async fn renew(
        &self,
        session: &Session,
        refusal: &Reply,
        scope: &str,
        used: Option<&HeaderValue>,
        plain: bool,
    ) -> Result<(), Fault> {
        let _turn = self.renewing.lock().await;
        if self.secret(scope).is_some_and(|secret| Some(&secret) != used) {
            return Ok(());
        }
        if let Some(challenge) = challenge(&refusal.headers) {
            self.challenge.replace(Some(challenge));
        }
        let challenge = self.challenge.borrow().clone();
        let granted = match (challenge, self.login()?) {
            (Some(Challenge::Bearer { realm, service }), _) => {
                let request = self.token_request(&realm, service.as_deref(), scope, plain)?;
                self.ask(session, &request).await?
            }
            (Some(Challenge::Basic), Some(Login::Password { user, secret })) => {
                Granted { secret: self.header(&basic(user, secret))?, until: None }
            }
            _ => return Err(Fault::of(&self.registry, "a login", self.is_anonymous(), refusal)),
        };
        self.granted.borrow_mut().insert(scope.to_owned(), granted);
        Ok(())
    }

    fn token_request(&self, realm: &str, service: Option<&str>, scope: &str, plain: bool) -> Result<Request, Fault> {
        let refused = || Fault::Realm { registry: self.registry.clone(), realm: without_password(realm) };
        let mut url = Url::parse(realm).map_err(|_| refused())?;
        if url.scheme() != "https" && !(plain && url.scheme() == "http") {
            return Err(refused());
        }
        let mut fields: Vec<_> = service.map(|service| ("service", service)).into_iter().collect();
        if let Some(Login::Identity(token)) = self.login()? {
            fields.extend([
                ("scope", scope),
                ("grant_type", "refresh_token"),
                ("refresh_token", token),
                ("client_id", "envbox"),
            ]);
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            let mut request = Request::new(Method::POST, url.clone()).with(CONTENT_TYPE, form);
            url.set_query(None);
            request.body = url.query_pairs_mut().extend_pairs(fields).finish().query().unwrap_or_default().into();
            return Ok(request);
        }
        // One for each, where OAuth has them all in one.
        fields.extend(scope.split(' ').map(|scope| ("scope", scope)));
        url.query_pairs_mut().extend_pairs(fields);
        let mut request = Request::new(Method::GET, url);
        if let Some(Login::Password { user, secret }) = self.login()? {
            request.secret = Some(self.header(&basic(user, secret))?);
        }
        Ok(request)
    }

    async fn ask(&self, session: &Session, request: &Request) -> Result<Granted, Fault> {
        let url = || {
            let mut url = request.url.clone();
            url.set_query(None);
            without_password(url.as_str())
        };
        let reply = session.call(request, LARGEST).await.map_err(|source| Fault::Http { url: url(), source })?;
        if !reply.status.is_success() {
            return Err(Fault::of(&self.registry, "a token", self.is_anonymous(), &reply));
        }
        let strange = |what| Fault::Protocol { registry: self.registry.clone(), what };
        let token: Token =
            serde_json::from_slice(&reply.body).map_err(|_| strange("its token server's answer is no JSON"))?;
        let life = Duration::from_secs(token.expires_in.unwrap_or(DEFAULT_LIFE).clamp(DEFAULT_LIFE, 24 * 3600));
        let text = token.token.or(token.access_token).filter(|token| !token.is_empty());
        let text = text.ok_or_else(|| strange("its token server gives no token"))?;
        // A little less, so that a token is not refused for having been on its way for too long.
        Ok(Granted { secret: self.header(&format!("Bearer {text}"))?, until: Some(Instant::now() + life.mul_f64(0.9)) })
    }

    fn header(&self, text: &str) -> Result<HeaderValue, Fault> {
        let fault = |_| Fault::Protocol { registry: self.registry.clone(), what: "its token is no text" };
        let mut value = HeaderValue::try_from(text).map_err(fault)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

fn basic(user: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")))
}

/// The best of what is asked for.
fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let mut basic = None;
    for challenge in texts.filter_map(|text| http_auth::parse_challenges(text).ok()).flatten() {
        let param = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        if challenge.scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = param("realm")
        {
            return Some(Challenge::Bearer { realm, service: param("service") });
        }
        if challenge.scheme.eq_ignore_ascii_case("basic") {
            basic = Some(Challenge::Basic);
        }
    }
    basic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(login: Option<Login>) -> Auth {
        Auth::new("x", "y", login, Rc::default())
    }

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (WWW_AUTHENTICATE, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_registries_ask_for() {
        let hub = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull""#;
        let bearer = Challenge::Bearer {
            realm: "https://auth.example/token".to_owned(),
            service: Some("registry.example".to_owned()),
        };
        assert_eq!(challenge(&headers(&[hub])), Some(bearer.clone()));
        assert_eq!(challenge(&headers(&["Basic realm=\"x\"", hub])), Some(bearer));
        assert_eq!(challenge(&headers(&["basic realm=\"x\""])), Some(Challenge::Basic));
        for none in ["Bearer", "Digest realm=\"x\"", "\"", "Bearer realm=\"unclosed"] {
            assert_eq!(challenge(&headers(&[none])), None, "{none}");
        }
    }

    #[test]
    fn a_login_does_not_go_out_in_the_clear() {
        let auth = auth(Some(Login::Password { user: "al".into(), secret: "secret".into() }));
        let refused = |realm, plain| matches!(auth.token_request(realm, None, "s", plain), Err(Fault::Realm { .. }));
        assert!(refused("http://auth.example/token", false) && refused("file:///etc/passwd", true));
        assert!(!refused("http://127.0.0.1:1/token", true) && !refused("https://auth.example/token", false));
    }

    #[test]
    fn the_two_ways_of_asking_for_a_token() {
        let ask = |login| {
            Auth::new("x", login).token_request("https://a.example/t?x=1", Some("s"), "r:a:pull r:b:pull", false)
        };
        let get = ask(Some(Login::Password { user: "al".into(), secret: "se:cret".into() })).unwrap();
        assert_eq!(get.url.query(), Some("x=1&service=s&scope=r%3Aa%3Apull&scope=r%3Ab%3Apull"));
        assert_eq!(get.secret.unwrap(), "Basic YWw6c2U6Y3JldA==");
        let post = ask(Some(Login::Identity("tok&en".into()))).unwrap();
        let form = "service=s&scope=r%3Aa%3Apull+r%3Ab%3Apull&grant_type=refresh_token&refresh_token=tok%26en&client_id=envbox";
        assert_eq!(String::from_utf8(post.body).unwrap(), form);
        assert!(post.secret.is_none() && ask(None).unwrap().secret.is_none());
    }

    #[test]
    fn secrets_are_not_shown() {
        let auth = auth(Some(Login::Password { user: "al".into(), secret: "hidden".into() }));
        let shown = format!("{auth:?} {:?}", auth.token_request("https://a.example/t", None, "s", false).unwrap());
        assert!(shown.contains("al") && !shown.contains("hidden") && !shown.contains(&STANDARD.encode("al:hidden")));
    }
}
