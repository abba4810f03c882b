//! Which project is found from where, and which box is meant by a word.

use std::fs;
use std::os::unix::fs::symlink;

use super::Project;
use crate::support::boxes::busybox;
use crate::support::{TestEnvironment, requires};

#[test]
fn the_nearest_recipe_upward_is_the_projects() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\nenv: {WHICH: outer}\n");
    let (deep, inner) = (project.root.join("src/deep"), project.root.join("inner"));
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir(&inner).unwrap();
    fs::copy(project.root.join("a.tar"), inner.join("a.tar")).unwrap();
    fs::write(inner.join("envbox.yaml"), "from: ./a.tar\nenv: {WHICH: inner}\n").unwrap();
    let which = |dir| {
        let run = project.env.envbox(["run", "--yes", "--", "sh", "-c", "echo $WHICH $(hostname) $PWD"]).dir(dir);
        run.succeeds().stdout
    };
    assert_eq!(which(project.path()), "outer hello $ENV/home/hello\n");
    assert_eq!(which(&deep), "outer hello $ENV/home/hello/src/deep\n");
    assert_eq!(which(&inner), "inner inner $ENV/home/hello/inner\n");
    assert_eq!(project.names().len(), 2);
}

#[test]
fn a_link_leads_into_the_project_it_leads_to() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\n");
    fs::create_dir(project.root.join("src")).unwrap();
    let (link, below) = (project.env.path("home/link"), project.env.path("home/below"));
    symlink(&project.root, &link).unwrap();
    symlink(project.root.join("src"), &below).unwrap();
    for (dir, pwd) in [(link.join("src"), "/src"), (link, ""), (below, "/src")] {
        let run = project.env.envbox(["run", "--yes", "--", "pwd", "-P"]).dir(&dir).env("PWD", &dir);
        assert_eq!(run.succeeds().stdout, format!("$ENV/home/hello{pwd}\n"));
    }
    assert_eq!(project.names().len(), 1, "one project, whatever leads to it");
}

#[test]
fn nobody_looks_beyond_the_home_and_without_a_project_one_is_told() {
    let env = TestEnvironment::new();
    fs::write(env.path("envbox.yaml"), "not: [a recipe").unwrap();
    for words in [&["run", "--", "true"][..], &["create"], &["stop"], &["rm", "--yes"]] {
        let stderr = env.envbox(words).exits(125).stderr;
        assert!(stderr.contains("there is no envbox.yaml in $ENV/home or above"), "{words:?}: {stderr}");
        assert!(stderr.contains("hint: cd to a project"), "{stderr}");
    }
    let outside = env.envbox(["run", "--", "true"]).dir("/").exits(125).stderr;
    assert!(outside.contains("no box was named"), "{outside}");
}

#[test]
fn the_home_itself_may_be_a_project() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::at("home", "from: ./a.tar\nhome: host\n");
    fs::create_dir(project.root.join("sub")).unwrap();
    let run =
        project.env.envbox(["run", "--yes", "--", "sh", "-c", "pwd; ls ~/envbox.yaml"]).dir(project.root.join("sub"));
    assert_eq!(run.succeeds().stdout, "$ENV/home/sub\n$ENV/home/envbox.yaml\n");
}

#[test]
fn a_variant_is_entered_by_its_name_and_goes_before_a_box_of_that_name() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\nenv: {V: none}\nvariants:\n  ci: {env: {V: ci}}\n  b: {env: {V: b}}\n");
    let v = ["sh", "-c", "echo $V"];
    let out = |words: &[&str]| project.envbox(words).args(v).succeeds();
    assert_eq!(out(&["run", "-y", "--"]).stdout, "none\n");
    assert_eq!(out(&["run", "-y", "ci", "--"]).stdout, "ci\n");
    assert_eq!(out(&["run", "-y", "ci"]).stdout, "ci\n");
    assert_eq!(out(&["enter", "-y", "ci", "--"]).stdout, "ci\n");
    assert_eq!(out(&["enter", "-y", "--"]).stdout, "none\n");
    assert_eq!(project.names().len(), 2);
    let of_variant = |name: &String| name.starts_with("hello-ci-");
    assert_eq!(project.names().iter().filter(|name| of_variant(name)).count(), 1, "{:?}", project.names());

    let tar = project.root.join("a.tar");
    project.env.envbox(["create", "b", "--image"]).arg(&tar).succeeds();
    let both = out(&["run", "-y", "b", "--"]);
    assert_eq!(both.stdout, "b\n");
    assert!(both.stderr.contains("`b` is a variant of this project"), "{}", both.stderr);
    assert_eq!(project.env.envbox(["run", "b", "--"]).args(v).succeeds().stdout, "\n", "from elsewhere it is the box");
}

#[test]
fn boxes_and_images_are_still_meant_by_their_names() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let dir = env.path("home/p");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("envbox.yaml"), "from: nothing-there\n").unwrap();
    let echo = |words: &[&str]| env.envbox(words).dir(&dir).succeeds().stdout;
    assert_eq!(echo(&["run", "b", "--", "echo", "-e", "x", "--rm"]), "x --rm\n");
    assert_eq!(echo(&["run", "b", "echo", "-n", "--", "-y"]), "-- -y");
    assert_eq!(echo(&["run", "b", "sh", "-c", "echo $0 $1", "--", "-x"]), "-- -x\n");
    assert_eq!(echo(&["enter", "b", "--", "echo", "x"]), "x\n");
    let taken_for_a_name = env.envbox(["run", "make"]).dir(&dir).exits(125).stderr;
    assert!(taken_for_a_name.contains("hint: envbox run -- COMMAND"), "{taken_for_a_name}");
    fs::write(dir.join("envbox.yaml"), "frm: x\n").unwrap();
    let run = env.envbox(["run", "b", "--", "echo", "x"]).dir(&dir).succeeds();
    assert_eq!(run.stdout, "x\n");
    assert!(run.stderr.contains("envbox.yaml:1:1") && run.stderr.starts_with("warning:"), "{}", run.stderr);
}
