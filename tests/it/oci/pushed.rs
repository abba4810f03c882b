//! Images that go to a registry, and those that other programs have put there.

use super::{Layer, layout, output};
use crate::pack::tools::Podman;
use crate::registry::server::Registry;
use crate::support::boxes::BOX;
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, requires};

#[test]
fn what_was_pulled_is_pushed_byte_for_byte_and_not_sent_twice() {
    requires!(userns, subid, overlay, fixtures, docker_registry, skopeo);
    let env = TestEnvironment::new();
    let (mut registry, mut other) = (Registry::open(), Registry::open());
    registry.fill(&layout([Layer::new().file("opt", "one").tar()]).source("image"), "x:1");
    let name = registry.reference("x:1").to_string();
    env.envbox(["image", "pull", &name]).succeeds();
    let sent = |registry: &mut Registry| registry.asked().iter().filter(|line| line.starts_with("PUT ")).count();

    // To another repository of the same registry: it takes over what it has, the manifest comes last.
    let _ = registry.asked();
    let near = registry.reference("team/y:2").to_string();
    let pushed = env.envbox(["image", "push", &name, &near]).succeeds().stdout;
    assert_eq!(sent(&mut registry), 1);

    // To another registry: two layers, the config, the manifest; and the second time the manifest alone.
    let far = other.reference("y:2").to_string();
    assert_eq!(digest(&env.envbox(["image", "push", &name, &far]).succeeds().stdout), digest(&pushed));
    assert_eq!(sent(&mut other), 4);
    env.envbox(["image", "push", &name, &far]).succeeds();
    assert_eq!(sent(&mut other), 1);

    let elsewhere = TestEnvironment::new();
    for place in [near, far] {
        assert_eq!(output(&elsewhere, &place, "cat /opt"), "one");
    }
    assert!(env.envbox(["image", "inspect", &name]).succeeds().stdout.contains(&digest(&pushed)));
}

/// The digest that a line ends in.
fn digest(line: &str) -> String {
    line.trim_end().rsplit_once('@').unwrap().1.to_owned()
}

#[test]
fn what_was_made_here_is_pushed_and_podman_runs_it() {
    requires!(userns, subid, overlay, fixtures, docker_registry, podman, runc);
    let env = TestEnvironment::new();
    let registry = Registry::open();
    let tar = env.image(Rootfs::busybox().file("opt/greeting", 0o644, b"hello").tar());
    env.envbox(["create", BOX, "--image"]).arg(tar).succeeds();
    let (image, name) = (env.images().remove(0), registry.reference("made:1").to_string());
    let podman = Podman::new(&env);
    for compression in ["gzip", "zstd"] {
        env.envbox(["image", "push", &image, &name, "--compression", compression]).succeeds();
        podman.run(&["pull", "-q", "--tls-verify=false", &name]);
        assert_eq!(podman.container(&name, &["cat", "/opt/greeting"]), "hello");
        podman.run(&["rmi", "--all", "--force"]);
    }
}

#[test]
fn a_layer_that_leans_on_those_below_is_packed_like_any_other() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    // The first says nothing of the directory that it is in, the second links to what only the layer below has.
    let implied = Layer::new().file("implied/file", "one").tar();
    let linked = Layer::new().link("opt/linked", "implied/file").tar();
    let layout = layout([implied, linked]);
    let script = "cat /implied/file /opt/linked";
    let from = layout.path().display().to_string();
    env.envbox(["image", "load", &from, "--name", "localhost/stacked:1"]).succeeds();
    assert_eq!(output(&env, "localhost/stacked:1", script), "oneone");
    env.envbox(["image", "save", "localhost/stacked:1", "--output", "x.docker.tar"]).succeeds();
    let elsewhere = TestEnvironment::new();
    elsewhere.envbox(["image", "load"]).arg(env.path("home/x.docker.tar")).succeeds();
    assert_eq!(output(&elsewhere, "localhost/stacked:1", script), "oneone");
}

#[test]
fn a_push_goes_only_where_somebody_has_said() {
    requires!(userns, subid, fixtures);
    let env = TestEnvironment::new();
    let tar = env.image(Rootfs::busybox().tar());
    env.envbox(["create", BOX, "--image"]).arg(tar).succeeds();
    let image = env.images().remove(0);
    let outcome = env.envbox(["image", "push", &image]).exits(125);
    assert!(outcome.stderr.contains("does not say where"), "{}", outcome.stderr);
    let outcome = env.envbox(["image", "push", &image, "127.0.0.1:1/x"]).exits(125);
    assert!(outcome.stderr.contains("127.0.0.1:1"), "{}", outcome.stderr);
}

#[test]
fn images_that_others_made_run() {
    requires!(userns, subid, overlay, fixtures, docker_registry, skopeo, umoci, buildah);
    let env = TestEnvironment::new();
    let registry = Registry::open();
    std::fs::write(env.path("home/base.tar"), Rootfs::busybox().tar()).unwrap();
    std::fs::write(env.path("home/top.tar"), Layer::new().file("opt", "umoci").tar()).unwrap();

    let layout = "layout:image";
    env.tool(&["umoci", "init", "--layout", "layout"]);
    env.tool(&["umoci", "new", "--image", layout]);
    for layer in ["base.tar", "top.tar"] {
        env.tool(&["umoci", "raw", "add-layer", "--image", layout, layer]);
    }
    env.tool(&["umoci", "config", "--image", layout, "--config.cmd", "cat", "--config.cmd", "/opt"]);
    registry.fill(&format!("oci:{}:image", env.path("home/layout").display()), "umoci:1");
    let name = registry.reference("umoci:1").to_string();
    assert_eq!(env.envbox(["run", "--rm", &name]).succeeds().stdout, "umoci");

    let name = registry.reference("buildah:1").to_string();
    let words = |words: &str| {
        let run = env.path("b");
        format!("buildah --storage-driver vfs --root {0}/root --runroot {0}/run {words}", run.display())
    };
    let script = format!(
        "set -e; c=$({}); {}; {}; {}; {}",
        words("from scratch"),
        words("add -q $c base.tar /"),
        words("config --cmd pwd --env A=b --workingdir /bin $c"),
        words("commit -q $c made"),
        words(&format!("push -q --tls-verify=false made docker://{name}")),
    );
    env.tool(&["sh", "-c", &script]);
    assert_eq!(env.envbox(["run", "--rm", &name]).succeeds().stdout, "/bin\n");
    assert_eq!(output(&env, &name, "echo $A"), "b\n");
}
