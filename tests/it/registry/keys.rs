//! Keys that the tests make for themselves: a registry's certificate, and a token server.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use envbox::image::Digest;
use serde_json::{Value, json};

use crate::source::server::{Answer, Asked, Server};

fn openssl(args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Makes a key and a certificate for 127.0.0.1 that is its own authority: `key.pem` and `cert.pem`.
pub(crate) fn certificate(dir: &Path) -> (PathBuf, PathBuf) {
    let (key, cert) = (dir.join("key.pem"), dir.join("cert.pem"));
    let (key_arg, cert_arg) = (key.to_str().unwrap(), cert.to_str().unwrap());
    #[rustfmt::skip]
    let args = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=envbox-test",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key_arg, "-out", cert_arg,
    ];
    openssl(&args, b"");
    (key, cert)
}

/// A token server, which lets everybody pull what begins with `public/`, and `al` (password `secret`, refresh token
/// `refresh`) do anything.
#[derive(Debug)]
pub(crate) struct TokenServer {
    pub(crate) server: Server,
    /// Who asked for what.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl TokenServer {
    pub(crate) fn start(key: PathBuf, cert: &Path) -> Self {
        let pem = std::fs::read_to_string(cert).unwrap();
        let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let record = seen.clone();
        let server = Server::start(move |asked| {
            let (user, scopes) = request(asked);
            record.lock().unwrap().push(format!("{} {}", user.as_deref().unwrap_or("nobody"), scopes.join(" ")));
            if user.as_deref() == Some("intruder") {
                return Answer::Reply(401, vec![], br#"{"details":"no such user"}"#.to_vec());
            }
            let access: Vec<Value> = scopes.iter().filter_map(|scope| grant(user.as_deref(), scope)).collect();
            let token = sign(&key, &der, user.as_deref().unwrap_or(""), &access);
            Answer::Reply(200, vec![], json!({"token": token, "expires_in": 300}).to_string().into_bytes())
        });
        Self { server, asked: seen }
    }

    /// The settings of a registry that believes it.
    pub(crate) fn settings(&self, cert: &Path) -> String {
        let (realm, cert) = (self.server.url("/token"), cert.display());
        format!(
            "auth:\n  token:\n    realm: {realm}\n    service: test\n    issuer: tests\n    rootcertbundle: {cert}\n"
        )
    }
}

/// Who asks, and for which scopes.
fn request(asked: &Asked) -> (Option<String>, Vec<String>) {
    let query =
        if asked.method == "POST" { asked.body.clone() } else { asked.path.split_once('?').unwrap().1.to_owned() };
    let pairs: Vec<(String, String)> = url_pairs(&query);
    let values =
        |name: &str| pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect::<Vec<_>>();
    assert_eq!(values("service"), ["test"]);
    let scopes = values("scope").iter().flat_map(|scope| scope.split(' ')).map(str::to_owned).collect();
    let known = |ok| Some(if ok { "al" } else { "intruder" }.to_owned());
    let user = match (asked.header("authorization"), &*values("refresh_token")) {
        (Some(basic), _) => known(basic == format!("Basic {}", STANDARD.encode("al:secret"))),
        (None, [token]) => known(token == "refresh" && values("grant_type") == ["refresh_token"]),
        (None, _) => None,
    };
    (user, scopes)
}

fn url_pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let mut parts = text.split('%');
        let first = parts.next().unwrap().replace('+', " ");
        parts.fold(first, |text, part| {
            let byte = char::from(u8::from_str_radix(&part[..2], 16).unwrap());
            format!("{text}{byte}{}", part[2..].replace('+', " "))
        })
    };
    query.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (decode(key), decode(value))).collect()
}

fn grant(user: Option<&str>, scope: &str) -> Option<Value> {
    let [kind, name, actions] = *scope.split(':').collect::<Vec<_>>() else { return None };
    let actions: Vec<&str> = actions.split(',').filter(|action| user.is_some() || *action == "pull").collect();
    (user.is_some() || name.starts_with("public/")).then(|| json!({"type": kind, "name": name, "actions": actions}))
}

/// A signed token (distribution's token/jwt.md).
fn sign(key: &Path, certificate: &str, subject: &str, access: &[Value]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [certificate]});
    let claims = json!({
        "iss": "tests", "aud": "test", "sub": subject, "access": access,
        "exp": now + 300, "nbf": now - 10, "iat": now, "jti": Digest::of(format!("{now}").as_bytes()).short(),
    });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&header), encode(&claims));
    let signature = openssl(&["dgst", "-sha256", "-sign", key.to_str().unwrap()], text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
