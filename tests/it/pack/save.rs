//! `envbox image save`, and what other programs make of it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use envbox::image::{Digest, Image, Provenance};

use super::described::{Tree, assert_same, described};
use super::tools::{Podman, seen_here};
use super::trees::{EVERYTHING, gnu_tar, seen_by_gnu_tar, tree};
use crate::support::boxes::BOX;
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, requires};
use crate::unpack::harness::work_at;
use crate::unpack::work::Work;

/// What the images are called.
const NAME: &str = "example.org/some/image:1.0";

/// An environment with one image of this tarball, its digest, and its layer's.
fn with_image(tar: Vec<u8>) -> (TestEnvironment, String, Digest) {
    let env = TestEnvironment::new();
    let layer = Digest::of(&tar);
    let tar = env.image(tar);
    env.envbox(["create", BOX, "--image"]).arg(tar).succeeds();
    let image = env.images().remove(0);
    (env, image, layer)
}

/// Saves an image in each form; what was written, as skopeo names it.
fn saved(env: &TestEnvironment, image: &str) -> Vec<(&'static str, String)> {
    let at = |path: &str| env.path(path).display().to_string();
    let mut places = Vec::new();
    for (path, transport, compression) in [
        ("home/layout", "oci", "gzip"),
        ("home/zstd", "oci", "zstd"),
        ("home/plain.tar", "oci-archive", "none"),
        ("home/oci.tar", "oci-archive", "gzip"),
        ("home/docker.tar", "docker-archive", "none"),
        ("home/docker-gzip.tar", "docker-archive", "gzip"),
    ] {
        let words = ["image", "save", image, "--name", NAME, "--compression", compression, "--output", &at(path)];
        env.envbox(words).succeeds();
        places.push((transport, at(path)));
    }
    places
}

fn everything() -> Vec<u8> {
    gnu_tar(&tree(EVERYTHING).root())
}

#[test]
fn skopeo_reads_every_form() {
    requires!(userns, subid, setfattr, skopeo);
    let (env, image, _) = with_image(everything());
    let mut configs = Vec::new();
    for (index, (transport, path)) in saved(&env, &image).iter().enumerate() {
        let place = format!("{transport}:{path}");
        let config = env.tool(&["skopeo", "inspect", "--config", "--raw", &place]);
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        configs.push(config["rootfs"].clone());
        // Copying reads every blob and holds it to its digest.
        env.tool(&["skopeo", "copy", "--quiet", &place, &format!("oci:copy{index}:x")]);
        assert_eq!(env.images().len(), 1);
    }
    assert!(configs.windows(2).all(|pair| pair[0] == pair[1]), "{configs:?}");
    let raw = env.tool(&["skopeo", "inspect", "--raw", &format!("oci:{}:1.0", env.path("home/layout").display())]);
    assert!(String::from_utf8(raw).unwrap().contains("tar+gzip"));
}

#[test]
fn umoci_unpacks_what_was_packed() {
    requires!(userns, subid, setfattr, umoci);
    let (env, image, _) = with_image(everything());
    for (transport, path) in saved(&env, &image) {
        // It knows neither archives nor, in this version, zstd.
        if transport == "oci" && !path.ends_with("zstd") {
            let into = env.path("home/unpacked");
            env.tool(&["umoci", "unpack", "--rootless", "--image", &format!("{path}:1.0"), &into.to_string_lossy()]);
            assert_eq!(fs::read_to_string(into.join("rootfs/d/f")).unwrap(), "hi\n");
        }
    }
}

#[test]
fn umoci_unpacks_the_same_tree_as_root() {
    requires!(root, userns, setfattr, umoci);
    let (env, image, layer) = with_image(everything());
    let layout = env.path("home/layout");
    env.envbox(["image", "save", &image, "--name", NAME, "--output"]).arg(&layout).succeeds();
    let into = env.path("home/unpacked");
    env.tool(&["umoci", "unpack", "--image", &format!("{}:1.0", layout.display()), &into.to_string_lossy()]);
    let ours = seen_by_gnu_tar(&env.layer(&layer.hex()));
    same(&ours, &seen_here(&env, &into.join("rootfs")));
}

