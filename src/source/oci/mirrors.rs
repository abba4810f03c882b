//! Mirrors, blocked and insecure registries, and short names (containers-registries.conf(5), version 2).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Fault;
use super::settings::{self, Settings};
use crate::image::Reference;

/// What a user's files say about registries.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RegistriesConf {
    registry: Vec<Table>,
    aliases: BTreeMap<String, String>,
}

/// One `[[registry]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Table {
    prefix: String,
    location: String,
    insecure: bool,
    blocked: bool,
    mirror: Vec<Mirror>,
    mirror_by_digest_only: bool,
}

/// One `[[registry.mirror]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Mirror {
    location: String,
    insecure: bool,
    pull_from_mirror: When,
}

/// For what a mirror will do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    #[default]
    #[serde(alias = "")]
    All,
    DigestOnly,
    TagOnly,
}

/// A place where a repository is said to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) repository: String,
    pub(super) insecure: bool,
    pub(super) is_mirror: bool,
}

impl RegistriesConf {
    pub(super) fn read(files: &Settings) -> Result<Self, Fault> {
        let mut conf = Self::default();
        for path in &files.registries {
            if let Some(text) = settings::read(path)? {
                conf = Self::parse(&text).map_err(|what| Fault::Settings { path: path.clone(), what })?;
                break;
            }
        }
        for path in files.registries_dirs.iter().flat_map(|dir| settings::list(dir, "conf")) {
            if let Some(text) = settings::read(&path)? {
                conf.lay_over(Self::parse(&text).map_err(|what| Fault::Settings { path, what })?);
            }
        }
        Ok(conf)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut conf: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        for table in &mut conf.registry {
            let wildcard = table.prefix.starts_with("*.");
            if table.prefix.is_empty() {
                table.prefix.clone_from(&table.location);
            }
            if table.location.is_empty() && !wildcard {
                table.location.clone_from(&table.prefix);
            }
            if table.prefix.is_empty() || table.mirror.iter().any(|mirror| mirror.location.is_empty()) {
                return Err("a registry or a mirror in it has no location".to_owned());
            }
        }
        Ok(conf)
    }

    /// Takes what another file says in place of what this one says about the same.
    fn lay_over(&mut self, other: Self) {
        self.registry.retain(|table| other.registry.iter().all(|new| new.prefix != table.prefix));
        self.registry.extend(other.registry);
        self.aliases.extend(other.aliases);
    }

    /// What a short name stands for.
    pub(super) fn alias(&self, name: &str) -> Option<&str> {
        self.aliases.get(name).map(String::as_str).filter(|target| !target.is_empty())
    }

    /// Where the repository is that a reference names: mirrors first, the registry last.
    pub(super) fn places(&self, reference: &Reference) -> Result<Vec<Place>, Fault> {
        let name = format!("{}/{}", reference.registry(), reference.repository());
        let place = |name: &str, insecure, is_mirror| {
            let (host, repository) = name.split_once('/').unwrap_or((name, ""));
            Place { host: host.to_owned(), repository: repository.to_owned(), insecure, is_mirror }
        };
        let matching =
            self.registry.iter().filter_map(|table| Some((matched(&table.prefix, reference, &name)?, table)));
        let Some((length, table)) = matching.max_by_key(|(length, table)| (*length, table.prefix.len())) else {
            return Ok(vec![place(&name, false, false)]);
        };
        if table.blocked {
            return Err(Fault::Blocked { registry: table.prefix.clone() });
        }
        let moved = |location: &str| match location {
            "" => name.clone(),
            location => format!("{}{}", location.trim_end_matches('/'), name.get(length..).unwrap_or_default()),
        };
        let by_digest = reference.digest().is_some();
        let serves = |mirror: &&Mirror| match mirror.pull_from_mirror {
            When::All => by_digest || !table.mirror_by_digest_only,
            When::DigestOnly => by_digest,
            When::TagOnly => !by_digest,
        };
        let mirrors = table.mirror.iter().filter(serves);
        let mirrors = mirrors.map(|mirror| place(&moved(&mirror.location), mirror.insecure, true));
        Ok(mirrors.chain([place(&moved(&table.location), table.insecure, false)]).collect())
    }
}

