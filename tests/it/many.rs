//! Many at once.

use std::process::{Child, Stdio};

use crate::support::boxes::{BOX, busybox};
use crate::support::rootfs::{Rootfs, alpine};
use crate::support::{TestEnvironment, envbox, requires};

fn all_succeed(children: Vec<Child>) -> Vec<String> {
    let outputs = children.into_iter().map(|child| child.wait_with_output().unwrap());
    outputs
        .map(|output| {
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        })
        .collect()
}

fn start(env: &TestEnvironment, args: &[&str]) -> Child {
    let mut command = env.command(envbox());
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn fifty_runs_in_one_box() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let number = |n: usize| format!("echo {n} | tee /tmp/{n}");
    let runs = (0..50).map(|n| start(&env, &["run", BOX, "--", "sh", "-c", &number(n)])).collect();
    let mut printed: Vec<usize> = all_succeed(runs).iter().map(|text| text.trim().parse().unwrap()).collect();
    printed.sort_unstable();
    assert_eq!(printed, (0..50).collect::<Vec<_>>());
    assert_eq!(env.sh("cat /tmp/[0-9]* | wc -l").succeeds().stdout.trim(), "50");
}

#[test]
fn twenty_boxes_of_one_image() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let image = alpine();
    let names: Vec<String> = (0..20).map(|n| format!("box{n}")).collect();
    let image = image.to_str().unwrap();
    all_succeed(names.iter().map(|name| start(&env, &["create", name, "--image", image])).collect());
    let layers = std::fs::read_dir(env.path("data/envbox/layers/sha256")).unwrap().count();
    assert_eq!(layers, 1);
    all_succeed(names.iter().map(|name| start(&env, &["run", name, "--", "apk", "--version"])).collect());
    let mut removing: Vec<&str> = vec!["rm", "--yes", "--force"];
    removing.extend(names.iter().map(String::as_str));
    env.envbox(&removing).succeeds();
    assert_eq!(env.staged().len(), 0);
}

#[test]
fn boxes_are_created_entered_and_removed_at_once() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let (image, envbox) = (env.path("rootfs.tar"), envbox());
    let script = |n: usize| {
        format!(
            "for i in 1 2 3; do {envbox:?} create t{n} --image {image:?} && {envbox:?} run t{n} -- true \
             && {envbox:?} rm --yes --force t{n} || exit; done"
        )
    };
    let start = |n| {
        let mut command = env.command("sh");
        let command = command.args(["-c", &script(n)]).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    all_succeed((0..6).map(start).collect());
    env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
    assert_eq!(env.staged().len(), 0);
}

#[test]
fn one_of_many_creates_the_box_and_the_others_are_told() {
    requires!(userns, subid, fixtures);
    let env = busybox();
    let image = env.path("rootfs.tar");
    let create = |n: usize| {
        let memory = format!("{n}G");
        start(&env, &["create", "r", "--image", image.to_str().unwrap(), "--memory", &memory])
    };
    let creating: Vec<Child> = (1..=6).map(create).collect();
    let outputs: Vec<_> = creating.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let made: Vec<usize> = (1..=6).filter(|n| outputs[n - 1].status.success()).collect();
    assert_eq!(made.len(), 1, "{outputs:?}");
    for refused in outputs.iter().filter(|output| !output.status.success()) {
        assert_eq!(refused.status.code(), Some(125));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("there is a box named `r` already"), "{refused:?}");
    }
    let config = std::fs::read_to_string(env.path("data/envbox/boxes/r/box.yaml")).unwrap();
    assert!(config.contains(&format!("{}G", made[0])), "{config}");
}

#[test]
fn who_enters_goes_on_with_the_box_that_another_has_made() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let image = env.image(Rootfs::busybox().tar());
    all_succeed((0..4).map(|_| start(&env, &["run", image.to_str().unwrap(), "--", "true"])).collect());
}
