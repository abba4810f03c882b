//! Locks: what is written down, who is held to it, and that the same lock gives the same bytes.

mod changes;
mod steady;
mod versions;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use envbox::image::Digest;

use crate::source::archive::{Archive, DATE, Key};
use crate::source::server::{Answer, Server};
use crate::support::{Run, TestEnvironment, requires};

/// What the archive below has: a package, its version, its other fields.
type Deb<'a> = (&'a str, &'a str, &'a str);

const SYSTEM: [Deb<'_>; 3] =
    [("base-files", "2.0", "Essential: yes"), ("apt", "2.0", ""), ("ca-certificates", "2.0", "Depends: base-files")];

/// A project made of a distribution whose archive is served here, and what that has at the moment.
struct Site {
    env: TestEnvironment,
    root: PathBuf,
    key: Key,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    server: Server,
}

impl Site {
    fn new(debs: &[Deb<'_>]) -> Self {
        let (env, key, files) = (TestEnvironment::new(), Key::today(), Arc::default());
        let root = env.path("home/proj");
        fs::create_dir_all(&root).unwrap();
        let served: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::clone(&files);
        let server = Server::start(move |asked| match served.lock().unwrap().get(&asked.path) {
            Some(content) => Answer::File(content.clone()),
            None => Answer::Status(404, vec![]),
        });
        let site = Self { env, root, key, files, server };
        site.write_recipe();
        site.project("other");
        site.serve(debs);
        site
    }

    fn write_recipe(&self) {
        let (ring, recipes) = (self.env.path("home/ring"), self.env.path("config/envbox/recipes"));
        fs::write(&ring, self.key.bytes()).unwrap();
        fs::create_dir_all(&recipes).unwrap();
        let debian = serde_json::json!({
            "at": [self.server.url("/debian/")], "snapshot": self.server.url("/past/"), "suite": "test",
            "components": ["main"], "keyring": ring, "keyring_package": "test-keyring",
        });
        let recipe = serde_json::json!({
            "name": "tiny", "title": "Tiny", "versions": [{ "name": "test", "default": true }],
            "architectures": { "x86_64": "amd64", "aarch64": "arm64" }, "sources": [{ "debian": debian }],
            "packages": { "install": ["apt-get", "install"] },
        });
        fs::write(recipes.join("tiny.yaml"), recipe.to_string()).unwrap();
    }

    /// Writes a recipe that wants these packages.
    fn project(&self, packages: &str) {
        fs::write(self.root.join("envbox.yaml"), format!("from: tiny\npackages: [{packages}]\n")).unwrap();
    }

    /// Puts these packages into the archive, and takes all others out.
    fn serve(&self, debs: &[Deb<'_>]) {
        let (mut archive, mut index) = (Archive::default(), String::new());
        let arch = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
        for (name, version, fields) in SYSTEM.iter().chain(debs) {
            let content = format!("{name} {version}").into_bytes();
            let path = format!("pool/{name}/{name}_{version}_all.deb");
            let (size, digest) = (content.len(), Digest::of(&content).hex());
            let fields = if fields.is_empty() { String::new() } else { format!("{fields}\n") };
            index += &format!(
                "Package: {name}\nVersion: {version}\nArchitecture: all\n{fields}Filename: {path}\nSize: {size}\n\
                SHA256: {digest}\n\n"
            );
            archive.files.insert(format!("/debian/{path}"), content);
        }
        archive.release(&self.key, "test", &format!("Date: {DATE}\n"), arch, &[("main", index)]);
        *self.files.lock().unwrap() = archive.files;
    }

    /// What the recipe asks for at that time was agreed to.
    fn envbox(&self, words: &[&str]) -> Run<'_> {
        self.env.envbox(["trust", "--yes"]).dir(&self.root).succeeds();
        self.env.envbox(words).dir(&self.root).env("no_proxy", "127.0.0.1")
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.root.join("envbox.lock")).unwrap()
    }

    fn change_lock(&self, from: &str, to: &str) {
        let text = self.lock();
        assert!(text.contains(from), "{text}");
        fs::write(self.root.join("envbox.lock"), text.replace(from, to)).unwrap();
    }
}

#[test]
fn a_lock_is_of_the_archive_and_not_of_a_mirror() {
    let site = Site::new(&[("other", "2.0", "Depends: needed"), ("needed", "2.0", "")]);
    let mirrored: HashMap<_, _> =
        site.files.lock().unwrap().drain().map(|(path, file)| (path.replace("/debian/", "/mirror/"), file)).collect();
    *site.files.lock().unwrap() = mirrored;
    let mirror = site.server.url("/mirror");
    let said = site.envbox(&["lock", "--mirror", &mirror]).succeeds().stdout;
    assert_eq!(said, "main: tiny, 5 packages\n");
    let lock = site.lock();
    assert!(lock.contains(&format!("at: {}", site.server.url("/debian"))) && !lock.contains("mirror"), "{lock}");
    assert!(lock.contains(&format!("snapshot: {}", site.server.url("/past/20260912T135541Z"))), "{lock}");
    // Nothing is asked again for what is locked already.
    site.files.lock().unwrap().clear();
    assert_eq!(site.envbox(&["lock"]).succeeds().stdout, "main: tiny, 5 packages, as before\n");
    assert_eq!(site.lock(), lock);
}

#[test]
fn whoever_disagrees_is_told_what_about() {
    let site = Site::new(&[("other", "2.0", ""), ("more", "2.0", "")]);
    let missing = site.envbox(&["lock", "--check"]).exits(125).stderr;
    assert!(missing.contains("there is no envbox.lock") && missing.contains("hint: envbox lock"), "{missing}");
    site.envbox(&["lock"]).succeeds();
    assert_eq!(site.envbox(&["lock", "--check"]).succeeds().stdout, "");
    site.project("other, more");
    for words in [&["lock", "--check"][..], &["build"], &["run", "--", "true"]] {
        let said = site.envbox(words).exits(125).stderr;
        assert!(said.contains("package more is not locked") && said.contains("hint: envbox lock"), "{said}");
    }
    let json = site.envbox(&["lock", "--check", "--json"]).exits(125).stdout;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["agrees"], false);
    assert_eq!(site.envbox(&["lock"]).succeeds().stdout, "main: tiny, 5 packages, 1 change\n  + more 2.0\n");
    site.envbox(&["lock", "--check"]).succeeds();
    let none = site.envbox(&["lock", "--upgrade", "nonsense"]).exits(125).stderr;
    assert!(none.contains("no package `nonsense`"), "{none}");
}

