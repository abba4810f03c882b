//! `create`, `list`, `stop` and `rm`.

use std::fs;

use serde_json::{Value, json};

use crate::support::boxes::{BOX, busybox, eventually, long_sleep, sleepers, with_box};
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, requires};

fn list(env: &TestEnvironment) -> Vec<Value> {
    serde_json::from_slice(&env.envbox(["list", "--json"]).succeeds().bytes).unwrap()
}

#[test]
fn a_user_without_boxes_has_an_empty_list() {
    let env = TestEnvironment::new();
    assert_eq!(list(&env), Vec::<Value>::new());
    let outcome = env.envbox(["stop", BOX]).exits(125);
    assert!(outcome.stderr.contains("there is no box named `b`"), "{}", outcome.stderr);
    env.envbox(["stop", "--all"]).succeeds();
    env.envbox(["rm", "--all", "--yes"]).succeeds();
}

#[test]
fn what_is_named_and_not_there_is_named_in_the_error() {
    let env = TestEnvironment::new();
    let nowhere = |words: &[&str]| env.envbox(words).exits(125).stderr;
    for (words, said) in [
        (&["logs", "none"][..], "there is no box named `none`"),
        (&["logs", "none", "db"], "there is no box named `none`"),
        (&["ps", "db"], "there is no service `db`"),
        (&["down", "db"], "there is no service `db`"),
        (&["up", "db"], "there is no service `db`"),
        (&["logs"], "no box was named"),
    ] {
        let stderr = nowhere(words);
        assert!(stderr.contains(said), "{words:?}: {stderr}");
    }
}

#[test]
fn a_box_is_created_listed_run_stopped_and_removed() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let rows = list(&env);
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["name"], &rows[0]["state"]), (&json!("b"), &json!("stopped")));
    assert_eq!(rows[0]["title"], json!("rootfs.tar"));
    assert!(rows[0]["image"].as_str().unwrap().starts_with("sha256:"));

    let outcome = env.envbox(["create", BOX, "--image", "/nonexistent.tar"]).exits(125);
    assert!(outcome.stderr.contains("hint: envbox enter b"), "{}", outcome.stderr);

    env.configure(BOX, "linger: 60");
    env.sh("echo here > /tmp/mine").succeeds();
    assert_eq!(list(&env)[0]["state"], "running");
    assert!(env.envbox(["list"]).succeeds().stdout.contains("running"));
    let outcome = env.envbox(["rm", "--yes", BOX]).exits(125);
    assert!(outcome.stderr.contains("is running") && outcome.stderr.contains("envbox stop b"), "{}", outcome.stderr);
    env.envbox(["stop", BOX]).succeeds();
    assert_eq!(list(&env)[0]["state"], "stopped");
    env.envbox(["stop", BOX]).succeeds();
    assert_eq!(env.run(["cat", "/tmp/mine"]).succeeds().stdout, "here\n", "what was written is kept");

    env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
    assert_eq!(list(&env), Vec::<Value>::new());
    assert_eq!(env.staged(), Vec::<std::path::PathBuf>::new());
    assert!(!env.path("data/envbox/boxes/b").exists());
}

#[test]
fn nothing_is_removed_without_a_yes() {
    requires!(userns, subid, fixtures);
    let env = busybox();
    let outcome = env.envbox(["rm", BOX]).output();
    assert!(!outcome.status.success() && outcome.stderr.contains("--yes"), "{outcome:?}");
    assert_eq!(list(&env).len(), 1);
}

#[test]
fn force_does_not_mind_what_does_not_exist() {
    requires!(userns, subid, fixtures);
    let env = busybox();
    env.envbox(["rm", "--yes", "none", BOX]).exits(125);
    assert_eq!(list(&env).len(), 1, "all or none");
    env.envbox(["rm", "--yes", "--force", "none", BOX, BOX]).succeeds();
    assert_eq!(list(&env), Vec::<Value>::new());
}

#[test]
fn stop_ends_all_that_runs() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let (polite, deaf) = (long_sleep(), long_sleep());
    let script =
        format!("exec >/dev/null 2>&1; sleep {polite} & setsid sh -c 'trap \"\" TERM HUP; sleep {deaf}; :' & sleep 1");
    env.sh(&script).succeeds();
    assert_eq!((sleepers(&polite).len(), sleepers(&deaf).len()), (1, 1));
    env.envbox(["stop", "--time", "1", BOX]).succeeds();
    assert_eq!(list(&env)[0]["state"], "stopped");
    assert_eq!((sleepers(&polite).len(), sleepers(&deaf).len()), (0, 0));
}

