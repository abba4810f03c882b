//! From a suite's name to its packages.

use std::fmt::Write as _;

use super::archive::{self, Archive, Place};
use super::index::{Index, Stanza};
use super::{Bootstrap, Companion, Own, Package, Provenance, Request, Suite, relation, select, setup};
use crate::image::Digest;
use crate::source::http::{Client, Session};
use crate::source::mirrors::first_that_answers;
use crate::source::{Error, Progress};
use crate::store::blobs::Blobs;

/// Besides what is required. The second makes https usable.
const BASE: [&str; 2] = ["apt", "ca-certificates"];

/// Finds out which packages make the system. Fetches the lists of the suite, its updates and its security updates, or
/// uses those in the cache if there is no network.
///
/// # Errors
/// [`Error`]: no network and nothing in the cache; a list that is not signed, not the suite's or out of date; packages
/// that do not exist or do not fit together.
pub fn resolve(request: &Request, client: &Client, blobs: &Blobs, progress: &dyn Progress) -> Result<Bootstrap, Error> {
    blobs.sweep()?;
    let session = client.session()?;
    let archives = open_archives(request, &session, blobs, progress)?;
    let lists = lists(request, &archives);
    let texts = lists
        .iter()
        .map(|(archive, component)| archive.fetch_packages(component, &request.arch, &session, blobs, progress))
        .collect::<Result<Vec<_>, _>>()?;
    let index = Index::build(&texts, &request.arch);
    let keyring = Some(request.keyring_package.as_str()).filter(|name| index.get(name).is_some());
    let include = request.include.iter().map(String::as_str);
    let wanted: Vec<&str> = BASE.into_iter().chain(keyring).chain(include).collect();
    let chosen = select::select(&index, &wanted, request.suite.as_str())?;
    let more = more(request, &index, &chosen)?;
    let place = |stanza: &Stanza<'_>| {
        let (archive, _) = lists[stanza.from];
        (archives.iter().position(|other| std::ptr::eq(other, archive)).unwrap_or(0), &archive.place)
    };
    let packages = |stanzas: &[Stanza<'_>]| -> Result<Vec<Package>, Error> {
        stanzas.iter().map(|stanza| package(stanza, place(stanza))).collect()
    };
    let release = &archives[0].release;
    let places: Vec<(&str, &str)> =
        archives.iter().map(|archive| (archive.place.base.as_str(), archive.place.suite.as_str())).collect();
    let mut bootstrap = Bootstrap {
        sources_list: sources_list(&places, &request.components, keyring),
        packages: packages(&chosen)?,
        more: packages(&more)?,
        components: request.components.clone(),
        keyring: keyring.map(str::to_owned),
        locked: false,
        title: request.title.clone(),
        codename: release.field("Codename").unwrap_or(request.suite.as_str()).to_owned(),
        version: release.field("Version").map(str::to_owned),
        arch: request.arch.clone(),
        epoch: archives.iter().map(Archive::epoch).max().unwrap_or(0),
        ignore_valid_until: request.ignore_valid_until,
        provenance: Provenance { lists: archives.iter().map(Archive::list).collect() },
        key: Digest::of(b""),
    };
    bootstrap.key = key(&bootstrap);
    Ok(bootstrap)
}

/// What is to be installed on top of the system: it stays as it is, so its packages are asked for as well, by their names.
fn more<'a>(request: &Request, index: &Index<'a>, system: &[Stanza<'a>]) -> Result<Vec<Stanza<'a>>, Error> {
    let names = system.iter().map(|stanza| stanza.name);
    let wanted: Vec<&str> = names.chain(request.more.iter().map(String::as_str)).collect();
    let mut all = select::select(index, &wanted, request.suite.as_str())?;
    all.retain(|stanza| system.iter().all(|other| other.name != stanza.name));
    Ok(all)
}

/// Which package indices to fetch. The suite itself must have all of the components, what goes with it need not.
fn lists<'a>(request: &'a Request, archives: &'a [Archive]) -> Vec<(&'a Archive, &'a str)> {
    let of = |(place, archive): (usize, &'a Archive)| {
        let components = request.components.iter().map(String::as_str);
        let wanted = components.filter(move |component| place == 0 || archive.has(component, &request.arch));
        wanted.map(move |component| (archive, component))
    };
    archives.iter().enumerate().flat_map(of).collect()
}

