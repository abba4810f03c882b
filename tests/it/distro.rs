//! From a distribution's site, by its recipe, to a running command.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use envbox::image::Digest;

use crate::source::archive::Key;
use crate::source::server::Server;
use crate::support::boxes::BOX;
use crate::support::rootfs::Rootfs;
use crate::support::{Run, TestEnvironment, requires};

/// A distribution of our own: BusyBox, on a site with signed sums.
struct Distro {
    key: Key,
    files: HashMap<String, Vec<u8>>,
}

impl Distro {
    fn new() -> Self {
        let key = Key::today();
        let tree = Rootfs::busybox().file("etc/mirrors", 0o644, b"# first\n# second\n").tar();
        let sums = format!("SHA256 (mini-1.2.tar) = {}\n", Digest::of(&tree).hex());
        let files =
            [("/r/mini-1.2.tar", tree), ("/r/SUMS", sums.clone().into()), ("/r/SUMS.sig", key.detach(sums.as_bytes()))];
        Self { key, files: HashMap::from(files.map(|(path, content)| (path.to_owned(), content))) }
    }

    fn put(&mut self, path: &str, content: &[u8]) {
        self.files.insert(path.to_owned(), content.to_vec());
    }

    fn serve(&self) -> Server {
        Server::of_files(self.files.clone())
    }

    /// Writes the user's own recipe `mini`, with these servers' tarballs as its sources.
    fn recipe(&self, env: &TestEnvironment, servers: &[&Server]) {
        let ring = env.path("home/ring");
        fs::write(&ring, self.key.bytes()).unwrap();
        let source = |server: &&Server| {
            format!(
                "  - tarball:\n      at: [\"{}\"]\n      file: mini-*.tar\n      sums: SUMS\n      \
                 signature: {{openpgp: {{of: sums, file: SUMS.sig, keyring: {}}}}}\n",
                server.url("/r/"),
                ring.display(),
            )
        };
        let sources: String = servers.iter().map(source).collect();
        let recipe = format!(
            "name: mini\ntitle: Mini Linux\nversions: [{{name: \"1\", default: true}}]\n\
             architectures: {{x86_64: x86_64, aarch64: aarch64}}\nsources:\n{sources}\
             files:\n  - replace: {{path: /etc/mirrors, line: \"# second\", with: second}}\n  \
             - write: {{path: /etc/made/by, content: \"recipe\\n\"}}\nsetup:\n  - run: id -u > /etc/set-up-by\n"
        );
        let dir = env.path("config/envbox/recipes");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("mini.yaml"), recipe).unwrap();
    }
}

fn create<'e>(env: &'e TestEnvironment, more: &[&str]) -> Run<'e> {
    env.envbox([&["create", BOX, "--image", "mini"], more].concat()).env("no_proxy", "127.0.0.1")
}

#[test]
fn a_recipe_leads_to_a_running_command() {
    requires!(userns, subid, overlay, fixtures);
    let (env, distro) = (TestEnvironment::new(), Distro::new());
    let server = distro.serve();
    distro.recipe(&env, &[&server]);
    let told = create(&env, &[]).succeeds().stderr;
    let vouched = format!("distribution's signature (key {})", distro.key.fingerprint());
    assert!(told.contains(&format!("verified: {vouched}")), "{told}");
    let script = "cat /etc/mirrors /etc/made/by /etc/set-up-by";
    assert_eq!(env.sh(script).succeeds().stdout, "# first\nsecond\nrecipe\n0\n");
    let image = fs::read_dir(env.path("data/envbox/images/sha256")).unwrap().next().unwrap().unwrap().path();
    let image = fs::read_to_string(image).unwrap();
    assert!(image.contains(&vouched) && image.contains("Mini Linux 1") && image.contains("mini-1.2.tar"), "{image}");
    // It is there now, and nobody is asked.
    drop(server);
    env.envbox(["create", "second", "--image", "mini:1"]).succeeds();
}

#[test]
fn what_is_altered_ends_it_and_what_is_not_there_does_not() {
    requires!(userns, subid, overlay, fixtures);
    let (env, distro) = (TestEnvironment::new(), Distro::new());
    let good = distro.serve();
    let empty = Server::of_files(HashMap::new());
    let mut altered = Distro { key: Key::today(), files: distro.files.clone() };
    altered.put("/r/mini-1.2.tar", b"evil");
    let forged_sums = format!("SHA256 (mini-1.2.tar) = {}\n", Digest::of(b"evil").hex());
    let mut forged = Distro { key: Key::today(), files: altered.files.clone() };
    forged.put("/r/SUMS", forged_sums.as_bytes());
    let mut unsigned = Distro { key: Key::today(), files: distro.files.clone() };
    unsigned.files.remove("/r/SUMS.sig");
    for (bad, reason) in
        [(&altered, "has been altered"), (&forged, "no valid signature"), (&unsigned, "no valid signature")]
    {
        let server = bad.serve();
        distro.recipe(&env, &[&server, &good]);
        let told = create(&env, &[]).exits(125).stderr;
        assert!(told.contains(reason) && told.contains("hint: "), "{told}");
        assert_eq!(good.count("/r/SUMS"), 0, "the next source is not even asked");
        assert_eq!(fs::read_dir(env.path("data/envbox/layers/sha256")).unwrap().count(), 0);
    }
    distro.recipe(&env, &[&empty, &good]);
    let told = create(&env, &[]).succeeds().stderr;
    assert!(told.contains("trying the recipe's next source"), "{told}");
    env.run(["true"]).succeeds();
}