#[test]
fn podman_loads_the_same_tree() {
    requires!(userns, subid, setfattr, podman);
    podman_loads();
}

#[test]
fn podman_loads_the_same_tree_as_root() {
    requires!(root, userns, setfattr, podman);
    podman_loads();
}

fn podman_loads() {
    let (env, image, layer) = with_image(everything());
    let ours = seen_by_gnu_tar(&env.layer(&layer.hex()));
    let podman = Podman::new(&env);
    for (transport, path) in saved(&env, &image) {
        // In a layout podman sees tags, and its own name for the image is of small letters: the path as it is from here.
        let file = Path::new(&path).file_name().unwrap().to_string_lossy();
        let name = if transport == "oci" { format!("oci:{file}:1.0") } else { path.clone() };
        let loaded =
            if transport == "oci" { podman.run(&["pull", "-q", &name]) } else { podman.run(&["load", "-i", &name]) };
        if transport == "docker-archive" {
            assert!(loaded.contains(NAME), "{loaded}");
        }
        let id = loaded.split_whitespace().last().unwrap();
        same(&ours, &podman.seen_by_gnu_tar(id));
        podman.run(&["rmi", "--all", "--force"]);
    }
}

/// Neither program leaves the root directory's own time as it is.
#[track_caller]
fn same(ours: &Tree, theirs: &Tree) {
    let without_root = |tree: &Tree| {
        let mut tree = tree.clone();
        let root = tree.remove("").unwrap();
        assert!(root.starts_with("Directory 755 0:0 "), "{root}");
        tree
    };
    assert_same(&without_root(ours), &without_root(theirs));
}

#[test]
fn what_is_saved_twice_is_the_same() {
    requires!(userns, subid, setfattr);
    let tar = everything();
    let (env, image, _) = with_image(tar.clone());
    let (other_env, other_image, _) = with_image(tar);
    let stream = |env: &TestEnvironment, image: &str, format: &str| {
        env.envbox(["image", "save", image, "--name", NAME, "--format", format, "-o", "-"]).succeeds().bytes
    };
    for format in ["oci-archive", "docker-archive"] {
        let first = stream(&env, &image, format);
        assert!(first.len() > 100_000 && first == stream(&env, &image, format), "{format}");
        assert!(first == stream(&other_env, &other_image, format), "{format}");
    }
}

#[test]
fn envbox_makes_the_same_tree_of_it_again() {
    requires!(userns, subid, setfattr);
    let (env, image, layer) = with_image(everything());
    let out = env.path("home/x.docker.tar");
    env.envbox(["image", "save", &image, "-o"]).arg(&out).succeeds();
    let mut tar = Vec::new();
    for entry in tar::Archive::new(File::open(&out).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().extension().is_some_and(|ending| ending == "tar") {
            entry.read_to_end(&mut tar).unwrap();
        }
    }
    let (again, _, same_layer) = with_image(tar);
    assert_same(&seen_by_gnu_tar(&env.layer(&layer.hex())), &seen_by_gnu_tar(&again.layer(&same_layer.hex())));
}

#[test]
fn what_a_layer_removes_is_gone_elsewhere() {
    requires!(userns, subid, fixtures, setfattr, umoci);
    let (env, _, lower) =
        with_image(Rootfs::busybox().file("opt/old", 0o644, b"x").file("opt/deep/old", 0o644, b"x").tar());
    let upper = Digest::of(b"the upper layer");
    fs::create_dir_all(env.layer(&upper.hex())).unwrap();
    let script = "mkdir bin opt; mknod bin/ls c 0 0; echo new > opt/new; setfattr -n user.overlay.opaque -v y opt
        chown 0:0 . bin opt; chmod 755 .";
    work_at::<()>(&env.layer(&upper.hex()), &Work::Shell { script: script.to_owned() }).unwrap();
    let image = put(&env, &Image::new(vec![lower, upper], provenance()));
    let layout = env.path("home/layout");
    env.envbox(["image", "save", &image, "--output"]).arg(&layout).succeeds();
    let into = env.path("home/unpacked");
    env.tool(&[
        "umoci",
        "unpack",
        "--rootless",
        "--image",
        &format!("{}:latest", layout.display()),
        &into.to_string_lossy(),
    ]);
    let there = |path: &str| into.join("rootfs").join(path).symlink_metadata().is_ok();
    assert!(there("bin/sh") && !there("bin/ls") && there("opt/new"));
    assert!(!there("opt/old") && !there("opt/deep") && !there("bin/.wh.ls") && !there("opt/.wh..wh..opq"));
}

