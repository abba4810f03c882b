//! The same lock gives the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Run, TestEnvironment, requires};

const RECIPE: &str = "from: debian:12\npackages: [hello, make]\n";

fn with_proxies(run: Run<'_>) -> Run<'_> {
    let proxy = |name: &str| name.to_ascii_lowercase().ends_with("_proxy");
    std::env::vars().filter(|(name, _)| proxy(name)).fold(run, |run, (name, value)| run.env(&name, value))
}

/// A project of this name in an environment of its own, somewhere else than any other.
fn project(env: &TestEnvironment, dir: &str, lock: Option<&Path>) -> PathBuf {
    let root = env.path(dir).join("proj");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("envbox.yaml"), RECIPE).unwrap();
    if let Some(lock) = lock {
        fs::copy(lock, root.join("envbox.lock")).unwrap();
    }
    root
}

/// Does something in a project whose recipe was agreed to.
fn envbox<'a>(env: &'a TestEnvironment, root: &Path, words: &[&str]) -> Run<'a> {
    env.envbox(["trust", "--yes"]).dir(root).succeeds();
    with_proxies(env.envbox(words).dir(root))
}

/// The digest of the manifest that the built image is saved with: that of every byte of its layers.
fn manifest(env: &TestEnvironment, root: &Path) -> String {
    let built = envbox(env, root, &["build", "--json"]).succeeds().stdout;
    let built: serde_json::Value = serde_json::from_str(&built).unwrap();
    let image = built["image"].as_str().unwrap().to_owned();
    let layout = env.path("layout");
    env.envbox(["image", "save", &image, "--output"]).arg(&layout).succeeds();
    let saved = if layout.is_dir() {
        fs::read(layout.join("index.json")).unwrap()
    } else {
        let read = std::process::Command::new("tar").arg("-xOf").arg(&layout).arg("index.json").output().unwrap();
        assert!(read.status.success(), "{read:?}");
        read.stdout
    };
    let index: serde_json::Value = serde_json::from_slice(&saved).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn two_machines_build_the_same_bytes() {
    requires!(userns, subid, overlay, net);
    let (one, two) = (TestEnvironment::new(), TestEnvironment::new());
    let first = project(&one, "home/a", None);
    envbox(&one, &first, &["lock"]).succeeds();
    let second = project(&two, "home/b/c", Some(&first.join("envbox.lock")));
    assert_eq!(manifest(&one, &first), manifest(&two, &second));
    nothing_is_of_today(&one);
    let ran = one.envbox(["run", "--", "sh", "-c", "hello; dpkg --audit; apt-mark showmanual"]).dir(&first).succeeds();
    let (hello, rest) = ran.stdout.split_once('\n').unwrap();
    assert_eq!(hello, "Hello, world!");
    let manual: Vec<&str> = rest.lines().collect();
    assert!(manual.contains(&"make") && manual.contains(&"hello") && !manual.contains(&"libguile-3.0-1"), "{manual:?}");
}

/// Two builds a few seconds apart could both have the day in a file. So no file may be newer than the lock's lists, which
/// were made on another day, and no text may have the day in it.
fn nothing_is_of_today(env: &TestEnvironment) {
    let layers = env.path("data/envbox/layers/sha256");
    assert_eq!(of_today(&layers), "");
    // What is in a layer that should not be there is found.
    let (stamp, shadow) = (layers.join("x/fs/etc/stamp"), layers.join("x/fs/etc/shadow"));
    fs::create_dir_all(stamp.parent().unwrap()).unwrap();
    let today = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86400;
    fs::write(&stamp, "").unwrap();
    fs::write(&shadow, format!("daemon:*:{today}:0:99999:7:::\n")).unwrap();
    std::process::Command::new("touch").args(["--date", "2001-01-01"]).arg(&shadow).status().unwrap();
    let found = of_today(&layers);
    fs::remove_dir_all(layers.join("x")).unwrap();
    assert!(found.lines().any(|line| line == "x/fs/etc/stamp"), "by its time: {found}");
    assert!(found.lines().any(|line| line == "x/fs/etc/shadow"), "by its text: {found}");
}

/// The files in some layers that have today's date, on them or in them.
fn of_today(layers: &Path) -> String {
    let script = "touch -d 'today 00:00' ../../today && find */fs -newer ../../today; day=$(($(date +%s) / 86400)); \
        grep -rIlE \"$(date +%F)|^[a-z_-]+:[^:]*:$day:\" */fs/etc */fs/var 2>/dev/null; true";
    let found = std::process::Command::new("sh").args(["-c", script]).current_dir(layers).output().unwrap();
    String::from_utf8(found.stdout).unwrap()
}

/// The layers of a lock name the archive itself, and it may be out of reach where the machine has a mirror of its own.
#[test]
fn a_new_box_asks_the_mirror_of_its_machine() {
    requires!(userns, subid, overlay, net);
    let env = TestEnvironment::new();
    let root = project(&env, "home/a", None);
    fs::write(root.join("envbox.yaml"), "from: debian:12\nhome: private\n").unwrap();
    envbox(&env, &root, &["lock"]).succeeds();
    let sh = |script: &str| envbox(&env, &root, &["run", "--", "sh", "-c", script]);
    let installs = "sudo apt-get update && sudo apt-get install --yes hello && hello";
    let said = sh(installs).succeeds().stdout;
    assert!(said.ends_with("Hello, world!\n"), "{said}");
    let list = "/etc/apt/sources.list.d/debian.sources";
    // After that it is the user's file.
    sh(&format!("sudo sed -i 's,^URIs: .*,URIs: http://ftp.debian.org/debian,' {list}")).succeeds();
    env.envbox(["stop"]).dir(&root).succeeds();
    let uris = sh(&format!("grep ^URIs: {list} | sort --unique")).succeeds().stdout;
    assert_eq!(uris, "URIs: http://ftp.debian.org/debian\n");
}
