//! Debian's family from archives of packages: real packages of Debian's under each distribution's own suites, signed by a
//! key made here.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use envbox::host::AptMirror;
use envbox::image::Digest;
use envbox::recipe::{Archive as PackageArchive, Change, Resolved, Setup, Source, keyrings};
use envbox::source::Silent;
use envbox::source::debian::{self, Request, Suite};
use envbox::source::http::{Client, Proxies};
use envbox::source::verify::Keyring;
use envbox::store::blobs::Blobs;

use super::{own, resolved, script};
use crate::source::archive::{Archive, DATE, Key};
use crate::source::server::{Answer, Server};
use crate::support::{TestEnvironment, requires};

/// Packages that make a system.
struct Pool {
    /// `Packages`, as an archive has it.
    index: String,
    /// By their paths in the archive.
    files: HashMap<String, Vec<u8>>,
}

/// Those of trixie, from the mirror that this machine's apt uses; fetched once.
fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let client = Client::new(Proxies::from_vars(|name| std::env::var(name).ok()));
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path());
        let mirror = AptMirror::configured().unwrap().archive;
        let request = Request {
            title: "Debian".to_owned(),
            archives: vec![mirror.unwrap_or_else(|| "http://ftp.debian.org/debian/".to_owned())],
            suite: Suite::parse("trixie").unwrap(),
            companions: vec![],
            components: vec!["main".to_owned()],
            arch: resolved("debian").arch,
            ignore_valid_until: true,
            include: vec!["ca-certificates".to_owned()],
            own: None,
            more: vec![],
            keyring: Keyring::from_bytes(keyrings::bytes("debian").unwrap()).unwrap(),
            keyring_package: "debian-archive-keyring".to_owned(),
            now: SystemTime::now(),
        };
        let bootstrap = debian::resolve(&request, &client, &blobs, &Silent).unwrap();
        let mut pool = Pool { index: String::new(), files: HashMap::new() };
        let received = bootstrap.download(&client, &blobs, &Silent, &mut |package, mut file| {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut file, &mut content)?;
            pool.add(&dir.path().join("deb"), &package.name, content);
            Ok(())
        });
        received.unwrap();
        pool
    })
}

impl Pool {
    fn add(&mut self, scratch: &std::path::Path, name: &str, content: Vec<u8>) {
        fs::write(scratch, &content).unwrap();
        let control = Command::new("dpkg-deb").arg("--field").arg(scratch).output().unwrap();
        assert!(control.status.success(), "{control:?}");
        let (fields, path) = (String::from_utf8(control.stdout).unwrap(), format!("pool/{name}.deb"));
        self.index += fields.trim_end();
        self.index +=
            &format!("\nFilename: {path}\nSize: {}\nSHA256: {}\n\n", content.len(), Digest::of(&content).hex());
        self.files.insert(format!("/debian/{path}"), content);
    }
}

/// The distribution's archive, as far as its recipe asks for it.
fn serve(archive: &PackageArchive, arch: &str, key: &Key) -> Server {
    let mut local = Archive::default();
    let first = archive.components.first();
    let indices = |index: &str| -> Vec<(&str, String)> {
        let of = |component| if Some(component) == first { index.to_owned() } else { String::new() };
        archive.components.iter().map(|component| (component.as_str(), of(component))).collect()
    };
    let more = format!("Date: {DATE}\n");
    local.release(key, &archive.suite, &more, arch, &indices(&pool().index));
    for also in &archive.also {
        local.release(key, &also.suite, &more, arch, &indices(""));
    }
    Server::start(move |asked| match local.files.get(&asked.path).or_else(|| pool().files.get(&asked.path)) {
        Some(content) => Answer::File(content.clone()),
        None => Answer::Status(404, vec![]),
    })
}

/// Builds the distribution's default version, and says what its archive's server was.
fn build(env: &TestEnvironment, resolved: &Resolved) -> Server {
    let archive = resolved.sources.iter().find_map(|source| match source {
        Source::Debian(archive) => Some(archive.clone()),
        _ => None,
    });
    let (mut archive, key) = (archive.unwrap(), Key::today());
    let server = serve(&archive, &resolved.arch, &key);
    let ring = env.path("home/ring");
    fs::write(&ring, key.bytes()).unwrap();
    archive.at = vec![server.url("/debian/")];
    archive.also.iter_mut().for_each(|also| also.at.clear());
    (archive.keyring, archive.keys) = (ring.to_str().unwrap().to_owned(), vec![]);
    own(env, resolved, &[Source::Debian(archive)]);
    let built = script(env, &resolved.name, ". /etc/os-release; echo $ID").succeeds();
    assert_eq!(built.stdout, "debian\n");
    assert!(built.stderr.contains(&key.fingerprint()), "{}", built.stderr);
    server
}

fn from_its_archive(name: &str) {
    requires!(userns, subid, overlay, net, dpkg_deb);
    let (env, resolved) = (TestEnvironment::new(), resolved(name));
    let _server = build(&env, &resolved);
    let audit = script(&env, name, "dpkg --audit && dpkg-query --show --showformat='${db:Status-Abbrev}\n' | sort -u");
    assert_eq!(audit.succeeds().stdout, "ii \n", "each package is configured");
}

#[test]
fn devuan() {
    from_its_archive("devuan");
}

#[test]
fn kali() {
    from_its_archive("kali");
}

#[test]
fn ubuntu() {
    from_its_archive("ubuntu");
}

/// Conffiles are changed where dpkg has put them, which does not ask about that later.
#[test]
fn what_the_recipe_wants_done_is_done() {
    requires!(userns, subid, overlay, net, dpkg_deb);
    let (env, mut resolved) = (TestEnvironment::new(), resolved("devuan"));
    let replaced = Change::Replace { path: "/etc/pam.conf".into(), line: "#".into(), with: "# ours".into() };
    resolved.files = vec![Change::Write { path: "/etc/timezone".into(), content: "Europe/Berlin\n".into() }, replaced];
    resolved.setup = vec![Setup { run: "dpkg --audit >/etc/audit && perl -e 'print \"$<\\n\"' >>/etc/audit".into() }];
    let _server = build(&env, &resolved);
    let told =
        script(&env, "devuan", "cat /etc/timezone /etc/audit; grep -c '^# ours$' /etc/pam.conf").succeeds().stdout;
    assert!(told.starts_with("Europe/Berlin\n0\n") && !told.ends_with("\n0\n"), "{told}");
}
