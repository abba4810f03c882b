//! Sources of recipes, on sites laid out like those of the distributions, and each way to break the chain.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;

use envbox::image::Digest;
use envbox::recipe::Source;
use envbox::source::distro::{ArchiveOptions, Fetch, Fetched, FetchedFile, Form};
use envbox::source::http::{Client, Proxies};
use envbox::source::{Error, Trust};
use envbox::store::blobs::Blobs;

use super::archive::{Key, now};
use super::server::{Answer, Server};
use super::{Told, cache, client};

const TREE: &[u8] = b"the tree of a distribution";
const FILE: &str = "/r/alp-1.10-x86_64.tar.gz";

/// A site with one tarball, and what vouches for it in every form that there is.
pub(super) struct Site {
    pub(super) files: HashMap<String, Vec<u8>>,
    pub(super) key: Key,
    ring: tempfile::NamedTempFile,
}

impl Site {
    pub(super) fn new() -> Self {
        let key = Key::new();
        let ring = tempfile::NamedTempFile::new().unwrap();
        fs::write(ring.path(), key.bytes()).unwrap();
        let mut site = Self { files: HashMap::new(), key, ring };
        let sums = format!(
            "{}  alp-1.9-x86_64.tar.gz\n{}  alp-1.10-x86_64.tar.gz\n",
            Digest::of(b"old").hex(),
            digest().hex()
        );
        site.put("/r/alp-1.9-x86_64.tar.gz", b"old");
        site.put(FILE, TREE);
        site.put("/r/", b"<a href=\"alp-1.9-x86_64.tar.gz\">old</a> <a href=\"alp-1.10-x86_64.tar.gz\">new</a>");
        site.put(&format!("{FILE}.sha256"), format!("{}\n", digest().hex()).as_bytes());
        site.sign(&sums);
        let signature = site.key.detach(TREE);
        site.put(&format!("{FILE}.sig"), &signature);
        site
    }

    fn put(&mut self, path: &str, content: &[u8]) {
        self.files.insert(path.to_owned(), content.to_vec());
    }

    /// Puts these sums there, signed in both ways.
    fn sign(&mut self, sums: &str) {
        self.put("/r/SHA256SUMS", sums.as_bytes());
        let (apart, clear) = (self.key.detach(sums.as_bytes()), self.key.sign(sums));
        self.put("/r/SHA256SUMS.gpg", &apart);
        self.put("/r/CHECKSUM", &clear);
    }

    pub(super) fn serve(&self) -> Server {
        Server::of_files(self.files.clone())
    }

    /// A source of this site's tarball, with more lines; `RING` in them is the site's keyring.
    pub(super) fn source(&self, server: &Server, more: &str) -> Source {
        let more = more.replace("RING", self.ring.path().to_str().unwrap());
        let at = server.url("/r/");
        serde_saphyr::from_str(&format!("tarball: {{at: [\"{at}\"], file: \"alp-*-x86_64.tar.gz\", {more}}}")).unwrap()
    }
}

fn digest() -> Digest {
    Digest::of(TREE)
}