pub(super) fn provenance() -> Provenance {
    Provenance { origin: "a test".into(), trust: "none".into(), title: "test".into() }
}

/// Puts an image into the store, as if it had been made there.
pub(super) fn put(env: &TestEnvironment, image: &Image) -> String {
    let digest = image.digest();
    fs::write(env.path(&format!("data/envbox/images/sha256/{}.json", digest.hex())), image.to_json()).unwrap();
    digest.to_string()
}

#[test]
fn the_name_says_what_to_write_and_nothing_half_is_left() {
    requires!(userns, subid, fixtures);
    let (env, image, _) = with_image(Rootfs::busybox().tar());
    let home = env.path("home");
    let save = |words: &[&str]| env.envbox([&["image", "save"], words].concat());
    let names = |path: &Path| described(File::open(path).unwrap()).into_keys().collect::<Vec<_>>();
    save(&[&image, "-o", "a.tar"]).succeeds();
    assert!(names(&home.join("a.tar")).contains(&"oci-layout".to_owned()));
    save(&[&image, "-o", "a.docker.tar"]).succeeds();
    assert!(names(&home.join("a.docker.tar")).contains(&"manifest.json".to_owned()));
    // An empty directory is as good as none; a file is written over.
    fs::create_dir(home.join("layout")).unwrap();
    save(&[&image, "-o", "layout/"]).succeeds();
    assert!(home.join("layout/index.json").is_file());
    save(&[&image, "-o", "a.tar", "--compression", "zstd"]).succeeds();
    let before = fs::read_dir(&home).unwrap().count();

    for (words, expected) in [
        (&["sha256:00", "-o", "x.tar"][..], "there is no image"),
        (&["nothing", "-o", "x.tar"], "there is no image"),
        (&[&*image, "-o", "layout"], "is there already"),
        (&[&image, "-o", "a.tar", "--format", "oci"], "is there already"),
        (&[&image, "-o", "x.tar.gz"], "compressed already"),
        (&[&image, "-o", "none/x.tar"], "No such file"),
        (&[&image, "-o", "/dev/full", "--format", "oci-archive"], "No space left"),
        (&[&image, "-o", "-", "--format", "oci"], "standard output"),
    ] {
        let outcome = save(words).exits(125);
        assert!(outcome.stderr.contains(expected), "{words:?}: {}", outcome.stderr);
    }
    assert_eq!(fs::read_dir(&home).unwrap().count(), before);
    let fed = env
        .command("sh")
        .args(["-c", "\"$0\" image save \"$1\" -q -o - | head -c 10 | wc -c"])
        .arg(crate::support::envbox())
        .arg(&image)
        .output()
        .unwrap();
    assert_eq!((String::from_utf8_lossy(&fed.stdout).trim(), &*String::from_utf8_lossy(&fed.stderr)), ("10", ""));
}

#[test]
fn a_name_that_a_layer_cannot_have_is_an_error() {
    requires!(userns, subid, fixtures);
    let (env, image, _) = with_image(Rootfs::busybox().file("etc/.wh.passwd", 0o644, b"").tar());
    let outcome = env.envbox(["image", "save", &image, "-o", "x.tar"]).exits(125);
    assert!(outcome.stderr.contains("`etc/.wh.passwd` cannot be in a layer"), "{}", outcome.stderr);
    assert_eq!(fs::read_dir(env.path("home")).unwrap().count(), 0);
}