/// How much of a repository's name a prefix takes in, if it does.
fn matched(prefix: &str, reference: &Reference, name: &str) -> Option<usize> {
    if let Some(domain) = prefix.strip_prefix('*') {
        return reference.registry().ends_with(domain).then(|| reference.registry().len());
    }
    let full = reference.to_string();
    let rest = full.strip_prefix(prefix)?;
    let ends = rest.is_empty() || rest.starts_with(['/', ':', '@']) && prefix.contains('/') || rest.starts_with('/');
    ends.then(|| prefix.len().min(name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = r#"
        unqualified-search-registries = ["example.org"]
        short-name-mode = "enforcing"
        [[registry]]
        prefix = "example.org/foo"
        location = "internal.example/bar"
        [[registry.mirror]]
        location = "mirror-0.example/mirror-for-foo"
        [[registry.mirror]]
        location = "mirror-1.example:5000"
        insecure = true
        pull-from-mirror = "digest-only"
        [[registry]]
        location = "bad.example"
        blocked = true
        [[registry]]
        prefix = "*.corp.example"
        insecure = true
        [[registry]]
        prefix = "docker.io"
        location = "docker.io"
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "cache.example/hub"
        [aliases]
        "fedora" = "r.example/fedora"
    "#;

    fn places(text: &str) -> Vec<String> {
        let places = RegistriesConf::parse(CONF).unwrap().places(&text.parse().unwrap()).unwrap();
        let show = |place: &Place| {
            let marks = [(place.is_mirror, "m "), (place.insecure, "i ")];
            let marks: String = marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| mark).collect();
            format!("{marks}{}/{}", place.host, place.repository)
        };
        places.iter().map(show).collect()
    }

    #[test]
    fn mirrors_and_moved_registries() {
        let digest = crate::image::Digest::of(b"");
        assert_eq!(places("example.org/foo/x:1"), ["m mirror-0.example/mirror-for-foo/x", "internal.example/bar/x"]);
        assert_eq!(
            places(&format!("example.org/foo/x@{digest}")),
            ["m mirror-0.example/mirror-for-foo/x", "m i mirror-1.example:5000/x", "internal.example/bar/x"]
        );
        assert_eq!(places("example.org/food"), ["example.org/food"]);
        assert_eq!(places("a.b.corp.example/x"), ["i a.b.corp.example/x"]);
        assert_eq!(places("corp.example/x"), ["corp.example/x"]);
        assert_eq!(places("alpine"), ["docker.io/library/alpine"]);
        assert_eq!(
            places(&format!("alpine@{digest}")),
            ["m cache.example/hub/library/alpine", "docker.io/library/alpine"]
        );
        let bad = "bad.example/x".parse().unwrap();
        assert!(matches!(RegistriesConf::parse(CONF).unwrap().places(&bad), Err(Fault::Blocked { .. })));
    }

    #[test]
    fn later_files_are_laid_over_earlier_ones() {
        let mut conf = RegistriesConf::parse(CONF).unwrap();
        assert_eq!(conf.alias("fedora"), Some("r.example/fedora"));
        let over = "[[registry]]\nlocation='bad.example'\n[aliases]\nfedora=''\nx='y.example/x'";
        conf.lay_over(RegistriesConf::parse(over).unwrap());
        assert_eq!((conf.alias("fedora"), conf.alias("x")), (None, Some("y.example/x")));
        assert_eq!(conf.places(&"bad.example/x".parse().unwrap()).unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_such_file() {
        for bad in ["x", "[[registry]]\nblocked = 'yes'", "[[registry]]\ninsecure = true", "[aliases]\nx = 1"] {
            assert!(RegistriesConf::parse(bad).is_err(), "{bad}");
        }
    }
}