pub(super) fn fetch_with(
    source: &Source,
    blobs: &Blobs,
    told: &Told,
    change: impl FnOnce(&mut Fetch<'_>),
) -> Result<Fetched, Error> {
    fetch_over(&client(), source, blobs, told, change)
}

pub(super) fn file(fetched: Result<Fetched, Error>) -> Result<FetchedFile, Error> {
    match fetched? {
        Fetched::File(file) => Ok(*file),
        other => panic!("{other:?}"),
    }
}

fn fetch(site: &Site, more: &str) -> Result<FetchedFile, Error> {
    let (_dir, blobs) = cache();
    let server = site.serve();
    file(fetch_with(&site.source(&server, more), &blobs, &Told::default(), |_| {}))
}

const OF_SUMS: &str = "sums: SHA256SUMS, signature: {openpgp: {of: sums, file: SHA256SUMS.gpg, keyring: RING}}";
const CLEAR: &str = "sums: CHECKSUM, signature: {clearsigned: {of: sums, keyring: RING}}";
const OF_FILE: &str = "list: ./, signature: {openpgp: {of: tarball, file: \"${file}.sig\", keyring: RING}}";

#[track_caller]
fn good(fetched: Result<FetchedFile, Error>, trust: Trust) -> FetchedFile {
    let mut fetched = fetched.unwrap();
    let mut content = Vec::new();
    fetched.file.read_to_end(&mut content).unwrap();
    assert_eq!(content, TREE);
    assert_eq!((fetched.digest, fetched.vouched.trust), (digest(), trust));
    assert!(fetched.origin.ends_with(FILE), "{}", fetched.origin);
    fetched
}

#[track_caller]
fn refused(outcome: Result<FetchedFile, Error>, what: &str) {
    let error = outcome.unwrap_err();
    assert!(error.to_string().contains(what), "{error}");
    assert!(!error.is_unavailable(), "no reason to try another source: {error}");
}

#[test]
fn every_kind_of_chain() {
    let site = Site::new();
    for chain in [OF_SUMS, CLEAR, OF_FILE] {
        let fetched = good(fetch(&site, chain), Trust::DistroSignature);
        assert_eq!(fetched.vouched.keys, [site.key.fingerprint()]);
        assert_eq!(fetched.form, Form::Tarball { strip: None });
    }
    let both = OF_FILE.replace("list: ./", "list: ./, sums: \"${file}.sha256\"");
    good(fetch(&site, &both), Trust::DistroSignature);
    good(fetch(&site, "list: ./, sums: \"${file}.sha256\""), Trust::None);
    good(fetch(&site, "list: ./"), Trust::None);
    let pinned = format!("list: ./, digest: \"{}\"", digest());
    good(fetch(&site, &pinned), Trust::PinnedDigest);
}

#[test]
fn a_tampered_file() {
    let mut site = Site::new();
    site.put(FILE, b"the tree of a distraction!");
    for chain in [OF_SUMS, CLEAR, "list: ./, sums: \"${file}.sha256\""] {
        refused(fetch(&site, chain), "has been altered");
    }
    refused(fetch(&site, OF_FILE), "no valid signature");
}

#[test]
fn tampered_sums() {
    let mut site = Site::new();
    site.put(FILE, b"evil");
    for list in ["/r/SHA256SUMS", "/r/CHECKSUM"] {
        let text = String::from_utf8(site.files[list].clone()).unwrap();
        let evil = text.replace(&digest().hex(), &Digest::of(b"evil").hex());
        assert_ne!(evil, text);
        site.put(list, evil.as_bytes());
    }
    for chain in [OF_SUMS, CLEAR] {
        refused(fetch(&site, chain), "no valid signature");
    }
    // A good digest before the signed part, and one after it.
    let line = format!("{}  alp-1.10-x86_64.tar.gz\n", Digest::of(b"evil").hex());
    let signed = site.key.sign("nothing\n");
    for message in [[line.as_bytes(), &signed].concat(), [signed.as_slice(), line.as_bytes()].concat()] {
        site.put("/r/CHECKSUM", &message);
        refused(fetch(&site, CLEAR), "the signed part");
    }
}

#[test]
fn a_missing_signature_is_a_bad_one() {
    let mut site = Site::new();
    for path in ["/r/SHA256SUMS.gpg", &format!("{FILE}.sig")] {
        site.files.remove(path);
    }
    for chain in [OF_SUMS, OF_FILE] {
        refused(fetch(&site, chain), "it is not there");
    }
    let sums = site.files["/r/SHA256SUMS"].clone();
    site.put("/r/CHECKSUM", &sums);
    refused(fetch(&site, CLEAR), "not signed");
    // The recipe says that something is signed which is not even fetched.
    refused(fetch(&site, &OF_SUMS.replace("sums: SHA256SUMS,", "list: ./,")), "malformed");
}

#[test]
fn wrong_expired_and_revoked_keys() {
    let mut site = Site::new();
    fs::write(site.ring.path(), Key::new().bytes()).unwrap();
    for chain in [OF_SUMS, CLEAR, OF_FILE] {
        refused(fetch(&site, chain), "not in the keyring");
    }
    let fingerprint = Key::new().fingerprint();
    site = Site::new();
    let keys = format!("keyring: RING, keys: [\"{fingerprint}\"]");
    refused(fetch(&site, &OF_SUMS.replace("keyring: RING", &keys)), "is not in it");
    for chain in [OF_SUMS, CLEAR, OF_FILE] {
        let (server, (_dir, blobs)) = (site.serve(), cache());
        let later = |fetch: &mut Fetch<'_>| fetch.now += std::time::Duration::from_secs(400 * 86400);
        refused(
            file(fetch_with(&site.source(&server, chain), &blobs, &Told::default(), later)),
            &site.key.fingerprint(),
        );
    }
}

#[test]
fn names_that_lead_elsewhere() {
    let mut site = Site::new();
    let hex = digest().hex();
    for name in [
        "../alp-2-x86_64.tar.gz",
        "/alp-2-x86_64.tar.gz",
        "http://evil/alp-2-x86_64.tar.gz",
        "alp-%2e%2e/-x86_64.tar.gz",
    ] {
        site.sign(&format!("{hex}  {name}\n"));
        for chain in [OF_SUMS, CLEAR] {
            let error = fetch(&site, chain).unwrap_err();
            assert!(matches!(error, Error::NoFile { .. }), "{name}: {error}");
        }
    }
}

#[test]
fn a_digest_that_the_user_knows() {
    let mut site = Site::new();
    let pinned = |site: &Site, chain: &str, pin| {
        let (server, (_dir, blobs)) = (site.serve(), cache());
        file(fetch_with(&site.source(&server, chain), &blobs, &Told::default(), |fetch| fetch.pin = Some(pin)))
    };
    for chain in [OF_SUMS, CLEAR, OF_FILE, "list: ./"] {
        good(pinned(&site, chain, digest()), Trust::PinnedDigest);
        refused(pinned(&site, chain, Digest::of(b"other")), "has been altered");
    }
    // It vouches for the file even where the distribution's key does no longer.
    site.files.remove("/r/SHA256SUMS.gpg");
    good(pinned(&site, OF_SUMS, digest()), Trust::PinnedDigest);
}

/// The server, as `http://site.example`: not this machine, for all that is known.
fn elsewhere(server: &Server) -> Client {
    let proxy = server.url("");
    Client::new(Proxies::from_vars(|name| (name == "http_proxy").then(|| proxy.clone())))
}

#[test]
fn what_nothing_vouches_for_is_taken_only_when_asked() {
    let site = Site::new();
    let files = site.files.clone();
    let server = Server::start(move |asked| {
        let path = asked.path.strip_prefix("http://site.example").unwrap_or(&asked.path);
        files.get(path).map_or(Answer::Status(404, vec![]), |content| Answer::File(content.clone()))
    });
    let client = elsewhere(&server);
    let attempt = |chain: &str, allow: bool, told: &Told| {
        let (_dir, blobs) = cache();
        let source = site.source(&server, chain);
        let Source::Tarball(mut tarball) = source else { panic!() };
        tarball.at = vec!["http://site.example/r/".to_owned()];
        let change = |fetch: &mut Fetch<'_>| fetch.allow_unverified = allow;
        file(fetch_over(&client, &Source::Tarball(tarball), &blobs, told, change))
    };
    for chain in ["list: ./", "list: ./, sums: \"${file}.sha256\""] {
        let told = Told::default();
        refused(attempt(chain, false, &told), "nothing vouches");
        good(attempt(chain, true, &told), Trust::None);
        good(attempt(chain, true, &told), Trust::None);
        assert_eq!(told.notes.borrow().iter().filter(|note| note.contains("nothing vouches")).count(), 2, "every time");
    }
    let told = Told::default();
    good(attempt(OF_SUMS, false, &told), Trust::DistroSignature);
    assert!(told.notes.borrow().is_empty());
}

fn fetch_over(
    client: &Client,
    source: &Source,
    blobs: &Blobs,
    told: &Told,
    change: impl FnOnce(&mut Fetch<'_>),
) -> Result<Fetched, Error> {
    let archive = ArchiveOptions::default();
    let mut fetch = Fetch {
        client,
        blobs,
        progress: told,
        now: now(),
        pin: None,
        allow_unverified: false,
        title: "Test",
        arch: "amd64",
        archive: &archive,
    };
    change(&mut fetch);
    fetch.source(source)
}

#[test]
fn servers_are_asked_in_order() {
    let site = Site::new();
    let (good_server, empty) = (site.serve(), Server::of_files(HashMap::new()));
    let mut evil = site.files.clone();
    evil.insert(FILE.to_owned(), b"evil".to_vec());
    let evil = Server::of_files(evil);
    let attempt = |servers: &[&Server]| {
        let Source::Tarball(mut tarball) = site.source(servers[0], OF_SUMS) else { panic!() };
        tarball.at = servers.iter().map(|server| server.url("/r/")).collect();
        let (_dir, blobs) = cache();
        let told = Told::default();
        let fetched = file(fetch_with(&Source::Tarball(tarball), &blobs, &told, |_| {}));
        (fetched, told.notes.into_inner())
    };
    let (fetched, notes) = attempt(&[&empty, &good_server]);
    assert!(good(fetched, Trust::DistroSignature).origin.starts_with(&good_server.url("")));
    assert!(notes[0].contains("trying another server"), "{notes:?}");
    refused(attempt(&[&evil, &good_server]).0, "has been altered");
    let error = attempt(&[&empty, &empty]).0.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}

#[test]
fn without_a_network_what_was_fetched_is_verified_again() {
    let site = Site::new();
    for chain in [OF_SUMS, CLEAR, OF_FILE, "list: ./, sums: \"${file}.sha256\""] {
        let (_dir, blobs) = cache();
        let server = site.serve();
        let source = site.source(&server, chain);
        let attempt = |told: &Told| file(fetch_with(&source, &blobs, told, |_| {}));
        let first =
            good(attempt(&Told::default()), if chain.contains("RING") { Trust::DistroSignature } else { Trust::None });
        drop(server);
        let told = Told::default();
        good(attempt(&told), first.vouched.trust);
        assert!(told.notes.borrow().iter().any(|note| note.contains("cannot be reached")), "{chain}");
        if chain.contains("RING") {
            fs::write(site.ring.path(), Key::new().bytes()).unwrap();
            refused(attempt(&Told::default()), "not in the keyring");
            fs::write(site.ring.path(), site.key.bytes()).unwrap();
        }
    }
}

#[test]
fn a_file_is_fetched_once() {
    let site = Site::new();
    let (_dir, blobs) = cache();
    let server = site.serve();
    for _ in 0..2 {
        good(
            file(fetch_with(&site.source(&server, OF_SUMS), &blobs, &Told::default(), |_| {})),
            Trust::DistroSignature,
        );
    }
    assert_eq!((server.count(FILE), server.count("/r/SHA256SUMS")), (1, 2));
}

#[test]
fn sums_by_sha512() {
    use sha2::Digest as _;
    let mut site = Site::new();
    let hex =
        |content: &[u8]| sha2::Sha512::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let chain = "list: ./, sums: \"${file}.DIGESTS\", signature: {clearsigned: {of: sums, keyring: RING}}";
    let digests = format!(
        "# BLAKE2B HASH\n{}  alp-1.10-x86_64.tar.gz\n# SHA512 HASH\n{}  alp-1.10-x86_64.tar.gz\n",
        hex(b"x"),
        hex(TREE)
    );
    let signed = site.key.sign(&digests);
    site.put(&format!("{FILE}.DIGESTS"), &signed);
    let (_dir, blobs) = cache();
    let server = site.serve();
    for _ in 0..2 {
        good(file(fetch_with(&site.source(&server, chain), &blobs, &Told::default(), |_| {})), Trust::DistroSignature);
    }
    assert_eq!(server.count(FILE), 1);
    site.put(FILE, b"evil");
    refused(fetch(&site, chain), "has been altered: it is sha512:");
}
