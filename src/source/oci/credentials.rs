//! Logins, where other tools have left them (containers-auth.json(5), docker's config.json and credential helpers).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Fault, Login, settings};

/// The names that the one registry of docker's has had.
const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/// What docker calls it where it keeps logins.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// A file of logins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AuthFile {
    auths: BTreeMap<String, Entry>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(rename = "credsStore")]
    store: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    #[serde(rename = "identitytoken")]
    identity: String,
}

/// What a credential helper answers (docker-credential-helpers, `get`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

/// The login for a repository at a host: of the files that know it the first, and in it the most exact.
pub(super) fn find(files: &[PathBuf], host: &str, repository: &str) -> Result<Option<Login>, Fault> {
    for path in files {
        let Some(text) = settings::read(path)? else { continue };
        if let Some(login) = find_in(path, &text, host, repository)? {
            return Ok(Some(login));
        }
    }
    Ok(None)
}

fn find_in(path: &Path, text: &str, host: &str, repository: &str) -> Result<Option<Login>, Fault> {
    let fault = |what: &str| Fault::Settings { path: path.to_owned(), what: what.to_owned() };
    // Before it had other keys, docker's file was the map of logins.
    let parsed = if path.file_name().is_some_and(|name| name == ".dockercfg") {
        serde_json::from_str(text).map(|auths| AuthFile { auths, ..AuthFile::default() })
    } else {
        serde_json::from_str(text)
    };
    // What serde_json says can have a piece of a secret in it.
    let file: AuthFile = parsed.map_err(|error| fault(&format!("it is no file of logins (line {})", error.line())))?;
    if let Some((key, helper)) = file.helpers.iter().find(|(key, _)| is_host(key, host)) {
        return ask(helper, key);
    }
    let candidates = |entry: &&Entry| !entry.auth.is_empty() || !entry.identity.is_empty();
    let exact = namespaces(host, repository).into_iter().find_map(|name| {
        let found = file.auths.iter().find(|(key, _)| normalised(key) == name);
        found.map(|(_, entry)| entry).filter(candidates)
    });
    match exact {
        Some(entry) => decode(entry).ok_or_else(|| fault("a login in it is not base64 of `name:password`")).map(Some),
        None if file.store.is_empty() => Ok(None),
        None => ask(&file.store, if is_hub(host) { HUB_KEY } else { host }),
    }
}

/// A repository's own name and those of all that it is part of, the most exact first.
fn namespaces(host: &str, repository: &str) -> Vec<String> {
    let host = if is_hub(host) { HUB[0] } else { host };
    let full = format!("{host}/{repository}");
    let mut names: Vec<String> = full.match_indices('/').map(|(at, _)| full[..at].to_owned()).rev().collect();
    names.insert(0, full);
    names
}

/// A key of a file of logins, without what docker writes around a host.
fn normalised(key: &str) -> String {
    let name = match key.split_once("://") {
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => key.trim_end_matches('/'),
    };
    if is_hub(name) { HUB[0].to_owned() } else { name.to_owned() }
}

fn is_hub(host: &str) -> bool {
    HUB.contains(&host)
}

fn is_host(key: &str, host: &str) -> bool {
    let key = normalised(key);
    key == host || (is_hub(host) && key == HUB[0])
}

fn decode(entry: &Entry) -> Option<Login> {
    if !entry.identity.is_empty() {
        return Some(Login::Identity(entry.identity.clone()));
    }
    let bytes = STANDARD.decode(entry.auth.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, secret) = text.split_once(':')?;
    // Docker pads with NUL.
    let secret = secret.trim_end_matches('\0');
    Some(Login::Password { user: user.to_owned(), secret: secret.to_owned() })
}

