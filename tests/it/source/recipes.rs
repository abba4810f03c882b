//! Each recipe that envbox carries, against sites laid out like those that it names, with keys made here.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use envbox::image::Digest;
use envbox::recipe::{Archive as PackageArchive, Catalogue, Lxc, Signature, Signed, Source, Tarball, with_file};
use envbox::source::debian;
use envbox::source::distro::Fetched;
use envbox::source::{Silent, Trust};
use serde_json::json;

use super::archive::{Archive, DATE, Key, MINIMAL};
use super::distro::{fetch_with, file};
use super::server::Server;
use super::{Told, cache, client};

/// Where a site of a recipe's is served: below its host's name.
fn local(url: &str) -> String {
    format!("/{}", url.split_once("://").unwrap().1)
}

/// Sites, keys to sign for them with, and how their sums are written.
pub(crate) struct Sites {
    pub(crate) key: Key,
    /// As BSD's sha256(1) does it.
    pub(crate) bsd: bool,
    dir: tempfile::TempDir,
    minisign: Option<String>,
}

impl Sites {
    pub(crate) fn new(key: Key) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ring"), key.bytes()).unwrap();
        let made = minisign(dir.path(), &["-G", "-W", "-p", "public", "-s", "secret"]);
        let minisign = made.then(|| {
            let file = fs::read_to_string(dir.path().join("public")).unwrap();
            file.lines().last().unwrap().to_owned()
        });
        Self { key, bsd: false, dir, minisign }
    }

    pub(crate) fn ring(&self) -> String {
        self.dir.path().join("ring").to_str().unwrap().to_owned()
    }

    fn minisigned(&self, content: &[u8]) -> Vec<u8> {
        fs::write(self.dir.path().join("file"), content).unwrap();
        assert!(minisign(self.dir.path(), &["-S", "-s", "secret", "-m", "file", "-x", "signature"]));
        fs::read(self.dir.path().join("signature")).unwrap()
    }

    /// The site of a tarball, and the recipe's source changed to it and to the keys made here.
    pub(crate) fn tarball(&self, mut tarball: Tarball, tree: &[u8]) -> Option<(Server, Source)> {
        let path = tarball.file.replace('*', "1.0").replace("[0-9]", "1");
        let name = path.rsplit('/').next().unwrap().to_owned();
        let mut site = HashMap::from([(path.clone(), tree.to_vec())]);
        if let Some(list) = &tarball.list {
            let names = format!("<a href=\"{path}\">{path}</a> 2026");
            // Gentoo's is signed, which says nothing of the tarball that envbox does not check itself.
            let text = if list.ends_with(".txt") { self.key.sign(&names) } else { names.into_bytes() };
            site.insert(list.replace("./", ""), text);
        }
        let sums = tarball.sums.as_ref().map(|sums| with_file(sums, &path));
        if let Some(sums) = &sums {
            use sha2::Digest as _;
            let long: String = sha2::Sha512::digest(tree).iter().map(|byte| format!("{byte:02x}")).collect();
            let (kind, sum) =
                if sums.contains("512") { ("SHA512", long) } else { ("SHA256", Digest::of(tree).hex().to_owned()) };
            let line = if self.bsd { format!("{kind} ({name}) = {sum}\n") } else { format!("{sum}  {name}\n") };
            site.insert(sums.clone(), line.into_bytes());
        }
        let content =
            |of: Signed| if of == Signed::Sums { site[sums.as_ref().unwrap()].clone() } else { tree.to_vec() };
        let signature = match &mut tarball.signature {
            None => None,
            Some(Signature::Openpgp { of, file, keyring, keys }) => {
                (*keyring, *keys) = (self.ring(), vec![]);
                Some((with_file(file, &path), self.key.detach(&content(*of))))
            }
            Some(Signature::Clearsigned { of, keyring, keys }) => {
                (*keyring, *keys) = (self.ring(), vec![]);
                let text = String::from_utf8(content(*of)).unwrap();
                Some((sums.clone().unwrap(), self.key.sign(&text)))
            }
            Some(Signature::Minisign { of, file, keys }) => {
                *keys = vec![self.minisign.clone()?];
                Some((with_file(file, &path), self.minisigned(&content(*of))))
            }
        };
        site.extend(signature);
        if let Some(digest) = &mut tarball.digest {
            *digest = Digest::of(tree).to_string();
        }
        let files = |at: &String| {
            site.iter().map(move |(path, bytes)| (format!("{}{path}", local(at)), bytes.clone())).collect::<Vec<_>>()
        };
        let server = Server::of_files(tarball.at.iter().flat_map(files).collect());
        tarball.at = tarball.at.iter().map(|at| server.url(&local(at))).collect();
        Some((server, Source::Tarball(tarball)))
    }

    /// The archive, without a package in it that could be unpacked.
    fn debian(&self, mut source: PackageArchive, arch: &str) {
        let mut archive = Archive::default();
        let components: Vec<(&str, &[super::archive::Deb<'_>])> = source
            .components
            .iter()
            .map(|component| (component.as_str(), if component == "main" { &MINIMAL[..] } else { &[] }))
            .collect();
        let suites = std::iter::once(&source.suite).chain(source.also.iter().map(|also| &also.suite));
        for suite in suites {
            archive.suite_of(&self.key, suite, DATE, "", arch, &components);
        }
        let server = Server::of_files(archive.files);
        source.at = vec![server.url("/debian/")];
        source.also.iter_mut().for_each(|also| also.at.clear());
        (source.keyring, source.keys) = (self.ring(), vec![]);
        let (_dir, blobs) = cache();
        let fetched = fetch_with(&Source::Debian(source.clone()), &blobs, &Told::default(), |_| {});
        let Fetched::Debian(request) = fetched.unwrap() else { panic!("no request") };
        let request = debian::Request { arch: arch.to_owned(), ..*request };
        let found = debian::resolve(&request, &client(), &blobs, &Silent).unwrap();
        assert_eq!(found.packages.len(), 4);
        assert_eq!(found.provenance.lists.len(), 1 + source.also.len());
        assert!(found.sources_list.contains(&format!("Components: {}\n", source.components.join(" "))));
    }

    pub(crate) fn lxc(&self, mut lxc: Lxc, tree: &[u8]) -> (Server, Source) {
        let item =
            json!({ "ftype": "root.tar.xz", "path": "images/x", "size": tree.len(), "sha256": Digest::of(tree).hex() });
        let products = json!({ "products": { &lxc.product: { "versions": { "1": { "items": { "root": item } } } } } });
        let index = json!({ "index": { "images": {
            "datatype": "image-downloads", "path": "streams/v1/images.json", "products": [lxc.product],
        } } });
        let server = Server::of_files(HashMap::from([
            ("/streams/v1/index.json".to_owned(), index.to_string().into_bytes()),
            ("/streams/v1/images.json".to_owned(), products.to_string().into_bytes()),
            ("/images/x".to_owned(), tree.to_vec()),
        ]));
        lxc.server = server.url("");
        (server, Source::Lxc(lxc))
    }
}

fn minisign(dir: &Path, args: &[&str]) -> bool {
    Command::new("minisign").args(args).current_dir(dir).output().is_ok_and(|outcome| outcome.status.success())
}

#[test]
fn every_source_of_every_recipe() {
    let sites = Sites::new(Key::new());
    let recipes = Catalogue::new([]);
    let mut seen = [0; 4];
    for recipe in recipes.entries().map(|entry| &entry.recipe) {
        for version in &recipe.versions {
            for machine in ["x86_64", "aarch64"] {
                let Ok(resolved) = recipe.resolve(version, machine) else { continue };
                for source in resolved.sources {
                    let what = format!("{} on {machine}: {source:?}", resolved.title);
                    let signed = matches!(&source, Source::Tarball(tarball) if tarball.signature.is_some());
                    let served = match source {
                        Source::Tarball(tarball) => (0, sites.tarball(tarball, what.as_bytes())),
                        Source::Lxc(lxc) => (1, Some(sites.lxc(lxc, what.as_bytes()))),
                        Source::Debian(archive) => {
                            sites.debian(archive, &resolved.arch);
                            (2, None)
                        }
                        Source::Oci(oci) => {
                            oci.image.parse::<envbox::image::Reference>().unwrap();
                            (3, None)
                        }
                    };
                    seen[served.0] += 1;
                    let Some((_server, source)) = served.1 else { continue };
                    let (_dir, blobs) = cache();
                    let fetched = file(fetch_with(&source, &blobs, &Told::default(), |_| {}))
                        .unwrap_or_else(|error| panic!("{error}\n{what}\n{source:?}"));
                    assert_eq!(fetched.digest, Digest::of(what.as_bytes()), "{what}");
                    assert_eq!(fetched.vouched.trust == Trust::DistroSignature, signed, "{what}");
                }
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 5), "{seen:?}");
}
