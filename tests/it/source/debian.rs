//! The chain from the keyring to the packages, and each way to break it.

use std::time::{Duration, SystemTime};

use envbox::host::AptMirror;
use envbox::recipe::{Machine, keyrings};
use envbox::source::debian::{self, Bootstrap, Companion, Request, Suite};
use envbox::source::verify::Keyring;
use envbox::source::{Error, Silent};
use envbox::store::blobs::Blobs;

use super::archive::{Archive, DATE, Key, MINIMAL, now};
use super::server::Server;
use super::{Told, cache, client, held};

fn request(server: &Server, keyring: Keyring) -> Request {
    let companion = |name: &str, archives| Companion { suite: Suite::parse(name).unwrap(), archives, own: None };
    Request {
        title: "Test".to_owned(),
        archives: vec![server.url("/debian")],
        suite: Suite::parse("test").unwrap(),
        companions: vec![companion("test-updates", vec![]), companion("test-security", vec![server.url("/debian")])],
        components: vec!["main".to_owned()],
        arch: "amd64".to_owned(),
        ignore_valid_until: false,
        include: vec![],
        own: None,
        more: vec![],
        keyring,
        keyring_package: "test-keyring".to_owned(),
        now: now(),
    }
}

fn resolve(archive: &Archive, key: &Key) -> Result<Bootstrap, Error> {
    let server = Server::of_files(archive.files.clone());
    let (_dir, blobs) = cache();
    debian::resolve(&request(&server, key.ring()), &client(), &blobs, &Silent)
}

fn download(bootstrap: &Bootstrap, blobs: &Blobs) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    bootstrap.download(&client(), blobs, &Silent, &mut |package, file| {
        assert_eq!(file.metadata()?.len(), package.size);
        names.push(package.name.clone());
        Ok(())
    })?;
    names.sort_unstable();
    Ok(names)
}

#[test]
fn from_the_key_to_the_packages() {
    let key = Key::new();
    let mut archive = Archive::new(&key, "test", "Version: 7.1\n", &MINIMAL);
    archive.suite(&key, "test-security", super::archive::DATE, "", &[("other", "Priority: optional", 10)]);
    let server = Server::of_files(archive.files);
    let (dir, blobs) = cache();
    let told = Told::default();
    let request = request(&server, key.ring());
    let found = debian::resolve(&request, &client(), &blobs, &told).unwrap();
    assert_eq!(download(&found, &blobs).unwrap(), ["apt", "base-files", "ca-certificates", "libc6"]);
    assert_eq!(held(dir.path()), (4 + 2, 0));
    assert_eq!((found.version.as_deref(), found.codename.as_str()), (Some("7.1"), "test"));
    let uri = server.url("/debian");
    assert_eq!(found.sources_list, format!("Types: deb\nURIs: {uri}\nSuites: test test-security\nComponents: main\n"));
    assert_eq!(told.notes.borrow().as_slice(), [format!("{uri} has no suite `test-updates`")]);
    // The same again is the same, and needs no package twice.
    let again = debian::resolve(&request, &client(), &blobs, &Silent).unwrap();
    assert_eq!(again.key, found.key);
    download(&again, &blobs).unwrap();
    assert_eq!(server.count("/debian/pool/test/apt_2.0_amd64.deb"), 1);
    let more = Request { include: vec!["other".to_owned()], ..request };
    assert_ne!(debian::resolve(&more, &client(), &blobs, &Silent).unwrap().key, found.key);
}

#[test]
fn an_unknown_key() {
    let archive = Archive::new(&Key::new(), "test", "", &MINIMAL);
    let error = resolve(&archive, &Key::new()).unwrap_err();
    assert!(matches!(&error, Error::Signature { .. }) && error.to_string().contains("not in the keyring"), "{error}");
}

#[test]
fn one_known_key_among_unknown_ones_will_do() {
    let (known, unknown) = (Key::new(), Key::new());
    let mut archive = Archive::new(&known, "test", "", &MINIMAL);
    let list = archive.find("InRelease");
    let text = String::from_utf8(list.clone()).unwrap();
    let text = text.split("\n\n").nth(1).unwrap().split("-----BEGIN").next().unwrap().trim_end().to_owned() + "\n";
    *list = unknown.sign_with(Some(&known), &text);
    let found = resolve(&archive, &known).unwrap();
    assert_eq!(found.provenance.lists[0].signers.len(), 1);
}

