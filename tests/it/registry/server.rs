//! docker-registry on the loopback, as Debian has it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use envbox::image::Reference;
use tempfile::TempDir;

/// A running registry. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Registry {
    process: Child,
    pub(crate) dir: TempDir,
    pub(crate) address: String,
    /// `user:password`, for whoever fills it.
    login: Option<&'static str>,
}

impl Registry {
    /// One that lets everybody in.
    pub(crate) fn open() -> Self {
        Self::start(|_| String::new(), None)
    }

    /// One with these settings (YAML, top-level keys) besides the usual ones; they may name files in its directory.
    pub(crate) fn start(settings: impl FnOnce(&Path) -> String, login: Option<&'static str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let more = settings(dir.path());
        let tls = if more.contains("tls:") { "" } else { "http:\n  addr: 127.0.0.1:0\n" };
        let root = path("data");
        let config = format!(
            "version: 0.1\nlog:\n  level: info\n  accesslog:\n    disabled: false\nstorage:\n  delete:\n    enabled: true\n  \
             filesystem:\n    rootdirectory: {}\n{tls}{more}",
            root.display()
        );
        fs::write(path("config.yml"), config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(path("config.yml")).env_clear().env("OTEL_TRACES_EXPORTER", "none");
        let log = File::create(path("access.log")).unwrap();
        let mut process = command.stdin(Stdio::null()).stdout(log).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut seen = Vec::new();
        let address = lines.find_map(|line| {
            seen.push(line.clone());
            let (_, rest) = line.split_once("listening on ")?;
            Some(rest.split([',', '"']).next()?.to_owned())
        });
        let address = address.unwrap_or_else(|| panic!("no registry: {seen:#?}"));
        // Whatever else it says has to go somewhere.
        thread::spawn(move || lines.for_each(drop));
        Self { process, dir, address, login }
    }

    /// What users call an image here.
    pub(crate) fn reference(&self, name: &str) -> Reference {
        format!("{}/{name}", self.address).parse().unwrap()
    }

    /// Copies an image out of a layout (skopeo's words for it: `oci:/path:name`) into the registry.
    pub(crate) fn fill(&self, from: &str, name: &str) {
        let mut command = skopeo(self.dir.path());
        command.args(["copy", "--all", "--quiet", "--dest-tls-verify=false"]);
        if let Some(login) = self.login {
            command.args(["--dest-creds", login]);
        }
        let output = command.arg(from).arg(format!("docker://{}/{name}", self.address)).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// What was asked of it since the last call: method, path and status of each request.
    pub(crate) fn asked(&self) -> Vec<String> {
        let log = self.dir.path().join("access.log");
        let text = fs::read_to_string(&log).unwrap();
        let done = self.dir.path().join("access.seen");
        let before = fs::read_to_string(&done).map_or(0, |text| text.parse().unwrap());
        fs::write(done, text.len().to_string()).unwrap();
        let request = |line: &str| {
            let mut parts = line.split('"').skip(1);
            let (request, rest) = (parts.next()?, parts.next()?);
            let (method, path) = request.split_once(' ')?;
            Some(format!("{method} {} {}", path.split(' ').next()?, rest.split_whitespace().next()?))
        };
        text[before..].lines().filter_map(request).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// skopeo, with a home of its own and no policy.
pub(crate) fn skopeo(home: &Path) -> Command {
    let mut command = Command::new("skopeo");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).env("XDG_RUNTIME_DIR", home);
    command.arg("--insecure-policy");
    command
}
