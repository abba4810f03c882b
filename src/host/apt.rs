//! The Debian mirror that this machine's apt is set up for (sources.list(5)).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Error;

/// Debian mirrors found in apt's sources: base URLs, without a slash at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AptMirror {
    /// The archive.
    pub archive: Option<String>,
    /// The security archive.
    pub security: Option<String>,
}

impl AptMirror {
    /// From `/etc/apt/sources.list` and `/etc/apt/sources.list.d/`. Nothing is found where there is no apt.
    ///
    /// # Errors
    /// [`Error::Read`], except for files that are not there or that this user may not read.
    pub fn configured() -> Result<Self, Error> {
        Self::under(Path::new("/etc/apt"))
    }

    fn under(directory: &Path) -> Result<Self, Error> {
        let mut entries = Vec::new();
        for path in files(directory)? {
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if skipped(&error) => continue,
                Err(source) => return Err(Error::Read { path, source }),
            };
            let deb822 = path.extension().is_some_and(|extension| extension == "sources");
            entries.extend(if deb822 { deb822_entries(&text) } else { one_line_entries(&text) });
        }
        Ok(Self::choose(&entries))
    }

    /// The first that looks like the archive; one that also has the updates of a release is surely a whole mirror, and
    /// comes before the repositories of third parties that name their suites after Debian's.
    fn choose(entries: &[Entry]) -> Self {
        let first = |fits: &dyn Fn(&Suite) -> bool| {
            let of_debian = entries.iter().filter(|entry| entry.looks_like_debian());
            let mut found = of_debian.filter(|entry| Suite::parse(&entry.suite).is_some_and(|suite| fits(&suite)));
            found.next().map(|entry| entry.uri.clone())
        };
        Self {
            archive: first(&|suite| *suite == Suite::Updates).or_else(|| first(&|suite| *suite == Suite::Release)),
            security: first(&|suite| *suite == Suite::Security),
        }
    }
}

/// `sources.list`, then the files of `sources.list.d` by name, `debian.sources` before the others.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let parts = directory.join("sources.list.d");
    let mut names = Vec::new();
    match fs::read_dir(&parts) {
        Err(error) if skipped(&error) => {}
        Err(source) => return Err(Error::Read { path: parts, source }),
        Ok(entries) => {
            for entry in entries {
                let path = entry.map_err(|source| Error::Read { path: parts.clone(), source })?.path();
                if path.extension().is_some_and(|extension| extension == "list" || extension == "sources") {
                    names.push(path);
                }
            }
        }
    }
    names.sort_by_key(|path| (!path.ends_with("debian.sources"), path.clone()));
    names.insert(0, directory.join("sources.list"));
    Ok(names)
}

fn skipped(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
}

/// What a suite's name says it is.
#[derive(Debug, PartialEq, Eq)]
enum Suite {
    Release,
    Updates,
    Security,
}

impl Suite {
    fn parse(name: &str) -> Option<Self> {
        const NAMES: [&str; 13] = [
            "stable",
            "oldstable",
            "oldoldstable",
            "testing",
            "unstable",
            "sid",
            "buster",
            "bullseye",
            "bookworm",
            "trixie",
            "forky",
            "duke",
            "experimental",
        ];
        // `bookworm-security`, and `buster/updates` up to Debian 10.
        let (base, kind) = match name.split_once(['-', '/']) {
            None => (name, Self::Release),
            Some((base, "security" | "updates")) if name.ends_with("-security") || name.contains('/') => {
                (base, Self::Security)
            }
            Some((base, "updates")) => (base, Self::Updates),
            Some(_) => return None,
        };
        NAMES.contains(&base).then_some(kind)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    uri: String,
    suite: String,
    main: bool,
}

impl Entry {
    fn new(uri: &str, suite: &str, components: &[&str]) -> Self {
        let main = components.iter().any(|component| matches!(*component, "main" | "updates/main"));
        Self { uri: uri.trim_end_matches('/').to_owned(), suite: suite.trim_end_matches('/').to_owned(), main }
    }