#[test]
fn an_altered_list() {
    let key = Key::new();
    let mut archive = Archive::new(&key, "test", "", &MINIMAL);
    let list = archive.find("InRelease");
    let text = String::from_utf8(list.clone()).unwrap();
    *list = text.replace("Origin: Test", "Origin: Best").into_bytes();
    assert!(matches!(resolve(&archive, &key), Err(Error::Signature { .. })));
    *archive.find("InRelease") = text.split("-----BEGIN PGP SIGNATURE").next().unwrap().as_bytes().to_vec();
    assert!(matches!(resolve(&archive, &key), Err(Error::Signature { .. })));
    *archive.find("InRelease") = b"Suite: test\n".to_vec();
    assert!(matches!(resolve(&archive, &key), Err(Error::Signature { .. })));
}

#[test]
fn what_stands_outside_the_signature_is_not_read() {
    let key = Key::new();
    let mut archive = Archive::new(&key, "test", "", &MINIMAL);
    let list = archive.find("InRelease");
    let forged = [b"Version: 6.6.6\n".as_slice(), list, b"\nVersion: 6.6.6\n"].concat();
    *list = forged;
    if let Ok(found) = resolve(&archive, &key) {
        assert_eq!(found.version, None);
    }
}

#[test]
fn an_expired_key() {
    // Good when it signed, half an hour ago, but not any more.
    let key = Key::valid_for(Duration::from_secs(86400 - 600));
    let error = resolve(&Archive::new(&key, "test", "", &MINIMAL), &key).unwrap_err();
    assert!(matches!(error, Error::Signature { .. }), "{error}");
}

#[test]
fn a_list_out_of_date() {
    let key = Key::new();
    let archive = Archive::new(&key, "test", "Valid-Until: Sat, 12 Sep 2026 07:00:00 UTC\n", &MINIMAL);
    let error = resolve(&archive, &key).unwrap_err();
    assert!(matches!(error, Error::Expired { .. }) && error.hint().unwrap().contains(debian::UNTIL_FLAG));
    let server = Server::of_files(archive.files);
    let (_dir, blobs) = cache();
    let strict = request(&server, key.ring());
    assert!(matches!(debian::resolve(&strict, &client(), &blobs, &Silent), Err(Error::Expired { .. })));
    let request = Request { ignore_valid_until: true, ..strict };
    let found = debian::resolve(&request, &client(), &blobs, &Silent).unwrap();
    assert!(debian::setup(&found).files.iter().any(|file| file.path.ends_with("90envbox-valid-until")));
}

#[test]
fn a_list_that_was_refused_is_not_used_without_a_network() {
    let key = Key::new();
    let expired = Archive::new(&key, "test", "Valid-Until: Sat, 12 Sep 2026 07:00:00 UTC\n", &MINIMAL);
    let server = Server::of_files(expired.files);
    let (_dir, blobs) = cache();
    let request = request(&server, key.ring());
    assert!(matches!(debian::resolve(&request, &client(), &blobs, &Silent), Err(Error::Expired { .. })));
    drop(server);
    assert!(debian::resolve(&request, &client(), &blobs, &Silent).unwrap_err().is_offline());
}

#[test]
fn the_list_of_another_suite() {
    let key = Key::new();
    let mut archive = Archive::new(&key, "other", "", &MINIMAL);
    let list = archive.find("InRelease").clone();
    archive.files.insert("/debian/dists/test/InRelease".to_owned(), list);
    let error = resolve(&archive, &key).unwrap_err();
    assert!(matches!(error, Error::WrongSuite { ref found, .. } if found == "other"), "{error}");
}

#[test]
fn no_such_suite_and_no_such_architecture() {
    let key = Key::new();
    let error = resolve(&Archive::default(), &key).unwrap_err();
    assert!(matches!(error, Error::NoSuite { .. }) && error.hint().unwrap().contains("--mirror"));
    let server = Server::of_files(Archive::new(&key, "test", "", &MINIMAL).files);
    let (_dir, blobs) = cache();
    let request = Request { arch: "arm64".to_owned(), ..request(&server, key.ring()) };
    let error = debian::resolve(&request, &client(), &blobs, &Silent).unwrap_err();
    assert!(matches!(error, Error::NoArch { .. }), "{error}");
}

#[test]
fn an_altered_index() {
    let key = Key::new();
    let mut archive = Archive::new(&key, "test", "", &MINIMAL);
    *archive.find("by-hash").last_mut().unwrap() ^= 1;
    assert!(matches!(resolve(&archive, &key), Err(Error::Digest { .. })));
    archive.find("by-hash").pop();
    assert!(matches!(resolve(&archive, &key), Err(Error::Fetch { .. })));
}

