//! A system to lock, and from a lock: by the digests of its packages alone, with no list fetched.

use super::resolve::{key, sources_list};
use super::{Bootstrap, List, Package, Provenance};
use crate::image::Digest;
use crate::recipe::lock::{Archive, Deb, Listed, Site};
use crate::source::date;

/// Archives of the past are made some hours after a list; this many seconds later, all that the list names is in one.
const IN_THE_PAST: u64 = 6 * 3600;

/// What a lock says of a system, and where to fetch it.
#[derive(Debug, Clone, Copy)]
pub struct Locked<'a> {
    /// The system.
    pub archive: &'a Archive,
    /// What is to be installed on top of it.
    pub more: &'a [Deb],
    /// Base URLs of archives, and of the mirrors that are asked before them.
    pub mirrors: &'a [(String, String)],
}

/// What is to be locked of a system that has been looked up, and of what is to be on top of it.
pub fn lock(bootstrap: &Bootstrap) -> (Archive, Vec<Deb>) {
    let mut sites: Vec<(Site, u64, Option<&str>)> = Vec::new();
    let mut site_of = Vec::new();
    for list in &bootstrap.provenance.lists {
        let at = list.own.as_ref().map_or(&list.archive, |own| &own.base);
        let place = sites.iter().position(|(site, ..)| site.at == *at).unwrap_or_else(|| {
            let past = list.own.as_ref().and_then(|own| own.snapshot.as_deref());
            sites.push((Site { at: at.clone(), snapshot: None, suites: Vec::new() }, 0, past));
            sites.len() - 1
        });
        let (site, newest, _) = &mut sites[place];
        let (suite, date) = (list.suite.clone(), list.date.clone());
        site.suites.push(Listed { suite, date, inrelease: list.inrelease });
        *newest = list.epoch.max(*newest);
        site_of.push(place);
    }
    let with_snapshot = |(site, newest, past): (Site, u64, Option<&str>)| Site {
        snapshot: past.map(|past| format!("{past}/{}", date::stamp(newest + IN_THE_PAST))),
        ..site
    };
    let debs = |packages: &[Package]| packages.iter().map(|package| deb(package, &site_of)).collect::<Vec<_>>();
    let archive = Archive {
        title: bootstrap.title.clone(),
        codename: bootstrap.codename.clone(),
        release: bootstrap.version.clone(),
        arch: bootstrap.arch.clone(),
        epoch: bootstrap.epoch,
        components: bootstrap.components.clone(),
        keyring: bootstrap.keyring.clone(),
        sites: sites.into_iter().map(with_snapshot).collect(),
        packages: debs(&bootstrap.packages),
    };
    (archive, debs(&bootstrap.more))
}

fn deb(package: &Package, site_of: &[usize]) -> Deb {
    Deb {
        name: package.name.clone(),
        version: package.version.clone(),
        arch: package.arch.clone(),
        site: site_of.get(package.list).copied().unwrap_or(0),
        file: package.path.clone(),
        size: package.size,
        digest: package.digest,
    }
}

impl Locked<'_> {
    /// The system that is locked. Neither a mirror nor the day has a part in what comes of it.
    pub fn bootstrap(&self) -> Bootstrap {
        let Archive { title, codename, release, arch, epoch, components, keyring, sites, packages } = self.archive;
        let places: Vec<(&str, &str)> = sites
            .iter()
            .flat_map(|site| site.suites.iter().map(|list| (site.at.as_str(), list.suite.as_str())))
            .collect();
        let mut bootstrap = Bootstrap {
            packages: packages.iter().map(|deb| self.package(deb)).collect(),
            more: self.more.iter().map(|deb| self.package(deb)).collect(),
            components: components.clone(),
            keyring: keyring.clone(),
            locked: true,
            title: title.clone(),
            codename: codename.clone(),
            version: release.clone(),
            arch: arch.clone(),
            sources_list: sources_list(&places, components, keyring.as_deref()),
            epoch: *epoch,
            ignore_valid_until: false,
            provenance: Provenance { lists: sites.iter().flat_map(lists).collect() },
            key: Digest::of(b""),
        };
        bootstrap.key = key(&bootstrap);
        bootstrap
    }

    /// A package, from the mirror of its site, the site itself, or the site as it was.
    fn package(&self, deb: &Deb) -> Package {
        let site = self.archive.sites.get(deb.site);
        let own = site.map(|site| site.at.as_str()).unwrap_or_default();
        let mirrors = self.mirrors.iter().filter(|(base, _)| base == own).map(|(_, mirror)| mirror.as_str());
        let servers = mirrors.chain([own]).chain(site.and_then(|site| site.snapshot.as_deref()));
        let mut urls: Vec<String> =
            servers.map(|server| format!("{}/{}", server.trim_end_matches('/'), deb.file)).collect();
        Package {
            name: deb.name.clone(),
            version: deb.version.clone(),
            arch: deb.arch.clone(),
            digest: deb.digest,
            size: deb.size,
            url: urls.remove(0),
            elsewhere: urls,
            needs: Vec::new(),
            path: deb.file.clone(),
            list: deb.site,
        }
    }
}

/// The lists of a site. Who has signed them was looked at when they were locked.
fn lists(site: &Site) -> impl Iterator<Item = List> {
    site.suites.iter().map(|list| List {
        archive: site.at.clone(),
        suite: list.suite.clone(),
        date: list.date.clone(),
        signers: Vec::new(),
        inrelease: list.inrelease,
        own: None,
        epoch: 0,
    })
}