/// The suite itself, then its updates and security updates where there are such.
fn open_archives(
    request: &Request,
    session: &Session,
    blobs: &Blobs,
    progress: &dyn Progress,
) -> Result<Vec<Archive>, Error> {
    progress.start(&format!("looking up {} {}", request.title, request.suite), None);
    let archives = open_all(request, session, blobs, progress);
    progress.finish();
    archives
}

fn open_all(
    request: &Request,
    session: &Session,
    blobs: &Blobs,
    progress: &dyn Progress,
) -> Result<Vec<Archive>, Error> {
    let at = At { suite: &request.suite, bases: &request.archives, own: request.own.as_ref() };
    let main = open_first(request, at, fetch_firsts(&[at], session).remove(0), session, blobs, progress)?;
    let codename = main.release.field("Codename").unwrap_or(request.suite.as_str()).to_owned();
    let followed = Suite::parse(&request.suite.followed(&codename))?;
    let beside = [main.place.base.clone()];
    let companions = companions(request, &followed)?;
    let beside = |suite| At { suite, bases: &beside, own: request.own.as_ref() };
    let mut places: Vec<At<'_>> = companions
        .iter()
        .map(|Companion { suite, archives, own }| match archives.is_empty() {
            true => beside(suite),
            false => At { suite, bases: archives, own: own.as_ref() },
        })
        .collect();
    if followed != request.suite {
        // The release by its own name, as the box will ask for it: what a mirror has by an alias may be a day behind.
        places.insert(0, beside(&followed));
    }
    let mut archives = vec![main];
    for (at, fetched) in places.iter().zip(fetch_firsts(&places, session)) {
        match open_first(request, *at, fetched, session, blobs, progress) {
            Ok(release) if *at.suite == followed => archives[0] = release,
            Ok(archive) => archives.push(archive),
            // A release that has left the archive has none, nor has a young one.
            Err(Error::NoSuite { mirror, suite }) => progress.note(&format!("{mirror} has no suite `{suite}`")),
            Err(error) => return Err(error),
        }
    }
    Ok(archives)
}

/// A suite at some servers.
#[derive(Clone, Copy)]
struct At<'a> {
    suite: &'a Suite,
    bases: &'a [String],
    own: Option<&'a Own>,
}

impl At<'_> {
    fn server(&self, base: &str) -> Place {
        Place::new(base, self.suite.as_str(), self.own)
    }
}

/// The companions of the suite that is followed: `stable-updates` are `trixie-updates` where `stable` is `trixie`.
fn companions(request: &Request, followed: &Suite) -> Result<Vec<Companion>, Error> {
    let named = |companion: &Companion| {
        let suite = match companion.suite.as_str().strip_prefix(request.suite.as_str()) {
            Some(rest) => Suite::parse(&format!("{followed}{rest}"))?,
            None => companion.suite.clone(),
        };
        Ok(Companion { suite, ..companion.clone() })
    };
    request.companions.iter().map(named).collect()
}

/// The lists of some suites, all at once, each from the first of its servers.
fn fetch_firsts(places: &[At<'_>], session: &Session) -> Vec<Result<Vec<u8>, Error>> {
    let first = |at: &At<'_>| at.server(at.bases.first().map_or("", String::as_str));
    archive::fetch_lists(session, &places.iter().map(first).collect::<Vec<_>>())
}

/// A suite at the first of some servers that answers, where `fetched` is what the first one said.
fn open_first(
    request: &Request,
    at: At<'_>,
    fetched: Result<Vec<u8>, Error>,
    session: &Session,
    blobs: &Blobs,
    progress: &dyn Progress,
) -> Result<Archive, Error> {
    let mut first = Some(fetched);
    first_that_answers(at.bases, progress, |base| {
        let place = at.server(base);
        let fetched =
            first.take().unwrap_or_else(|| archive::fetch_lists(session, std::slice::from_ref(&place)).remove(0));
        Archive::open(request, place, fetched, blobs, progress)
    })
}

fn package(stanza: &Stanza<'_>, (list, place): (usize, &Place)) -> Result<Package, Error> {
    let malformed = |what: &str| Error::Malformed {
        url: place.url("Packages"),
        what: format!("{what} of package {}", stanza.name.escape_debug()),
    };
    let field = |name: &str| stanza.field(name).ok_or_else(|| malformed(name));
    let allowed =
        |text: &str, more: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(char::from(b)));
    // They become parts of file names (policy 5.6.1, 5.6.12).
    if !allowed(stanza.name, "+-.") || !allowed(stanza.version, "+-.~:") || stanza.name.starts_with(['.', '-']) {
        return Err(malformed("the name or version"));
    }
    let path = field("Filename")?;
    if !allowed(path, "+-.~:_/%") || path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(malformed("Filename"));
    }
    Ok(Package {
        name: stanza.name.to_owned(),
        version: stanza.version.to_owned(),
        arch: field("Architecture")?.to_owned(),
        digest: Digest::from_hex(field("SHA256")?).map_err(|_| malformed("SHA256"))?,
        size: field("Size")?.parse().map_err(|_| malformed("Size"))?,
        url: format!("{}/{path}", place.base),
        elsewhere: Vec::new(),
        needs: needs(stanza),
        path: path.to_owned(),
        list,
    })
}