#[test]
fn a_session_whose_box_is_stopped_ends() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let seconds = long_sleep();
    let mut session = env.sh_command(&format!("sleep {seconds}; exit 3")).spawn().unwrap();
    eventually("the program runs", || !sleepers(&seconds).is_empty());
    env.envbox(["stop", "--time", "2", BOX]).succeeds();
    let status = session.wait().unwrap();
    assert!(status.code().is_some_and(|code| code > 128 || code == 3), "{status}");
    assert_eq!(env.keeper(), None);
}

#[test]
fn a_damaged_box_is_shown_and_can_be_removed() {
    requires!(userns, subid, fixtures);
    let env = busybox();
    for (line, said) in [("lingr: 3", ":2:1: there is no key `lingr`"), ("stop_signal: 99", ":2:14: `99` is no signal")]
    {
        fs::write(env.path("data/envbox/boxes/b/box.yaml"), format!("from: x\n{line}\n")).unwrap();
        assert_eq!(list(&env)[0]["state"], "damaged");
        let outcome = env.run(["true"]).exits(125);
        assert!(outcome.stderr.contains(&format!("box.yaml{said}")), "{}", outcome.stderr);
    }
    env.envbox(["rm", "--yes", BOX]).succeeds();
    assert_eq!(list(&env), Vec::<Value>::new());
}

#[test]
fn a_second_box_costs_next_to_nothing() {
    requires!(userns, subid, fixtures);
    let env = busybox();
    let image = env.path("rootfs.tar");
    env.envbox(["create", "second", "--image"]).arg(image).succeeds();
    let mut bytes = 0;
    for entry in walk(&env.path("data/envbox/boxes/second")) {
        bytes += std::os::unix::fs::MetadataExt::blocks(&fs::symlink_metadata(entry).unwrap()) * 512;
    }
    assert!(bytes <= 64 << 10, "{bytes} bytes");
    let layers = fs::read_dir(env.path("data/envbox/layers/sha256")).unwrap().count();
    assert_eq!(layers, 1);
}

fn walk(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![path.to_owned()];
    if path.is_dir() {
        found.extend(fs::read_dir(path).unwrap().flat_map(|entry| walk(&entry.unwrap().path())));
    }
    found
}

#[test]
fn the_longest_name_works_where_the_data_directory_is_deep() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(Rootfs::busybox().tar());
    let (name, deep) = ("n".repeat(64), env.path(&format!("data/{}", "d".repeat(200))));
    fs::create_dir(&deep).unwrap();
    env.envbox(["create", &name, "--image"]).arg(env.path("rootfs.tar")).env("XDG_DATA_HOME", &deep).succeeds();
    let outcome = env.envbox(["run", &name, "--", "hostname"]).env("XDG_DATA_HOME", &deep).succeeds();
    assert_eq!(outcome.stdout.trim(), name);
    assert!(!outcome.stderr.contains("fuse-overlayfs"), "{}", outcome.stderr);
    env.envbox(["rm", "--yes", "--force", &name]).env("XDG_DATA_HOME", &deep).succeeds();
}

#[test]
fn run_with_rm_leaves_nothing() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let image = env.image(Rootfs::busybox().tar());
    let run = |script| env.envbox(["run", "--rm"]).arg(&image).arg("--").arg("sh").arg("-c").arg(script);
    run("echo x > /tmp/x; exit 7").exits(7);
    run("test ! -e /tmp/x").succeeds();
    assert_eq!(list(&env), Vec::<Value>::new());
    assert_eq!(env.staged(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_image_that_is_run_gets_a_box_of_its_name() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let image = env.image(Rootfs::busybox().tar());
    env.envbox(["run"]).arg(&image).arg("--").arg("touch").arg("/tmp/x").succeeds();
    env.envbox(["run", "rootfs", "--", "test", "-e", "/tmp/x"]).succeeds();
    env.envbox(["run"]).arg(&image).arg("--").arg("test").arg("-e").arg("/tmp/x").succeeds();
    assert_eq!(list(&env).len(), 1);
}

#[test]
fn without_range_there_is_one_error_with_both_remedies() {
    requires!(no_range);
    let env = TestEnvironment::new();
    let image = env.image(Rootfs::busybox().tar());
    let outcome = env.envbox(["create", "b", "--image"]).arg(&image).exits(125);
    for file in ["/etc/subuid", "/etc/subgid"] {
        assert!(outcome.stderr.contains(&format!("hint: add this line to {file}, as root: ")), "{}", outcome.stderr);
    }
    assert_eq!(outcome.stderr.matches("error: ").count(), 1, "{}", outcome.stderr);
}