#[test]
fn an_altered_or_shortened_package_leaves_the_cache_clean() {
    let key = Key::new();
    let good = Archive::new(&key, "test", "", &MINIMAL);
    for shorten in [false, true] {
        let mut archive = good.clone();
        let deb = archive.find("libc6_");
        if shorten {
            deb.pop();
        } else {
            deb[5] ^= 1;
        }
        let server = Server::of_files(archive.files);
        let (dir, blobs) = cache();
        let found = debian::resolve(&request(&server, key.ring()), &client(), &blobs, &Silent).unwrap();
        let error = download(&found, &blobs).unwrap_err();
        assert!(error.to_string().contains("libc6"), "{error}");
        assert_eq!(held(dir.path()).1, 0);
        assert!(blobs.open(&found.packages.iter().find(|p| p.name == "libc6").unwrap().digest).unwrap().is_none());
    }
}

#[test]
fn without_a_network_what_was_fetched_works() {
    let key = Key::new();
    let server = Server::of_files(Archive::new(&key, "test", "", &MINIMAL).files);
    let (_dir, blobs) = cache();
    let request = request(&server, key.ring());
    let first = debian::resolve(&request, &client(), &blobs, &Silent).unwrap();
    download(&first, &blobs).unwrap();
    drop(server);
    let told = Told::default();
    let second = debian::resolve(&request, &client(), &blobs, &told).unwrap();
    assert_eq!(second.key, first.key);
    assert_eq!(download(&second, &blobs).unwrap().len(), 4);
    assert!(told.notes.borrow()[0].contains("cannot be reached"));
    let (_dir, empty) = cache();
    let error = debian::resolve(&request, &client(), &empty, &Silent).unwrap_err();
    assert!(error.is_offline() && error.hint().unwrap().contains("network"), "{error}");
}

#[test]
fn an_older_list_does_not_replace_a_newer_one() {
    let key = Key::new();
    let (_dir, blobs) = cache();
    let new = Archive::new(&key, "test", "Version: 2\n", &MINIMAL);
    let mut old = Archive::default();
    old.suite(&key, "test", "Fri, 11 Sep 2026 07:55:41 UTC", "Version: 1\n", &MINIMAL);
    let served = std::sync::Arc::new(std::sync::Mutex::new(new.files));
    let files = served.clone();
    let server = Server::start(move |asked| match files.lock().unwrap().get(&asked.path) {
        Some(content) => super::server::Answer::File(content.clone()),
        None => super::server::Answer::Status(404, vec![]),
    });
    let request = request(&server, key.ring());
    debian::resolve(&request, &client(), &blobs, &Silent).unwrap();
    *served.lock().unwrap() = old.files;
    let told = Told::default();
    let found = debian::resolve(&request, &client(), &blobs, &told).unwrap();
    assert_eq!(found.version.as_deref(), Some("2"));
    assert!(told.notes.borrow()[0].contains("older"));
}

/// The archives of this machine's apt, whose suites are genuine.
#[test]
fn the_real_archive() {
    let mirror = AptMirror::configured().unwrap();
    let Some(archive) = mirror.archive else { return eprintln!("skipped: apt has no Debian mirror here") };
    let keyring = || Keyring::from_bytes(keyrings::bytes("debian").unwrap()).unwrap();
    for (suite, version) in
        [("bullseye", Some("11.")), ("bookworm", Some("12.")), ("trixie", Some("13.")), ("sid", None)]
    {
        let request = Request {
            title: "Debian".to_owned(),
            archives: vec![archive.clone()],
            suite: Suite::parse(suite).unwrap(),
            companions: vec![],
            components: vec!["main".to_owned()],
            arch: Machine::named(Machine::here()).unwrap().debian.to_owned(),
            ignore_valid_until: true,
            include: vec!["sudo".to_owned()],
            own: None,
            more: vec![],
            keyring: keyring(),
            keyring_package: "debian-archive-keyring".to_owned(),
            now: SystemTime::now(),
        };
        let (_dir, blobs) = cache();
        let found = match debian::resolve(&request, &client(), &blobs, &Silent) {
            Err(error) if error.is_offline() => return eprintln!("skipped: the mirror cannot be reached"),
            found => found.unwrap(),
        };
        let names: Vec<&str> = found.packages.iter().map(|package| package.name.as_str()).collect();
        for name in ["apt", "base-files", "ca-certificates", "debian-archive-keyring", "dpkg", "libc6", "sudo"] {
            assert!(names.contains(&name), "{suite}: {name} is missing from {names:?}");
        }
        assert!(names.len() < 130 && found.codename == suite, "{suite}: {} packages", names.len());
        assert_eq!(found.version.as_deref().map(|found| &found[..3]), version, "{suite}");
        if suite == "trixie" {
            assert_eq!(download(&found, &blobs).unwrap(), names);
        }
    }
}

