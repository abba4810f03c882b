//! What a step sees, who it is, and what becomes of what it leaves.

use std::fs;

use super::Project;
use crate::support::requires;

/// The steps' output, which `-v` shows.
#[track_caller]
fn output(project: &Project) -> String {
    project.build().args(["-v"]).succeeds().stderr
}

#[test]
fn a_step_has_no_network_unless_it_asks() {
    requires!(userns, subid, overlay);
    let host = fs::read_link("/proc/self/ns/net").unwrap();
    let project =
        Project::new("setup: ['readlink /proc/self/ns/net; grep -c [:] /proc/net/dev; ping -c 1 127.0.0.1']\n");
    let said = output(&project);
    assert!(said.contains("net:[") && !said.contains(host.to_str().unwrap()), "{said}");
    assert!(said.contains("\n1\n") && said.contains("1 packets received"), "{said}");
    project.recipe("setup: [{run: 'readlink /proc/self/ns/net; cat /etc/resolv.conf', network: host}]\n");
    let said = output(&project);
    assert!(said.contains(host.to_str().unwrap()), "{said}");
    // What was provided for that is not in the image.
    let image = project.image(&[]);
    let layers = project.env.envbox(["image", "inspect", &image]).succeeds().stdout;
    assert!(!layers.is_empty());
    let left = fs::read_dir(project.env.path("data/envbox/layers/sha256")).unwrap().flatten();
    for layer in left {
        for name in ["resolv.conf", "hosts"] {
            assert!(!layer.path().join("fs/etc").join(name).exists(), "{}", layer.path().display());
        }
    }
}

#[test]
fn what_a_step_says_of_others_is_in_the_image() {
    requires!(userns, subid, overlay);
    let recipe = "setup:\n  - cat /etc/hosts; echo 192.0.2.1 one >> /etc/hosts\n  \
        - {run: 'echo nameserver 192.0.2.9 > /etc/resolv.conf; echo 192.0.2.2 two >> /etc/hosts', network: host}\n  \
        - sed -i s/two/three/ /etc/hosts\n  - cp /etc/hosts /hosts; cp /etc/resolv.conf /resolv.conf\n";
    let project = Project::new(recipe);
    assert!(output(&project).contains("localhost\n"));
    let image = project.image(&[]);
    let hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost\n192.0.2.1 one\n192.0.2.2 three\n";
    assert_eq!(project.sh(&image, "cat /hosts /resolv.conf"), format!("{hosts}nameserver 192.0.2.9\n"));
}

#[test]
fn a_step_is_root_or_the_user() {
    requires!(userns, subid, overlay);
    let recipe = "setup:\n  - id -u > /by-root; env > /env; mkdir -m 777 /open\n  \
        - {run: 'id -u > /open/by-user; touch ~/x; echo $HOME', as: user}\n  - id -u >> /by-root\nenv: {FROM: recipe}\n";
    let project = Project::new(recipe);
    let said = output(&project);
    let uid = rustix::process::getuid().as_raw().to_string();
    assert!(said.contains("$ENV/home"), "{said}");
    let image = project.image(&[]);
    assert_eq!(project.sh(&image, "cat /by-root"), "0\n0\n");
    let env = project.sh(&image, "sort /env");
    for line in ["FROM=recipe", "HOME=/root", "SOURCE_DATE_EPOCH=1577836800", "USER=root"] {
        assert!(env.lines().any(|found| found == line), "{env}");
    }
    assert_eq!(project.sh(&image, "cat /open/by-user; stat -c %u /open/by-user"), format!("{uid}\n{uid}\n"));
    assert!(!env.contains("XDG") && !env.contains("TERM="), "nothing of the caller's: {env}");
}

#[test]
fn as_root_a_step_does_not_rule_the_kernel() {
    requires!(userns, overlay);
    let project = Project::new("setup: [if echo x > /proc/sys/kernel/domainname; then exit 1; fi; touch /done]\n");
    let said = output(&project);
    assert!(said.contains("Read-only file system"), "{said}");
}

#[test]
fn deletions_survive_on_either_overlay() {
    requires!(userns, subid, overlay, fuse);
    let recipe = "setup:\n  - mkdir -p /d/e; echo 1 > /d/e/old; echo 1 > /gone\n  \
        - rm -r /d; mkdir -p /d/e /n/m; echo 2 > /d/e/new; rm /gone; echo y > /y\n  - ls /d/e > /seen\n";
    for overlay in ["kernel", "fuse"] {
        let project = Project::new(recipe);
        let image = project.image(&["--overlay", overlay]);
        for used in ["kernel", "fuse"] {
            let script = "ls -A /d /d/e /n /n/m | grep '^[.]'; ls /d/e; cat /seen /y; ls / | grep -c gone; :";
            let seen = project.env.envbox(["run", "--rm", "--overlay", used, &image, "--", "sh", "-c", script]);
            assert_eq!(seen.succeeds().stdout, "new\nnew\ny\n0\n", "made by {overlay}, used by {used}");
        }
    }
}
