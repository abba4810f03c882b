//! Packages that only the system's own package manager can fetch: their versions are locked, and compared.

use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex};

use crate::build::Project;
use crate::source::server::{Answer, Server};
use crate::support::requires;
use crate::support::rootfs::Rootfs;

/// A package manager: `list`, and `install NAME[=VERSION]…` from an index of `NAME VERSION NEEDS…` lines, the newest last.
const PKG: &str = r#"#!/bin/sh
set -eu
db=/var/lib/pkg
install() {
    line=$(grep "^${1%%=*} ${2:+$2( |\$)}" -E /tmp/index | tail -n 1)
    [ -n "$line" ] || { echo "nobody has $1"; exit 1; }
    set -- $line
    [ -e $db/$1 ] && [ "$(cat $db/$1)" = $2 ] || echo $2 >$db/$1
    shift 2
    for need; do [ -e $db/$need ] || install $need; done
}
mkdir -p $db
[ $1 = install ] || { cd $db; for name in *; do [ ! -e $name ] || echo "$name $(cat $name)"; done; exit; }
shift
wget -q -O /tmp/index http://ADDRESS/index
for want; do
    version=${want#*=}
    [ "$version" != "$want" ] || version=
    install "$want" "$version"
done
"#;

struct Site {
    project: Project,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    _server: Server,
}

impl Site {
    fn new() -> Self {
        let files: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let served = Arc::clone(&files);
        let server = Server::start(move |asked| match served.lock().unwrap().get(&asked.path) {
            Some(content) => Answer::File(content.clone()),
            None => Answer::Status(404, vec![]),
        });
        let url = server.url("");
        let pkg = PKG.replace("ADDRESS", url.trim_start_matches("http://").trim_end_matches('/'));
        let root = Rootfs::busybox_without(&["etc/os-release", "usr/lib/os-release"]);
        let root = root.file("bin/pkg", 0o755, pkg.as_bytes()).file("etc/os-release", 0o644, b"ID=pkgsystem\n");
        let project = Project::new("packages: [tool]\n");
        fs::write(project.path("rootfs.tar"), root.tar()).unwrap();
        let site = Self { project, files, _server: server };
        site.recipe(Some("="));
        site
    }

    fn recipe(&self, exact: Option<&str>) {
        let recipes = self.project.env.path("config/envbox/recipes");
        fs::create_dir_all(&recipes).unwrap();
        let recipe = serde_json::json!({
            "name": "pkgsystem", "title": "System", "versions": [{ "name": "1", "default": true }],
            "architectures": { "x86_64": "x86_64", "aarch64": "aarch64" },
            "sources": [{ "oci": { "image": "registry.example/none:1" } }],
            "packages": { "install": ["pkg", "install"], "versions": ["pkg", "list"], "exact": exact },
        });
        fs::write(recipes.join("pkgsystem.yaml"), recipe.to_string()).unwrap();
    }

    fn serve(&self, index: &str) {
        self.files.lock().unwrap().insert("/index".to_owned(), index.as_bytes().to_vec());
    }

    fn envbox(&self, words: &[&str]) -> crate::support::Run<'_> {
        self.project.env.envbox(["trust", "--yes"]).dir(self.project.path("")).succeeds();
        self.project.env.envbox(words).dir(self.project.path("")).env("no_proxy", "127.0.0.1")
    }

    fn installed(&self) -> String {
        let built = self.envbox(&["build", "--locked", "--json"]).succeeds().stdout;
        let built: serde_json::Value = serde_json::from_str(&built).unwrap();
        self.project.sh(built["image"].as_str().unwrap(), "pkg list")
    }
}

const OLD: &str = "lib 1.0\ntool 1.0 lib\n";
const BOTH: &str = "lib 1.0\ntool 1.0 lib\nlib 2.0\ntool 2.0 lib\n";
const NEW: &str = "lib 2.0\ntool 2.0 lib\n";

#[test]
fn versions_are_locked_as_they_came() {
    requires!(userns, subid, overlay);
    let site = Site::new();
    site.serve(OLD);
    assert_eq!(site.envbox(&["lock"]).succeeds().stdout, "main: ./rootfs.tar, 2 packages\n");
    let lock = fs::read_to_string(site.project.path("envbox.lock")).unwrap();
    assert!(lock.contains("manager: pkg") && lock.contains("{name: lib, version: \"1.0\"}"), "{lock}");
    site.serve(BOTH);
    assert_eq!(site.installed(), "lib 1.0\ntool 1.0\n");
    let upgraded = site.envbox(&["lock", "--upgrade"]).succeeds().stdout;
    assert_eq!(upgraded, "main: ./rootfs.tar, 2 packages, 2 changes\n  ~ lib 1.0 -> 2.0\n  ~ tool 1.0 -> 2.0\n");
    assert_eq!(site.installed(), "lib 2.0\ntool 2.0\n");
    site.serve("lib 1.0\n");
    let nowhere = site.envbox(&["lock", "--upgrade"]).exits(125).stderr;
    assert!(nowhere.contains("step packages: tool failed") && nowhere.contains("nobody has tool"), "{nowhere}");
    site.serve(BOTH);
    let some = site.envbox(&["lock", "--upgrade", "lib"]).exits(125).stderr;
    assert!(some.contains("only be brought up to date as a whole"), "{some}");
}

#[test]
fn versions_that_are_not_to_be_had_are_named() {
    requires!(userns, subid, overlay);
    let site = Site::new();
    site.serve(OLD);
    site.envbox(&["lock"]).succeeds();
    site.serve(NEW);
    let gone = site.envbox(&["build"]).exits(125).stderr;
    assert!(
        gone.contains("nobody has lib=1.0") && gone.contains("hint: ") && gone.contains("lock --upgrade"),
        "{gone}"
    );
    // A package manager that cannot be asked for a version is looked at afterwards.
    site.recipe(None);
    let drifted = site.envbox(&["build"]).exits(125).stderr;
    assert!(drifted.contains("lib is 2.0, and 1.0 is locked; tool is 2.0, and 1.0 is locked"), "{drifted}");
    site.serve("lib 1.0\nextra 1.0\ntool 1.0 lib extra\n");
    let more = site.envbox(&["build"]).exits(125).stderr;
    assert!(more.contains("packages are not as envbox.lock has them: extra 1.0 is not locked"), "{more}");
    site.serve(OLD);
    assert_eq!(site.installed(), "lib 1.0\ntool 1.0\n");
}