#[test]
fn an_upgrade_takes_along_what_must_go_along() {
    let site = Site::new(&[("other", "2.0", "Depends: needed (>= 2)"), ("needed", "2.0", ""), ("apart", "2.0", "")]);
    site.project("other, apart");
    site.envbox(&["lock"]).succeeds();
    let old = site.lock();
    site.serve(&[("other", "3.0", "Depends: needed (>= 3)"), ("needed", "3.0", ""), ("apart", "3.0", "")]);
    assert_eq!(site.envbox(&["lock"]).succeeds().stdout, "main: tiny, 6 packages, as before\n");
    assert_eq!(site.lock(), old);
    let some = site.envbox(&["lock", "--upgrade", "other"]).succeeds().stdout;
    assert_eq!(some, "main: tiny, 6 packages, 2 changes\n  ~ needed 2.0 -> 3.0\n  ~ other 2.0 -> 3.0\n");
    let kept = |name: &str| {
        let line = |text: &str| text.lines().find(|line| line.contains(&format!("name: {name},"))).map(str::to_owned);
        line(&old) == line(&site.lock())
    };
    assert!(kept("apt") && kept("apart") && !kept("other"));
    let all = site.envbox(&["lock", "--upgrade", "--json"]).succeeds().stdout;
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!(
        all[0]["changes"],
        serde_json::json!([{ "change": "changed", "name": "apart", "old": "2.0", "new": "3.0" }])
    );
}

/// What these packages hold is no package, so no system comes of them; what was asked for and what was refused shows.
/// The packages as they were on the day of the lock.
const PAST: &str = "/past/20260912T135541Z/pool/";

