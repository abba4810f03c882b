//! Images at a registry, and several who want them at once.

use std::process::Stdio;
use std::thread;
use std::time::Instant;

use super::{Layer, layers, layout, output};
use crate::registry::server::Registry;
use crate::support::boxes::eventually;
use crate::support::{TestEnvironment, envbox, requires};

#[test]
fn a_reference_is_fetched_once_and_anew_when_pulled() {
    requires!(userns, subid, overlay, fixtures, docker_registry, skopeo);
    let env = TestEnvironment::new();
    let mut registry = Registry::open();
    let image = |content: &str| layout([Layer::new().file("opt", content).tar()]);
    registry.fill(&image("one").source("image"), "x:1");
    let name = registry.reference("x:1").to_string();
    assert_eq!(output(&env, &name, "cat /opt"), "one");
    let _ = registry.asked();
    assert_eq!(output(&env, &name, "cat /opt"), "one");
    assert_eq!(registry.asked(), Vec::<String>::new());
    registry.fill(&image("two").source("image"), "x:1");
    let _ = registry.asked();
    let pulled = env.envbox(["image", "pull", &name]).succeeds().stdout;
    assert!(pulled.starts_with("sha256:"), "{pulled}");
    let blobs = registry.asked().into_iter().filter(|line| line.contains("/blobs/")).count();
    // The config and the one layer that is new.
    assert_eq!(blobs, 2);
    assert_eq!(output(&env, &name, "cat /opt"), "two");
    assert_eq!(layers(&env), 3);
    let missing = registry.reference("none").to_string();
    env.envbox(["run", "--rm", &missing, "--", "true"]).exits(125);
}

#[test]
fn two_at_once_share_the_work() {
    requires!(userns, subid, overlay, fixtures, docker_registry, skopeo);
    let env = TestEnvironment::new();
    let mut registry = Registry::open();
    let common: Vec<Vec<u8>> = (0..8).map(|n| crate::registry::layout::layer(&format!("common{n}"), 1 << 20)).collect();
    for name in ["a", "b"] {
        let own = Layer::new().file("opt", name).tar();
        registry.fill(&layout(common.iter().cloned().chain([own])).source("image"), name);
    }
    let _ = registry.asked();
    let start = |name: &str| {
        let reference = registry.reference(&name[..1]).to_string();
        let mut command = env.command(envbox());
        command.args(["create", name, "--image", &reference]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = ["a", "b", "a2", "b2"].map(|name| (name, start(name)));
    for (name, child) in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
    }
    assert_eq!(layers(&env), 1 + 8 + 2);
    assert_eq!(env.envbox(["run", "b2", "--", "cat", "/opt"]).succeeds().stdout, "b");
    let mut blobs = registry.asked();
    blobs.retain(|line| line.starts_with("GET") && line.contains("/blobs/") && line.ends_with("200"));
    blobs.sort();
    let all = blobs.len();
    blobs.dedup_by_key(|line| line.rsplit('/').next().map(str::to_owned));
    assert_eq!(blobs.len(), all, "fetched twice");
    // Nothing that was staged is left when the next one has come.
    env.envbox(["create", "c", "--image", &registry.reference("a").to_string()]).succeeds();
    env.envbox(["rm", "--yes", "c"]).succeeds();
    assert_eq!(env.staged().len(), 0);
}

#[test]
fn a_pull_is_killed_anywhere_and_repeated() {
    requires!(userns, subid, overlay, fixtures, docker_registry, skopeo);
    const POINTS: u32 = 10;
    let mut registry = Registry::open();
    let own = (0..6).map(|n| crate::registry::layout::layer(&format!("own{n}"), 2 << 20));
    registry.fill(&layout(own).source("image"), "x");
    let name = registry.reference("x").to_string();
    let pull = |env: &TestEnvironment| {
        let mut command = env.command(envbox());
        command.args(["image", "pull", &name]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let began = Instant::now();
    assert!(pull(&TestEnvironment::new()).wait().unwrap().success());
    let whole = began.elapsed();
    for point in 0..POINTS {
        let env = TestEnvironment::new();
        let mut killed = pull(&env);
        thread::sleep(whole * point / POINTS);
        let _ = killed.kill();
        killed.wait().unwrap();
        let there = std::fs::read_dir(env.path("cache/envbox/blobs/sha256")).into_iter().flatten();
        let there: Vec<String> = there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let _ = registry.asked();
        assert_eq!(output(&env, &name, "ls /own* | wc -l"), "6\n", "point {point}");
        let asked = registry.asked();
        let again: Vec<&String> = asked.iter().filter(|line| there.iter().any(|hex| line.contains(&**hex))).collect();
        assert!(again.is_empty(), "point {point}: {again:?}");
        // What the killed one has left goes with the next that makes something.
        eventually("staging is empty", || {
            env.envbox(["create", "z", "--image", &name]).succeeds();
            env.envbox(["rm", "--yes", "z"]).succeeds();
            env.staged().is_empty()
        });
    }
}

#[test]
fn a_bare_word_is_never_asked_for_at_a_registry() {
    requires!(userns, subid, fixtures);
    let env = TestEnvironment::new();
    let outcome = env.envbox(["create", "b", "--image", "debain"]).exits(125);
    assert!(outcome.stderr.contains("no recipe and no file named `debain`"), "{}", outcome.stderr);
}

#[test]
fn an_image_is_known_by_all_the_names_that_are_shown() {
    requires!(userns, subid, overlay, fixtures, docker_registry, skopeo);
    let env = TestEnvironment::new();
    let registry = Registry::open();
    registry.fill(&layout([Layer::new().file("opt", "one").tar()]).source("image"), "x:1");
    let name = registry.reference("x:1").to_string();
    let pulled = env.envbox(["image", "pull", &format!("docker://{name}")]).succeeds();
    assert!(pulled.stderr.contains("nothing vouches for"), "{}", pulled.stderr);
    env.envbox(["image", "tag", &name, "mine"]).succeeds();
    let digest = pulled.stdout.trim_end();
    drop(registry);
    for name in ["mine", "mine:latest", digest, &digest["sha256:".len()..][..12], &name] {
        assert_eq!(output(&env, name, "cat /opt"), "one", "{name}");
        env.envbox(["image", "inspect", name]).succeeds();
    }
    let outcome = env.envbox(["run", "--rm", "mine", "--", "no-such-program"]).exits(127);
    assert!(!outcome.stderr.contains("warning"), "{}", outcome.stderr);
}
