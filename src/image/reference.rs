//! Names of images at registries, as users of docker and podman type them.

use std::fmt;
use std::str::FromStr;

use super::Digest;

/// Where names without a registry are (docker.io), as every registry client has it.
const DEFAULT_REGISTRY: &str = "docker.io";

/// An image at a registry (distribution-spec; grammar of the `reference` package of the distribution project):
/// `registry/repository:tag@digest`, normalised.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no reference to an image: {what}")]
pub struct ParseReferenceError {
    text: String,
    what: &'static str,
}

impl Reference {
    /// Whether a text says which registry it means: what is before its first slash looks like a host.
    pub fn names_registry(text: &str) -> bool {
        text.split_once('/').is_some_and(|(host, _)| host == "localhost" || host.contains(['.', ':']))
    }

    /// The registry: `docker.io`, `127.0.0.1:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository at the registry: `library/alpine`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` where neither a tag nor a digest was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, which has the last word where there is a tag, too.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same repository, at this digest and no tag.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// What stands after `manifests/` in the registry's interface: the digest, else the tag.
    pub fn manifest(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.clone().unwrap_or_else(|| "latest".to_owned()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, ParseReferenceError> {
        let error =
            |what| ParseReferenceError { text: text.chars().take(300).flat_map(char::escape_debug).collect(), what };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| error("its digest is no sha256 digest"))?)),
            None => (text, None),
        };
        // A colon after the last slash begins a tag; one before it, a port.
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (rest, None),
        };
        let (registry, repository) = match path.split_once('/') {
            Some((first, others)) if Self::names_registry(path) => (first, others),
            _ => (DEFAULT_REGISTRY, path),
        };
        if !is_registry(registry) {
            return Err(error("its registry is no host name"));
        }
        let registry = registry.to_ascii_lowercase();
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(error("its tag has other characters than letters, digits, `.`, `_` and `-`"));
        }
        let official = matches!(&*registry, "docker.io" | "index.docker.io" | "registry-1.docker.io");
        let registry = if official { DEFAULT_REGISTRY.to_owned() } else { registry };
        let repository =
            if official && !repository.contains('/') { format!("library/{repository}") } else { repository.to_owned() };
        if repository.len() + registry.len() > 255 || !repository.split('/').all(is_component) {
            return Err(error("a repository is of lower-case letters, digits and single separators (`.`, `_`, `-`)"));
        }
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self { registry, repository, tag, digest })
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_ok = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        }),
    };
    host_ok && port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

/// Letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let edges = text.starts_with(alphanumeric) && text.ends_with(alphanumeric);
    edges
        && text
            .split(alphanumeric)
            .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<Reference>().map_or_else(|error| error.to_string(), |reference| reference.to_string())
    }

    #[test]
    fn what_users_type() {
        let digest = Digest::of(b"");
        for (typed, meant) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("alpine:3.20", "docker.io/library/alpine:3.20"),
            ("index.docker.io/alpine", "docker.io/library/alpine:latest"),
            ("index.docKer.io/alpine", "docker.io/library/alpine:latest"),
            ("user/thing", "docker.io/user/thing:latest"),
            ("localhost/x", "localhost/x:latest"),
            ("localhost:5000/a/b/c:1.0-x", "localhost:5000/a/b/c:1.0-x"),
            ("127.0.0.1:5000/x", "127.0.0.1:5000/x:latest"),
            ("[::1]:5000/x", "[::1]:5000/x:latest"),
            ("Quay.io/fedora/fedora:43", "quay.io/fedora/fedora:43"),
            ("ghcr.io/a__b/c-d---e.f_g", "ghcr.io/a__b/c-d---e.f_g:latest"),
        ] {
            assert_eq!(parsed(typed), meant);
        }
        assert_eq!(parsed(&format!("alpine:3.20@{digest}")), format!("docker.io/library/alpine:3.20@{digest}"));
        assert_eq!(parsed(&format!("quay.io/x/y@{digest}")), format!("quay.io/x/y@{digest}"));
        assert_eq!("alpine".parse::<Reference>().unwrap().at(digest).manifest(), digest.to_string());
    }

    #[test]
    fn what_is_no_reference() {
        for bad in [
            "",
            "Alpine",
            "a//b",
            "/a",
            "a/",
            "a:",
            "a:-x",
            "a@sha256:00",
            "a..b",
            "-a",
            "a_",
            "host:99999/x",
            "../etc",
            "localhost:5000/../../x",
            "a b",
            "a\u{1b}[31m",
            "x.y/",
            "[::g]:1/x",
            "a:b:c/..",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
    }
}