#[test]
fn what_has_left_the_archive_is_fetched_as_it_was() {
    requires!(userns, subid);
    let site = Site::new(&[("other", "2.0", "")]);
    site.envbox(&["lock"]).succeeds();
    // All of them: whatever comes first is unpacked while others are on their way, and these are no packages.
    let pool = |path: &str| path.strip_prefix("/debian/pool/").map(str::to_owned);
    let gone: Vec<_> = site.files.lock().unwrap().extract_if(|path, _| pool(path).is_some()).collect();
    let nowhere = site.envbox(&["build"]).exits(125).stderr;
    assert!(nowhere.contains(PAST), "{nowhere}");
    let back = gone.into_iter().map(|(path, file)| (format!("{PAST}{}", pool(&path).unwrap()), file));
    site.files.lock().unwrap().extend(back);
    let found = site.envbox(&["build"]).exits(125).stderr;
    assert!(!found.contains("cannot fetch"), "{found}");
    assert!(site.server.count(&format!("{PAST}apt/apt_2.0_all.deb")) > 0, "it was asked for");
}

#[test]
fn what_was_changed_is_refused_wherever_it_is() {
    requires!(userns, subid);
    let site = Site::new(&[("other", "2.0", "")]);
    site.envbox(&["lock"]).succeeds();
    // All of them: whatever comes first is unpacked while others are on their way, and these are no packages.
    let change = |how: &dyn Fn(&mut Vec<u8>)| {
        let mut files = site.files.lock().unwrap();
        files.iter_mut().filter(|(path, _)| path.starts_with("/debian/pool/")).for_each(|(_, file)| how(file));
    };
    change(&|file| *file.last_mut().unwrap() ^= 1);
    let said = site.envbox(&["build"]).exits(125).stderr;
    assert!(said.contains("has been altered") && said.contains("_all.deb"), "{said}");
    change(&|file| file.extend_from_slice(b" and more"));
    let said = site.envbox(&["build"]).exits(125).stderr;
    assert!(said.contains("_all.deb") && !said.contains("cannot unpack"), "{said}");
    assert_eq!(site.env.staged().len(), 0);
}

/// A lock comes with the repository, like the recipe; what it says is no more to be trusted.
#[test]
fn a_lock_leads_nowhere_that_its_recipe_does_not() {
    let site = Site::new(&[("other", "2.0", "")]);
    site.envbox(&["lock"]).succeeds();
    let (good, own) = (site.lock(), site.server.url("/debian"));
    for (from, to, words) in [
        (own.as_str(), "http://evil.example/debian", "not where its recipe has it from"),
        (&site.server.url("/past/2026"), "http://evil.example/2026", "not where its recipe has it from"),
        (&site.server.url("/past/2026"), &site.server.url("/past/../evil/2026"), "not where its recipe has it from"),
        (
            &site.server.url("/past/2026"),
            &site.server.url("/past/%2e%2E/evil/2026"),
            "not where its recipe has it from",
        ),
        ("file: pool/apt/", "file: ../../apt/", "without `..`"),
        ("file: pool/apt/", "file: pool/%2e%2e/%2E./apt/", "without `..`"),
        ("name: apt,", "name: \"--apt\",", "is not the name of a package"),
        ("version: 1\n", "version: 1\nversion: 1\n", "envbox.lock:"),
        ("base:\n", "base: &a [*a]\n  x:\n", "envbox.lock:"),
    ] {
        site.change_lock(from, to);
        let said = site.envbox(&["build"]).exits(125).stderr;
        assert!(said.contains(words), "{said}");
        fs::write(site.root.join("envbox.lock"), &good).unwrap();
    }
    fs::remove_file(site.root.join("envbox.lock")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", site.root.join("envbox.lock")).unwrap();
    let said = site.envbox(&["build"]).exits(125).stderr;
    assert!(!said.contains("root:"), "{said}");
    // Written anew, it is a file of the project's own, and what the link led to is as it was.
    site.envbox(&["lock"]).succeeds();
    assert_eq!(site.lock(), good);
    assert!(fs::read_to_string("/etc/passwd").unwrap().starts_with("root:"));
}
