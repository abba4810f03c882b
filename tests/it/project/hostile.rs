//! Recipes that are not what they should be, and directories with odd names.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::process::Command;

use super::Project;
use crate::support::{TestEnvironment, requires};

/// What entering says where the recipe is made by this.
fn refused(make: impl FnOnce(&std::path::Path)) -> String {
    let env = TestEnvironment::new();
    let root = env.path("home/p");
    fs::create_dir(&root).unwrap();
    make(&root.join("envbox.yaml"));
    let outcome = env.envbox(["run", "--yes", "--", "true"]).dir(&root).exits(125);
    assert_eq!(outcome.stdout, "");
    assert!(fs::read_dir(env.path("data/envbox/boxes")).unwrap().next().is_none());
    outcome.stderr
}

#[track_caller]
fn says(stderr: &str, part: &str) {
    assert!(stderr.contains(part), "{stderr}");
}

#[test]
fn only_a_file_of_text_is_a_recipe() {
    says(&refused(|path| fs::create_dir(path).unwrap()), "is not a regular file");
    let fifo = |path: &std::path::Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    says(&refused(fifo), "is not a regular file");
    says(&refused(|path| symlink("/dev/zero", path).unwrap()), "link to nothing in the project");
    says(&refused(|path| symlink("/etc/shadow", path).unwrap()), "link to nothing in the project");
    says(&refused(|path| symlink("../../../../etc/passwd", path).unwrap()), "link to nothing in the project");
    says(&refused(|path| symlink("envbox.yaml", path).unwrap()), "Too many levels");
    says(&refused(|path| fs::write(path, b"from: \xff\n").unwrap()), "is not UTF-8");
    says(&refused(|path| fs::write(path, vec![b' '; (1 << 20) + 1]).unwrap()), "has more than 1048576 bytes");
    says(&refused(|path| fs::write(path, "from: debian\nfrm: x\n").unwrap()), "$ENV/home/p/envbox.yaml:2:1");
    says(&refused(|path| fs::write(path, "env: {A: b}\n").unwrap()), "`from` is missing");
    says(&refused(|path| fs::write(path, "").unwrap()), "error: ");
}

#[test]
fn a_recipe_that_nobody_may_read_or_everybody_write_is_refused() {
    requires!(user);
    let mode = |path: &std::path::Path, mode| {
        fs::write(path, "from: debian\n").unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    says(&refused(|path| mode(path, 0)), "Permission denied");
    let writable = refused(|path| mode(path, 0o666));
    says(&writable, "everybody can write to the recipe");
    says(&writable, "hint: chmod o-w '$ENV/home/p/envbox.yaml'");
}

#[test]
fn the_recipe_of_another_user_is_refused_as_root() {
    requires!(root);
    let stderr = refused(|path| {
        fs::write(path, "from: debian\n").unwrap();
        chown(path, Some(12345), None).unwrap();
    });
    says(&stderr, "belongs to the user 12345, who is neither you nor root");
}

#[test]
fn a_directory_may_have_any_name_that_is_text() {
    requires!(userns, subid, overlay, fixtures);
    for (name, boxed) in [
        ("with space", "with-space-"),
        ("ünï", "n-"),
        ("日本", "project-"),
        ("new\nline", "new-line-"),
        ("lower=x:y,z\\w", "lower-x-y-z-w-"),
        ("-rf", "rf-"),
        ("quote'\"$(x)", "quote-x-"),
    ] {
        let project = Project::at(&format!("home/{name}"), "from: ./a.tar\n");
        let outcome = project.sh("echo \"$PWD\"; echo here > made; cat /marker").succeeds();
        assert_eq!(outcome.stdout, format!("$ENV/home/{name}\na\n"));
        assert_eq!(fs::read_to_string(project.root.join("made")).unwrap(), "here\n");
        assert!(project.names()[0].starts_with(boxed), "{:?}", project.names());
        project.env.envbox(["list"]).succeeds();
    }
}

#[test]
fn a_directory_whose_name_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let env = TestEnvironment::new();
    let root = env.path("home").join(std::ffi::OsStr::from_bytes(b"\xff"));
    fs::create_dir(&root).unwrap();
    fs::write(root.join("envbox.yaml"), "from: debian\n").unwrap();
    says(&env.envbox(["run", "--yes", "--", "true"]).dir(&root).exits(125).stderr, "is not UTF-8");
}

#[test]
fn a_project_outside_of_the_home_has_a_box_too() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::at("elsewhere", "from: ./a.tar\n");
    assert_eq!(project.sh("hostname; cat /marker").succeeds().stdout, "elsewhere\na\n");
}

#[test]
fn a_project_that_is_moved_while_its_box_runs_gets_another_box() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\n");
    project.sh("true").succeeds();
    let moved = project.env.path("home/moved");
    fs::rename(&project.root, &moved).unwrap();
    let run = project.env.envbox(["run", "--yes", "--", "hostname"]).dir(&moved);
    assert_eq!(run.succeeds().stdout, "moved\n");
    assert_eq!(project.names().len(), 2);
    let old = project.names().into_iter().find(|name| name.starts_with("hello-")).unwrap();
    project.env.envbox(["stop", &old]).succeeds();
}

#[test]
fn a_box_with_the_name_of_the_projects_that_is_another_is_not_entered() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\n");
    project.envbox(&["create", "--yes"]).succeeds();
    let name = project.names().remove(0);
    project.env.envbox(["rm", "--yes", &name]).succeeds();
    project.env.envbox(["create", &name, "--image"]).arg(project.root.join("a.tar")).succeeds();
    let stderr = project.sh("true").exits(125).stderr;
    says(&stderr, "is not this project's");
    says(&stderr, &format!("hint: envbox rm {name}"));
}
