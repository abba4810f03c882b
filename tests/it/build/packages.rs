//! Packages, by the distribution's own package manager.

use std::process::Command;

use super::{Project, ran};
use crate::debian::with_proxies;
use crate::support::requires;

#[test]
fn debians_are_installed_and_their_archives_are_no_part_of_the_image() {
    requires!(userns, subid, overlay, net);
    let project = Project::new("");
    let recipe = |rest: &str| std::fs::write(project.path("envbox.yaml"), format!("from: debian\n{rest}")).unwrap();
    recipe("packages: [hello]\nsetup: [hello]\n");
    let said = with_proxies(project.build()).succeeds().stderr;
    assert_eq!(ran(&said), ["packages: hello", "run: hello"]);
    let find = |below: &str| {
        let found = Command::new("find").arg(project.env.path(below)).args(["-name", "*.deb"]).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    };
    assert!(find("data/envbox/packages").contains("hello_"), "kept for the next build");
    assert_eq!(find("data/envbox/layers"), "");
    let lists =
        Command::new("find").arg(project.env.path("data/envbox/layers")).args(["-name", "*_InRelease"]).output();
    assert_eq!(lists.unwrap().stdout, b"");
    // Rebuilt with what was kept.
    let image = project.image(&[]);
    assert_eq!(project.sh(&image, "hello"), "Hello, world!\n");
    let usage = project.env.envbox(["image", "df", "--json"]).succeeds().stdout;
    let usage: serde_json::Value = serde_json::from_str(&usage).unwrap();
    assert_eq!(usage["packages"]["count"], 1);
    let gone = project.env.envbox(["gc", "--older-than", "0"]).succeeds().stdout;
    assert!(gone.contains("package caches: 1"), "{gone}");
    assert_eq!(find("data/envbox/packages"), "");
}

#[test]
fn a_root_without_a_package_manager_is_told_of() {
    requires!(userns, subid);
    let project = Project::new("packages: [hello]\n");
    let said = project.build().exits(125).stderr;
    assert!(said.contains("no package manager that envbox knows"), "{said}");
}