#[test]
fn a_digest_goes_before_a_signature() {
    requires!(userns, subid, overlay, fixtures);
    let (env, mut distro) = (TestEnvironment::new(), Distro::new());
    distro.files.remove("/r/SUMS.sig");
    let server = distro.serve();
    distro.recipe(&env, &[&server]);
    let digest = Digest::of(&distro.files["/r/mini-1.2.tar"]).to_string();
    let other = Digest::of(b"other").to_string();
    let told = create(&env, &["--digest", &other]).exits(125).stderr;
    assert!(told.contains(&digest), "{told}");
    let told = create(&env, &["--digest", &digest]).succeeds().stderr;
    assert!(told.contains("verified: pinned digest"), "{told}");
    env.run(["true"]).succeeds();
    for bad in ["sha256:../../x", "sha512:00", "00"] {
        env.envbox(["create", "bad", "--image", "mini", "--digest", bad]).exits(125);
    }
    let told = env.envbox(["create", "bad", "--image", "mini", "--mirror", "http://127.0.0.1:9/"]).exits(125).stderr;
    assert!(told.contains("no package archive"), "{told}");
}

/// Over a proxy, so that the site is not this machine's own.
#[test]
fn plain_http_without_a_digest_is_taken_only_when_asked() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let url = "http://site.example/rootfs.tar";
    let tar = Rootfs::busybox().tar();
    let digest = Digest::of(&tar).to_string();
    let proxy = Server::of_files(HashMap::from([(url.to_owned(), tar)]));
    let attempt = |name: &str, more: &[&str]| {
        env.envbox([&["create", name, "--image", url], more].concat()).env("http_proxy", proxy.url(""))
    };
    let told = attempt(BOX, &[]).exits(125).stderr;
    assert!(told.contains("nothing vouches for http://site.example") && told.contains("--allow-unverified"), "{told}");
    assert_eq!(proxy.count(url), 0, "it is not even fetched");
    attempt("pinned", &["--digest", &digest]).succeeds();
    let told = attempt(BOX, &["--allow-unverified"]).succeeds().stderr;
    assert!(told.contains("nothing vouches for"), "{told}");
    env.run(["true"]).succeeds();
}

/// A TLS server by openssl(1), which gives files out as whole answers. Dropped, it ends.
struct Tls(Child);

impl Tls {
    fn start(dir: &Path, port: u16) -> Option<Self> {
        let openssl =
            |args: &[&str]| Command::new("openssl").args(args).current_dir(dir).stderr(Stdio::null()).status();
        let name = [
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=CA:FALSE",
        ];
        let key = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "key", "-out", "cert"];
        if !openssl(&[&key[..], &name].concat()).is_ok_and(|status| status.success()) {
            return None;
        }
        let mut server = Command::new("openssl");
        server.args(["s_server", "-quiet", "-HTTP", "-key", "key", "-cert", "cert", "-accept", &port.to_string()]);
        Some(Self(server.current_dir(dir).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()))
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_redirect_away_from_tls_is_not_followed() {
    requires!(userns, subid, fixtures);
    let env = TestEnvironment::new();
    let plain = Server::of_files(HashMap::from([("/rootfs.tar".to_owned(), Rootfs::busybox().tar())]));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let answer = format!("HTTP/1.0 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", plain.url("/rootfs.tar"));
    fs::File::create(dir.path().join("moved")).unwrap().write_all(answer.as_bytes()).unwrap();
    let Some(_tls) = Tls::start(dir.path(), port) else { return eprintln!("skipped: openssl is not here") };
    let url = format!("https://localhost:{port}/moved");
    let attempt = || {
        env.envbox(["create", BOX, "--image", &url])
            .env("no_proxy", "localhost")
            .env("SSL_CERT_FILE", dir.path().join("cert"))
            .exits(125)
            .stderr
    };
    let mut told = attempt();
    for _ in 0..20 {
        if !told.contains("no connection can be made") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        told = attempt();
    }
    assert!(told.contains("redirected to a place without TLS"), "{told}");
    assert_eq!(plain.count("/rootfs.tar"), 0);
}