#[test]
fn components_and_what_goes_with_a_suite() {
    let key = Key::new();
    let mut archive = Archive::default();
    let universe: [super::archive::Deb<'_>; 1] = [("extra", "Depends: libc6", 50)];
    archive.suite_of(&key, "test", DATE, "", "arm64", &[("main", &MINIMAL), ("universe", &universe)]);
    // Updates have no universe, and are not missed.
    archive.suite_of(&key, "test-updates", DATE, "", "arm64", &[("main", &[("libc6", "Priority: optional", 60)])]);
    let server = Server::of_files(archive.files.clone());
    let (_dir, blobs) = cache();
    let wanted = Request {
        components: vec!["main".to_owned(), "universe".to_owned()],
        arch: "arm64".to_owned(),
        include: vec!["extra".to_owned()],
        ..request(&server, key.ring())
    };
    let found = debian::resolve(&wanted, &client(), &blobs, &Silent).unwrap();
    assert!(found.packages.iter().any(|package| package.name == "extra" && package.arch == "arm64"));
    assert!(found.sources_list.contains("\nComponents: main universe\n"), "{}", found.sources_list);
    let missing = Request { components: vec!["main".to_owned(), "multiverse".to_owned()], ..wanted };
    let error = debian::resolve(&missing, &client(), &blobs, &Silent).unwrap_err();
    assert!(matches!(error, Error::NoArch { .. }) && error.to_string().contains("multiverse arm64"), "{error}");
}

#[test]
fn an_alias_and_what_goes_with_it_become_the_release() {
    let key = Key::new();
    let mut archive = Archive::new(&key, "nova", "", &MINIMAL);
    archive.suite(&key, "nova-updates", DATE, "", &[("apt", "Depends: libc6", 10)]);
    let list = archive.files["/debian/dists/nova/InRelease"].clone();
    let text = String::from_utf8(list).unwrap().split("\n\n").nth(1).unwrap().replace("Suite: nova", "Suite: stable");
    let text = text.split("-----BEGIN").next().unwrap().to_owned();
    // The mirror's copy of the alias is behind.
    for (name, version) in [("stable", "Version: 7.1"), ("nova", "Version: 7.2")] {
        let text = text.replacen("Codename:", &format!("{version}\nCodename:"), 1);
        archive.files.insert(format!("/debian/dists/{name}/InRelease"), key.sign(&text));
    }
    let server = Server::of_files(archive.files);
    let (_dir, blobs) = cache();
    let stable = Request {
        suite: Suite::parse("stable").unwrap(),
        companions: vec![Companion { suite: Suite::parse("stable-updates").unwrap(), archives: vec![], own: None }],
        ..request(&server, key.ring())
    };
    let found = debian::resolve(&stable, &client(), &blobs, &Silent).unwrap();
    assert!(found.sources_list.contains("Suites: nova nova-updates\n"), "{}", found.sources_list);
    assert_eq!(found.version.as_deref(), Some("7.2"));
}

#[test]
fn mirrors_are_asked_in_order_and_a_forger_ends_it() {
    let key = Key::new();
    let archive = Archive::new(&key, "test", "", &MINIMAL);
    let (empty, whole) = (Server::of_files(Archive::default().files), Server::of_files(archive.files.clone()));
    let mut forged = archive;
    let list = forged.find("InRelease");
    *list = String::from_utf8(list.clone()).unwrap().replace("Origin: Test", "Origin: Best").into_bytes();
    let forged = Server::of_files(forged.files);
    let attempt = |servers: &[&Server]| {
        let archives = servers.iter().map(|server| server.url("/debian")).collect();
        let (_dir, blobs) = cache();
        let told = Told::default();
        let wanted = Request { archives, companions: vec![], ..request(&whole, key.ring()) };
        let found = debian::resolve(&wanted, &client(), &blobs, &told);
        (found, told.notes.into_inner())
    };
    let (found, notes) = attempt(&[&empty, &whole]);
    assert!(found.unwrap().packages[0].url.starts_with(&whole.url("")));
    assert!(notes[0].contains("trying another server"), "{notes:?}");
    assert!(matches!(attempt(&[&forged, &whole]).0, Err(Error::Signature { .. })));
    assert!(attempt(&[&empty, &empty]).0.unwrap_err().is_unavailable());
}