/// Asks a credential helper: the host on its standard input, JSON on its standard output.
fn ask(helper: &str, host: &str) -> Result<Option<Login>, Fault> {
    let program = format!("docker-credential-{helper}");
    let fault = |what: String| Fault::Helper { program: program.clone(), what };
    if !helper.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        return Err(Fault::Helper {
            program: program.escape_debug().collect(),
            what: "that is no program's name".into(),
        });
    }
    let mut command = Command::new(&program);
    let spawned = command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| fault(error.to_string()))?;
    // One that does not read has its reasons, and says them.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(host.as_bytes()));
    let output = child.wait_with_output().map_err(|error| fault(error.to_string()))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        let said: String = String::from_utf8_lossy(&said).trim().chars().take(200).collect();
        // The words of docker-credential-helpers for having none.
        return if said.contains("credentials not found") { Ok(None) } else { Err(fault(said)) };
    }
    let helped: Helped =
        serde_json::from_slice(&output.stdout).map_err(|_| fault("its answer is not understood".into()))?;
    Ok(Some(match helped {
        Helped { username, secret } if username == "<token>" => Login::Identity(secret),
        Helped { username, secret } => Login::Password { user: username, secret },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(login: &str) -> String {
        STANDARD.encode(login)
    }

    fn user_of(text: &str, host: &str, repository: &str) -> Option<String> {
        match find_in(Path::new("auth.json"), text, host, repository).unwrap()? {
            Login::Password { user, .. } => Some(user),
            Login::Identity(token) => Some(format!("token {token}")),
        }
    }

    #[test]
    fn the_most_exact_login_counts() {
        let text = format!(
            r#"{{"auths": {{"r.example": {{"auth": "{}"}}, "r.example/a": {{"auth": "{}"}}, "r.example/a/b/c": {{"auth": "{}"}},
                "r.example/empty": {{}}}}}}"#,
            encoded("host:x"),
            encoded("a:x"),
            encoded("abc:x")
        );
        for (repository, user) in [("a/b/c", "abc"), ("a/b", "a"), ("a", "a"), ("ab", "host"), ("empty/x", "host")] {
            assert_eq!(user_of(&text, "r.example", repository).as_deref(), Some(user), "{repository}");
        }
        assert_eq!(user_of(&text, "r.example:5000", "a"), None);
        assert_eq!(user_of(&text, "other.example", "r.example/a"), None);
    }

    #[test]
    fn as_docker_writes_them() {
        let hub = format!(r#"{{"auths": {{"https://index.docker.io/v1/": {{"auth": "{}"}}}}}}"#, encoded("al:p:w\0\0"));
        assert_eq!(
            find_in(Path::new("config.json"), &hub, "docker.io", "library/x").unwrap(),
            Some(Login::Password { user: "al".into(), secret: "p:w".into() })
        );
        let token = r#"{"auths": {"https://r.example": {"auth": "", "identitytoken": "secret"}}}"#;
        assert_eq!(user_of(token, "r.example", "x").as_deref(), Some("token secret"));
        let old = format!(r#"{{"r.example": {{"auth": "{}", "email": "x"}}}}"#, encoded("old:x"));
        assert!(find_in(Path::new("/h/.dockercfg"), &old, "r.example", "x").unwrap().is_some());
    }

    #[test]
    fn what_is_wrong_is_told_without_the_secret() {
        for text in [r#"{"auths": {"r.example": {"auth": "c2VjcmV0"}}}"#, r#"{"auths": "c2VjcmV0"}"#, "c2VjcmV0"] {
            let error = find_in(Path::new("/x/auth.json"), text, "r.example", "x").unwrap_err().to_string();
            assert!(error.contains("/x/auth.json") && !error.contains("c2VjcmV0"), "{error}");
        }
        let text = r#"{"credHelpers": {"r.example": "../../bin/sh"}}"#;
        assert!(matches!(find_in(Path::new("x"), text, "r.example", "x"), Err(Fault::Helper { .. })));
    }

    #[test]
    fn files_that_cannot_be_read_are_no_files() {
        assert_eq!(find(&["/no/such/file".into(), "/dev/null/x".into()], "r.example", "x").unwrap(), None);
    }
}