/// The packages that one needs in certain versions.
fn needs(stanza: &Stanza<'_>) -> Vec<String> {
    let texts = ["Pre-Depends", "Depends"].into_iter().filter_map(|field| stanza.field(field));
    let relations = texts.filter_map(relation::groups).flatten().flatten();
    relations.filter(|relation| relation.version.is_some()).map(|relation| relation.name.to_owned()).collect()
}

/// sources.list(5), in the deb822 style: a stanza for each archive, of which there are base URLs with a suite each.
pub(super) fn sources_list(places: &[(&str, &str)], components: &[String], keyring_package: Option<&str>) -> String {
    let components = components.join(" ");
    let mut bases: Vec<(&str, Vec<&str>)> = Vec::new();
    for (base, suite) in places {
        match bases.iter_mut().find(|(known, _)| known == base) {
            Some((_, suites)) if suites.contains(suite) => {}
            Some((_, suites)) => suites.push(suite),
            None => bases.push((base, vec![suite])),
        }
    }
    let mut text = String::new();
    for (base, suites) in bases {
        let separator = if text.is_empty() { "" } else { "\n" };
        let suites = suites.join(" ");
        let _ = write!(text, "{separator}Types: deb\nURIs: {base}\nSuites: {suites}\nComponents: {components}\n");
        if let Some(package) = keyring_package {
            let _ = writeln!(text, "Signed-By: {}", keyring_file(package));
        }
    }
    text
}

/// Where a package has its keys: `ubuntu-keyring`, like `debian-archive-keyring`, in a file named after the archive.
fn keyring_file(package: &str) -> String {
    let owner = package.strip_suffix("-keyring").unwrap_or(package);
    format!("/usr/share/keyrings/{}-archive-keyring.gpg", owner.strip_suffix("-archive").unwrap_or(owner))
}

/// Names the layer by all that goes into it: the packages, and whatever [`setup`] writes and runs.
pub(super) fn key(bootstrap: &Bootstrap) -> Digest {
    let mut text = format!("debian {}\n", bootstrap.arch);
    for package in &bootstrap.packages {
        let _ = writeln!(text, "package {}", package.digest.hex());
    }
    let setup = setup(bootstrap);
    for file in &setup.files {
        let _ = writeln!(text, "file {} {:o} {}", file.path, file.mode, Digest::of(&file.content).hex());
    }
    let _ = writeln!(text, "script {}", Digest::of(setup.script.as_bytes()).hex());
    if let Some(steady) = setup.steady {
        let _ = writeln!(text, "steady {} {}", Digest::of(steady.as_bytes()).hex(), bootstrap.epoch);
    }
    Digest::of(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_a_file_named_after_the_archive() {
        for (package, file) in [
            ("debian-archive-keyring", "/usr/share/keyrings/debian-archive-keyring.gpg"),
            ("ubuntu-keyring", "/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
            ("devuan-keyring", "/usr/share/keyrings/devuan-archive-keyring.gpg"),
            ("kali-archive-keyring", "/usr/share/keyrings/kali-archive-keyring.gpg"),
        ] {
            assert_eq!(keyring_file(package), file);
        }
    }
}
