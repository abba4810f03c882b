//! A box for each image, and what becomes of those that are not the current one.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::Project;
use crate::support::boxes::eventually;
use crate::support::requires;

#[test]
fn another_image_is_another_box_and_the_first_is_there_again_afterwards() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\n").with_b();
    assert_eq!(project.sh("echo of a > /tmp/mine; cat /marker").succeeds().stdout, "a\n");
    project.write("from: ./b.tar\n");
    assert_eq!(project.sh("cat /marker; ls /tmp").succeeds().stdout, "b\n");
    project.write("from: ./a.tar\n");
    assert_eq!(project.sh("cat /tmp/mine").succeeds().stdout, "of a\n");
    assert_eq!(project.names().len(), 2);
}

#[test]
fn a_box_is_made_without_being_entered_and_entered_by_its_name_from_elsewhere() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\nenv: {A: b}\nvariants: {ci: {}}\n");
    let stderr = project.envbox(&["create", "--yes"]).succeeds().stderr;
    let name = project.names().remove(0);
    assert!(stderr.contains(&format!("the project's box is `{name}`")), "{stderr}");
    assert_eq!(project.boxes()[0]["state"], "stopped");
    let run = project.env.envbox(["run", &name, "--", "sh", "-c", "echo $A; hostname"]);
    assert_eq!(run.succeeds().stdout, "b\nhello\n");
    project.envbox(&["create", "--yes", "ci"]).succeeds();
    assert_eq!(project.names().len(), 2);
    project.envbox(&["create", "--yes"]).succeeds();
    assert_eq!(project.names().len(), 2, "it is there");
    project.envbox(&["run", "--rm", "--yes", "--", "sh", "-c", "test $A = b"]).succeeds();
    eventually("the throw-away box goes", || project.names().len() == 2);
}

#[test]
fn a_dry_run_makes_nothing() {
    requires!(userns, subid, overlay, fixtures);
    let recipe = "from: ./a.tar\nhome: host\n";
    let project = Project::new("from: ./a.tar\nhome: host\npackages: [gcc]\nsetup: ['make all']\n");
    let dry = || project.envbox(&["enter", "--dry-run", "--yes"]).succeeds().stdout;
    let build = dry();
    for part in ["build     the image of $ENV/home/hello/envbox.yaml", "packages  gcc", "without the network: make all"]
    {
        assert!(build.contains(part), "{build}");
    }
    assert_eq!(project.names(), [""; 0]);
    project.write(recipe);
    project.envbox(&["create", "--yes"]).succeeds();
    let before = fs::read(project.box_yaml()).unwrap();
    project.write("from: ./a.tar\nhome: host\nenv: {A: b}\n");
    let plan = dry();
    assert!(plan.contains("box       hello-") && plan.contains("env       "), "{plan}");
    assert_eq!(fs::read(project.box_yaml()).unwrap(), before);
    project.envbox(&["rm", "--yes"]).succeeds();
    assert!(dry().starts_with("create    box `hello-"));
    assert_eq!(project.names(), [""; 0]);
}

#[test]
fn without_a_lock_nothing_is_made_by_it() {
    let project = Project::new("from: ./a.tar\n");
    let stderr = project.envbox(&["run", "--yes", "--locked", "--", "true"]).exits(125).stderr;
    assert!(stderr.contains("there is no envbox.lock in $ENV/home/hello"), "{stderr}");
}

#[test]
fn list_stop_and_rm_know_the_projects_boxes() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\nvariants: {ci: {env: {A: b}}}\n");
    project.sh("true").succeeds();
    project.envbox(&["run", "--yes", "ci", "--", "true"]).succeeds();
    let tar = project.root.join("a.tar");
    project.env.envbox(["create", "other", "--image"]).arg(&tar).succeeds();
    project.env.envbox(["run", "other", "--", "true"]).succeeds();
    let rows = project.boxes();
    let root = project.root.to_str().unwrap();
    let of = |at: usize| rows[at]["project"].clone();
    // In which order they come lies with the digits in their names.
    let both = [json!({"root": root}), json!({"root": root, "variant": "ci"})];
    assert!(both == [of(0), of(1)] || both == [of(1), of(0)], "{rows:?}");
    assert_eq!(of(2), Value::Null);
    let table = project.env.envbox(["list"]).succeeds().stdout;
    assert!(table.contains("PROJECT") && table.contains("$ENV/home/hello#ci"), "{table}");

    let states = || project.boxes().iter().map(|row| row["state"] == "running").collect::<Vec<_>>();
    assert_eq!(states(), [true, true, true]);
    project.envbox(&["stop", "--time", "0"]).succeeds();
    assert_eq!(states(), [false, false, true]);

    let asked = project.envbox(&["rm"]).output();
    assert!(!asked.status.success() && project.names().len() == 3, "{asked:?}");
    // What is wrong with a recipe keeps nobody from getting rid of its boxes.
    project.write("x: [");
    project.envbox(&["rm", "--yes"]).succeeds();
    assert_eq!(project.names(), ["other"]);
}

#[test]
fn gc_removes_what_a_project_has_left_behind_when_it_is_old() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\n").with_b();
    project.envbox(&["create", "--yes"]).succeeds();
    let first = project.names().remove(0);
    project.write("from: ./b.tar\n");
    project.envbox(&["create", "--yes"]).succeeds();
    let gc = |words: &[&str]| -> Value {
        let outcome = project.env.envbox([&["gc", "--json"], words].concat()).succeeds();
        serde_json::from_slice::<Value>(&outcome.bytes).unwrap()["boxes"].clone()
    };
    let age = || {
        for name in project.names() {
            let image = project.env.path(&format!("data/envbox/boxes/{name}/image"));
            assert!(Command::new("touch").args(["-d", "40 days ago"]).arg(image).status().unwrap().success());
        }
    };
    assert_eq!(gc(&[]), json!([]), "they were used just now");
    age();
    assert_eq!(gc(&["--older-than", "6w"]), json!([]));
    assert_eq!(gc(&["--dry-run"]), json!([first]));
    assert_eq!(project.names().len(), 2);
    // A recipe that cannot be read says nothing of what is current.
    project.write("from: [");
    assert_eq!(gc(&[]), json!([]));
    project.write("from: ./a.tar\n");
    project.sh("true").succeeds();
    project.write("from: ./b.tar\n");
    assert_eq!(gc(&["--older-than", "30d"]), json!([]), "it was used just now, and is up");
    project.env.envbox(["stop", "--all", "--time", "0"]).succeeds();
    age();
    assert_eq!(gc(&[]), json!([first]));
    assert_eq!(project.names().len(), 1, "the current one stays");
    fs::rename(&project.root, project.env.path("home/moved")).unwrap();
    let current = project.names();
    assert_eq!(gc(&[]), json!(current));
    assert_eq!(project.names(), [""; 0]);
}

#[test]
fn several_at_once_make_one_box() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\n");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(project.sh("cat /marker").succeeds().stdout, "a\n"));
        }
    });
    assert_eq!(project.names().len(), 1);
}
