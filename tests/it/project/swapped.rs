//! What a project's box may have is what was agreed to, whatever somebody makes of the project meanwhile.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::Project;
use crate::support::rootfs::Rootfs;
use crate::support::{Pty, envbox, requires};

const BOUND: &str = "from: ./a.tar\nnetwork: none\nmounts: [{bind: sub/data, at: /data}]\n";

/// A project with a bound directory, its box, and a secret outside of it.
fn bound() -> (Project, String) {
    let project = Project::new(BOUND);
    fs::create_dir_all(project.root.join("sub/data")).unwrap();
    fs::create_dir_all(project.env.path("home/secret/data")).unwrap();
    fs::write(project.env.path("home/secret/file"), "SECRET\n").unwrap();
    fs::write(project.env.path("home/secret/data/file"), "SECRET\n").unwrap();
    fs::write(project.root.join("sub/data/file"), "own\n").unwrap();
    assert_eq!(project.sh("cat /data/file").succeeds().stdout, "own\n");
    let name = project.names().remove(0);
    (project, name)
}

#[test]
fn a_bind_is_of_where_it_led_when_it_was_agreed_to() {
    requires!(userns, subid, overlay, fixtures);
    let (project, name) = bound();
    let written = fs::read_to_string(project.box_yaml()).unwrap();
    assert!(written.contains(&format!("bind: {}/sub/data", project.root.display())), "{written}");
    let by_name = || project.env.envbox(["run", &name, "--", "cat", "/data/file"]);
    assert_eq!(by_name().succeeds().stdout, "own\n");
    let swap = |path: &Path, target: &str| {
        project.envbox(&["stop", "--time", "0"]).succeeds();
        fs::rename(path, project.root.join("away")).unwrap();
        symlink(target, path).unwrap();
        let said = by_name().exits(125);
        assert!(said.stdout.is_empty() && said.stderr.contains("leads elsewhere now"), "{said:?}");
        assert!(said.stderr.contains("hint: enter it from the project"), "{said:?}");
        let said = project.envbox(&["run", "--", "cat", "/data/file"]).exits(125).stderr;
        assert!(said.contains("asks for 1 thing"), "{said}");
        fs::remove_file(path).unwrap();
        fs::rename(project.root.join("away"), path).unwrap();
        assert_eq!(by_name().succeeds().stdout, "own\n");
    };
    swap(&project.root.join("sub/data"), "../../secret");
    swap(&project.root.join("sub"), "../secret");
}

#[test]
fn a_link_that_comes_and_goes_is_never_followed() {
    requires!(userns, subid, overlay, fixtures);
    let (project, name) = bound();
    let (data, away, link) = (project.root.join("sub/data"), project.root.join("away"), project.root.join("link"));
    project.env.envbox(["stop", "--time", "0", &name]).succeeds();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::rename(&data, &away).unwrap();
                symlink("../../secret", &link).unwrap();
                fs::rename(&link, &data).unwrap();
                fs::remove_file(&data).unwrap();
                fs::rename(&away, &data).unwrap();
            }
        });
        for round in 0..30 {
            let words = ["run", &name, "--", "cat", "/data/file"];
            let run = match round % 2 {
                0 => project.env.envbox(words),
                _ => project.envbox(&["run", "--", "cat", "/data/file"]),
            };
            let run = run.output();
            let there = !run.stdout.contains("SECRET");
            if run.status.success() {
                // What is bound stays bound: only a start looks for it.
                let _ = project.env.envbox(["stop", "--time", "0", &name]).output();
            }
            if !there {
                done.store(true, Ordering::Relaxed);
                panic!("{run:?}");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_recipe_below_is_the_one_that_was_agreed_to() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./below.yaml\nnetwork: none\n");
    let below = project.root.join("below.yaml");
    fs::write(&below, "from: ./a.tar\nnetwork: none\nsetup: ['true']\n").unwrap();
    let mut command = project.env.command(envbox());
    command.args(["run", "--", "cat", "/evil"]).current_dir(&project.root);
    let mut pty = Pty::spawn(&command);
    assert!(pty.expect("[y/N] ").contains("`true`"));
    fs::write(&below, "from: ./a.tar\nnetwork: none\nsetup: ['echo evil > /evil']\n").unwrap();
    pty.send("y\r");
    assert!(pty.expect("[y/N] ").contains("`echo evil > /evil`"), "what was changed meanwhile is asked for");
    pty.send("n\r");
    assert_eq!(pty.wait().0.code(), Some(125));
    assert_eq!(project.names(), [""; 0]);
}

#[test]
fn the_store_is_hidden_wherever_the_home_is_bound() {
    requires!(userns, subid, overlay, fixtures);
    for home in ["host", "private", "project", "overlay", "none"] {
        let project = Project::new(&format!(
            "from: ./a.tar\nnetwork: none\nhome: {home}\nmounts: [{{bind: ../.., at: /x}}, {{bind: '~', at: /h}}]\n"
        ));
        let env = &project.env;
        fs::create_dir_all(env.path("home/.local/share")).unwrap();
        let inside = project.sh("cd /x && ls -A data/envbox cache/envbox; ls home; ls -A /h").succeeds().stdout;
        assert!(
            inside.contains("hello") && !inside.contains("layers") && !inside.contains("blobs"),
            "{home}: {inside}"
        );
        let trust = project.sh("cat /x/data/envbox/trust/*; touch /x/data/envbox/x").output();
        assert!(!trust.status.success() && trust.stdout.is_empty(), "{home}: {trust:?}");
    }
}

#[test]
fn names_and_texts_of_a_project_are_inert_where_it_is_shown() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::at("home/x\n\u{1b}[2J\u{202e}", "from: ./a.tar\nenv: {A: \"\\e[1A\"}\nsetup: ['true']\n");
    fs::write(project.root.join("a.tar"), Rootfs::busybox().tar()).unwrap();
    for words in [
        &["trust"][..],
        &["run", "--", "true"],
        &["enter", "--dry-run"],
        &["run", "--yes", "--", "true"],
        &["enter", "--dry-run"],
        &["trust"],
        &["trust", "--list"],
        &["build", "-v"],
        &["list"],
        &["task"],
        &["untrust"],
    ] {
        let run = project.envbox(words).output();
        let said = run.stdout + &run.stderr;
        let plain = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        assert!(said.chars().all(plain), "{words:?}: {said:?}");
    }
    let mut command = project.env.command(envbox());
    command.arg("trust").current_dir(&project.root);
    let mut pty = Pty::spawn(&command);
    assert!(pty.expect("[y/N] ").contains("/home/x\\n"), "no line of its own");
}