    /// Over HTTP, with a `main`, and in a directory that is named for Debian, as on all of its mirrors.
    fn looks_like_debian(&self) -> bool {
        let path = self.uri.strip_prefix("http://").or_else(|| self.uri.strip_prefix("https://"));
        self.main && path.is_some_and(|path| path.split('/').skip(1).any(|part| part.starts_with("debian")))
    }
}

/// `deb [options] URI suite component…`
fn one_line_entries(text: &str) -> Vec<Entry> {
    let parse = |line: &str| {
        let line = line.split_once('#').map_or(line, |(line, _)| line).trim();
        let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
        let rest = if rest.starts_with('[') { rest.split_once(']')?.1 } else { rest };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let (uri, suite) = (words.first()?, words.get(1)?);
        Some(Entry::new(uri, suite, &words[2..]))
    };
    text.lines().filter_map(parse).collect()
}

/// Stanzas of `Types:`, `URIs:`, `Suites:`, `Components:` and maybe `Enabled: no`.
fn deb822_entries(text: &str) -> Vec<Entry> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).flat_map(stanza_entries).collect()
}

fn stanza_entries(lines: &[&str]) -> Vec<Entry> {
    let words = |name: &str| -> Vec<&str> {
        let is_field = |line: &&&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        let Some(start) = lines.iter().position(|line| is_field(&line)) else { return Vec::new() };
        let first = lines[start].split_once(':').map_or("", |(_, value)| value);
        let more = lines[start + 1..].iter().take_while(|line| line.starts_with([' ', '\t']));
        std::iter::once(first).chain(more.copied()).flat_map(str::split_whitespace).collect()
    };
    let disabled = words("Enabled").first().is_some_and(|value| matches!(*value, "no" | "false" | "0" | "off"));
    if disabled || !words("Types").contains(&"deb") {
        return Vec::new();
    }
    let (suites, components) = (words("Suites"), words("Components"));
    let entry = |uri| suites.iter().map(move |suite| (uri, *suite));
    words("URIs").into_iter().flat_map(entry).map(|(uri, suite)| Entry::new(uri, suite, &components)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(files: &[(&str, &str)]) -> AptMirror {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sources.list.d")).unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        AptMirror::under(dir.path()).unwrap()
    }

    fn found(archive: &str, security: &str) -> AptMirror {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        AptMirror { archive: some(archive), security: some(security) }
    }

    #[test]
    fn one_line() {
        let text = "# deb http://old.example/debian bookworm main\n\
            deb cdrom:[Debian]/ bookworm main\n\
            deb-src http://src.example/debian bookworm main\n\
            deb [arch=amd64 signed-by=/x] http://a.example/debian/ bookworm main contrib # here\n\
            deb\thttp://s.example/debian-security bookworm-security main\n";
        assert_eq!(
            mirror(&[("sources.list", text)]),
            found("http://a.example/debian", "http://s.example/debian-security")
        );
    }

    #[test]
    fn deb822() {
        let text = "Types: deb deb-src\nURIs: http://off.example/debian\nSuites: sid\nComponents: main\nEnabled: no\n\n\
            # a comment\nTypes: deb\nURIs: http://a.example/debian\n# another\nSuites: trixie\n trixie-updates\n\
            Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n\n\
            types: deb\nuris: https://a.example/debian-security/\nsuites: trixie-security\ncomponents: main\n";
        assert_eq!(
            mirror(&[("sources.list.d/debian.sources", text)]),
            found("http://a.example/debian", "https://a.example/debian-security")
        );
    }

    #[test]
    fn others_are_not_taken_for_debian() {
        let text = "deb https://x.example/linux/debian bookworm stable\ndeb http://x.example/apt stable main\n\
            deb http://x.example/ubuntu noble main\ndeb http://x.example/debian bookworm-pgdg main\n\
            deb file:/srv/debian bookworm main\n";
        assert_eq!(mirror(&[("sources.list", text)]), AptMirror::default());
        let pi = "deb http://pi.example/debian bookworm main\n";
        let debian = "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n";
        let both = mirror(&[("sources.list.d/a.list", pi), ("sources.list.d/zz.sources", debian)]);
        assert_eq!(both, found("http://a.example/debian", ""));
    }

    #[test]
    fn no_apt_at_all() {
        assert_eq!(AptMirror::under(Path::new("/nonexistent")).unwrap(), AptMirror::default());
    }

    #[test]
    fn suites() {
        assert_eq!(Suite::parse("bookworm"), Some(Suite::Release));
        assert_eq!(Suite::parse("stable-updates"), Some(Suite::Updates));
        assert_eq!(Suite::parse("buster/updates"), Some(Suite::Security));
        assert_eq!(Suite::parse("trixie-security"), Some(Suite::Security));
        assert_eq!(Suite::parse("bookworm-backports"), None);
        assert_eq!(Suite::parse("noble"), None);
    }
}
