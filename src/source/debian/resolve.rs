//! From a suite's name to its packages.

use std::fmt::Write as _;

use super::archive::{self, Archive, Place};
use super::index::{Index, Stanza};
use super::{Bootstrap, Package, Provenance, Request, select, setup};
use crate::image::Digest;
use crate::source::Error;
use crate::source::Progress;
use crate::source::http::{Client, Session};
use crate::store::blobs::Blobs;

/// Besides what is required. The second makes https usable, the third is what apt verifies the archive with.
const BASE: [&str; 3] = ["apt", "ca-certificates", KEYRING_PACKAGE];
const KEYRING_PACKAGE: &str = "debian-archive-keyring";

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
    let texts = archives
        .iter()
        .map(|archive| archive.fetch_packages(&request.arch, &session, blobs, progress))
        .collect::<Result<Vec<_>, _>>()?;
    let index = Index::build(&texts, &request.arch);
    let mut wanted: Vec<&str> = BASE.to_vec();
    if index.get(KEYRING_PACKAGE).is_none() {
        // An archive that is not Debian's has its keys in a package of its own.
        wanted.retain(|name| *name != KEYRING_PACKAGE);
    }
    wanted.extend(request.include.iter().map(String::as_str));
    let chosen = select::select(&index, &wanted, request.suite.as_str())?;
    let packages = chosen.iter().map(|stanza| package(stanza, &archives)).collect::<Result<Vec<_>, _>>()?;
    let release = &archives[0].release;
    let mut bootstrap = Bootstrap {
        sources_list: sources_list(&archives, packages.iter().any(|package| package.name == KEYRING_PACKAGE)),
        packages,
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

/// The suite itself, then its updates and security updates where there are such.
fn open_archives(
    request: &Request,
    session: &Session,
    blobs: &Blobs,
    progress: &dyn Progress,
) -> Result<Vec<Archive>, Error> {
    progress.start(&format!("looking up Debian {}", request.suite), None);
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
    let place = Place::new(&request.mirror.archive, request.suite.as_str());
    let fetched = archive::fetch_lists(session, std::slice::from_ref(&place)).remove(0);
    let mut main = Archive::open(request, place, fetched, blobs, progress)?;
    let codename = main.release.field("Codename").unwrap_or(request.suite.as_str()).to_owned();
    let suite = request.suite.followed(&codename);
    if suite != main.place.suite {
        // So that the box and the cache have the release's own name, and `debian` and `debian:13` share what they fetch.
        let alias = main.place.url("InRelease");
        main.place.suite.clone_from(&suite);
        if let Some(content) = blobs.index(&alias) {
            blobs.keep_index(&main.place.url("InRelease"), &content)?;
        }
    }
    let places = companions(request, &suite, &codename);
    let mut archives = vec![main];
    for (place, fetched) in places.iter().zip(archive::fetch_lists(session, &places)) {
        match Archive::open(request, place.clone(), fetched, blobs, progress) {
            Ok(archive) => archives.push(archive),
            // A release that has left the archive has none, nor has a young one.
            Err(Error::NoSuite { mirror, suite }) => progress.note(&format!("{mirror} has no suite `{suite}`")),
            Err(error) => return Err(error),
        }
    }
    Ok(archives)
}

/// Where a suite's updates are. Unstable has none, and testing only those for security.
fn companions(request: &Request, suite: &str, codename: &str) -> Vec<Place> {
    let updates = Place::new(&request.mirror.archive, format!("{suite}-updates"));
    let security = request.mirror.security.iter().map(|base| Place::new(base, format!("{suite}-security")));
    match (suite, codename) {
        (_, "sid") => Vec::new(),
        ("testing", _) => security.collect(),
        _ => std::iter::once(updates).chain(security).collect(),
    }
}

fn package(stanza: &Stanza<'_>, archives: &[Archive]) -> Result<Package, Error> {
    let place = &archives[stanza.archive].place;
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
    })
}

/// sources.list(5), in the deb822 style: a stanza for each archive.
fn sources_list(archives: &[Archive], signed_by: bool) -> String {
    let mut bases: Vec<(&str, Vec<&str>)> = Vec::new();
    for Archive { place, .. } in archives {
        match bases.iter_mut().find(|(base, _)| *base == place.base) {
            Some((_, suites)) => suites.push(&place.suite),
            None => bases.push((&place.base, vec![&place.suite])),
        }
    }
    let mut text = String::new();
    for (base, suites) in bases {
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{separator}Types: deb\nURIs: {base}\nSuites: {}\nComponents: main\n", suites.join(" "));
        if signed_by {
            let _ = writeln!(text, "Signed-By: /usr/share/keyrings/{KEYRING_PACKAGE}.gpg");
        }
    }
    text
}

/// Names the layer by all that goes into it: the packages, and whatever [`setup`] writes and runs.
fn key(bootstrap: &Bootstrap) -> Digest {
    let mut text = format!("debian {}\n", bootstrap.arch);
    for package in &bootstrap.packages {
        let _ = writeln!(text, "package {}", package.digest.hex());
    }
    let setup = setup(bootstrap);
    for file in &setup.files {
        let _ = writeln!(text, "file {} {:o} {}", file.path, file.mode, Digest::of(&file.content).hex());
    }
    let _ = writeln!(text, "script {}", Digest::of(setup.script.as_bytes()).hex());
    Digest::of(text.as_bytes())
}
