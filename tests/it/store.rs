//! The store: images, what is shared, what goes and what stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::boxes::{BOX, busybox, eventually};
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, envbox, requires};

mod damage;
mod garbage;

/// The output of a command, as JSON.
fn json(env: &TestEnvironment, args: &[&str]) -> Value {
    serde_json::from_slice(&env.envbox(args).succeeds().bytes).unwrap()
}

fn images(env: &TestEnvironment) -> Vec<Value> {
    json(env, &["image", "list", "--json"]).as_array().unwrap().clone()
}

fn count(env: &TestEnvironment, dir: &str) -> usize {
    fs::read_dir(env.path("data/envbox").join(dir)).unwrap().count()
}

/// A tarball of BusyBox and a file that no other has.
fn tarball(env: &TestEnvironment, name: &str) -> PathBuf {
    let path = env.path(&format!("{name}.tar"));
    fs::write(&path, Rootfs::busybox().file("own", 0o644, name.as_bytes()).tar()).unwrap();
    path
}

fn create(env: &TestEnvironment, name: &str, image: &Path) {
    env.envbox(["create", name, "--image"]).arg(image).succeeds();
}

#[test]
fn an_image_is_listed_inspected_tagged_and_removed() {
    requires!(userns, subid, fixtures);
    let env = busybox();
    let rows = images(&env);
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["boxes"], &rows[0]["layers"]), (&json!([BOX]), &json!(1)));
    assert!(rows[0]["size"].as_u64().unwrap() > 1 << 19, "{rows:?}");
    let digest = rows[0]["digest"].as_str().unwrap().to_owned();
    let short = &digest["sha256:".len()..][..12];

    let table = env.envbox(["image", "list"]).succeeds().stdout;
    let line = table.lines().nth(1).unwrap();
    assert!(line.starts_with("rootfs.tar ") && line.contains(short), "{table}");

    for name in ["rootfs.tar", &digest, short, env.path("rootfs.tar").to_str().unwrap()] {
        assert_eq!(json(&env, &["image", "inspect", "--json", name])[0]["digest"], digest.as_str(), "{name}");
    }
    let text = env.envbox(["image", "inspect", "rootfs.tar"]).succeeds().stdout;
    assert!(text.contains("trust:") && text.contains(&digest) && text.contains("boxes:      b\n"), "{text}");

    env.envbox(["image", "tag", "rootfs.tar", "registry.example/team/base:1"]).succeeds();
    env.envbox(["image", "tag", short, "Not A Name"]).exits(125);
    assert_eq!(images(&env).len(), 2);
    env.envbox(["image", "inspect", "registry.example/team/base:1"]).succeeds();
    let outcome = env.envbox(["image", "rm", "rootfs.tar", "none"]).exits(125);
    assert!(outcome.stderr.contains("no image named `none`"), "{}", outcome.stderr);
    assert_eq!(images(&env).len(), 2, "all or none");

    let outcome = env.envbox(["image", "rm", "rootfs.tar"]).succeeds();
    assert!(outcome.stderr.contains("stays: the box b has it"), "{}", outcome.stderr);
    env.envbox(["image", "rm", short]).succeeds();
    let rows = images(&env);
    assert_eq!((rows.len(), &rows[0]["name"], &rows[0]["boxes"]), (1, &Value::Null, &json!([BOX])));
    assert!(env.envbox(["image", "list"]).succeeds().stdout.lines().nth(1).unwrap().starts_with("-  "));
    env.run(["true"]).succeeds();
    env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
    env.envbox(["image", "prune"]).succeeds();
    assert_eq!((images(&env).len(), count(&env, "layers/sha256"), count(&env, "refs")), (0, 0, 0));
    assert_eq!(env.staged().len(), 0);
}

#[test]
fn an_image_that_nobody_else_needs_goes_at_once() {
    requires!(userns, subid, fixtures);
    let env = busybox();
    create(&env, "other", &tarball(&env, "other"));
    env.envbox(["rm", "--yes", "other"]).succeeds();
    let outcome = env.envbox(["image", "rm", "other.tar"]).succeeds();
    assert!(outcome.stdout.starts_with("image ") && outcome.stdout.contains("layers: 1, "), "{outcome:?}");
    assert_eq!((images(&env).len(), count(&env, "layers/sha256")), (1, 1));
    let outcome = env.envbox(["image", "rm", "other.tar"]).exits(125);
    assert!(outcome.stderr.contains("envbox image list"), "{}", outcome.stderr);
    env.envbox(["image", "rm", "--force", "other.tar"]).succeeds();
}

#[test]
fn names_of_images_are_completed() {
    requires!(userns, subid, fixtures);
    let env = busybox();
    env.envbox(["image", "tag", "rootfs.tar", "alpine:3.20"]).succeeds();
    let complete = |words: &[&str]| {
        let words = ["__complete", "--"].iter().chain(words);
        env.envbox(words).succeeds().stdout.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["image", "rm", ""]), ["alpine:3.20", "rootfs.tar"]);
    assert_eq!(complete(&["image", "inspect", "alpine:3"]), ["alpine:3.20"]);
    assert_eq!(complete(&["create", "x", "--image", "alp"]), ["alpine:3.20", ":files"]);
}

#[test]
fn files_that_two_layers_have_are_one_on_the_disk() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    create(&env, "other", &tarball(&env, "other"));
    let usage = json(&env, &["image", "df", "--json"]);
    let of = |name: &str| {
        let images = usage["images"].as_array().unwrap();
        let image = images.iter().find(|image| image["names"][0].as_str().unwrap().contains(name)).unwrap();
        ["size", "shared", "private"].map(|what| image[what].as_u64().unwrap())
    };
    let [size, shared, private] = of("rootfs.tar");
    assert!(shared > 1 << 19 && private < shared && size == shared + private, "{usage}");
    assert!(usage["layers"]["bytes"].as_u64().unwrap() < size + of("other.tar")[2] + shared, "{usage}");
    assert_eq!(usage["garbage"]["count"], 0);

    // They go apart as soon as one of them is written to, and verifying finds nothing amiss.
    env.run(["sh", "-c", "sudo sh -c 'echo changed >> /bin/busybox'"]).succeeds();
    env.envbox(["run", "other", "--", "sh", "-c", "! tail -c 8 /bin/busybox | grep changed"]).succeeds();
    env.envbox(["image", "verify"]).succeeds();
    // One of them goes, and the other stays whole.
    env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
    env.envbox(["image", "rm", "rootfs.tar"]).succeeds();
    env.envbox(["image", "verify"]).succeeds();
    env.envbox(["run", "other", "--", "true"]).succeeds();
    assert_eq!(json(&env, &["image", "df", "--json"])["images"][0]["shared"], 0);
}

#[test]
fn nothing_is_shared_where_that_is_not_wanted() {
    requires!(userns, subid, fixtures);
    let env = busybox();
    let other = tarball(&env, "other");
    env.envbox(["create", "other", "--image"]).arg(other).env("ENVBOX_NO_SHARE", "1").succeeds();
    env.envbox(["create", "flag", "--no-share", "--image"]).arg(tarball(&env, "flag")).succeeds();
    for image in json(&env, &["image", "df", "--json"])["images"].as_array().unwrap() {
        assert_eq!(image["shared"], 0, "{image}");
    }
}

fn start(env: &TestEnvironment, words: &[&str]) -> Child {
    let mut command = env.command(envbox());
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}
