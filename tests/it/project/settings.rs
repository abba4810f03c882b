//! `box.yaml` of a project's box, and what a box that is up does not have yet.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::Project;
use crate::support::{only_where, requires};

#[test]
fn the_boxs_file_is_written_from_the_recipe_and_only_when_it_differs() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\nenv: {A: one}\n");
    assert_eq!(project.sh("echo $A").succeeds().stdout, "one\n");
    let file = project.box_yaml();
    let inode = || fs::metadata(&file).unwrap().ino();
    let first = inode();
    project.sh("true").succeeds();
    assert_eq!(inode(), first);
    // The box is up: what sessions take themselves is there at once.
    project.write("from: ./a.tar\nenv: {A: two}\n");
    let changed = project.sh("echo $A").succeeds();
    assert_eq!((changed.stdout.as_str(), changed.stderr.as_str()), ("two\n", ""));
    assert_ne!(inode(), first);
    // What a recipe cannot say is the user's.
    let text = fs::read_to_string(&file).unwrap().replace("linger: 60", "linger: 2").replace("two", "three");
    fs::write(&file, text).unwrap();
    assert_eq!(project.sh("echo $A").succeeds().stdout, "two\n");
    assert!(fs::read_to_string(&file).unwrap().contains("linger: 2"));
    fs::write(&file, "from: [").unwrap();
    let damaged = project.sh("true").exits(125).stderr;
    assert!(damaged.contains("box.yaml is damaged"), "{damaged}");
}

#[test]
fn a_box_that_is_up_says_that_new_settings_wait_for_a_stop() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\nhome: host\n");
    project.envbox(&["create", "--yes"]).succeeds();
    assert_eq!(project.sh("true").succeeds().stderr, "");
    project.write("from: ./a.tar\nhome: project\n");
    let note = project.sh("true").succeeds().stderr;
    assert!(note.contains("settings of before (home)") && note.contains("envbox stop hello-"), "{note}");
    project.envbox(&["stop", "--time", "0"]).succeeds();
    assert_eq!(project.sh("true").succeeds().stderr, "");
    project.write("from: ./a.tar\nhome: host\n");
    assert!(project.sh("true").succeeds().stderr.contains("(home)"));
    project.write("from: ./a.tar\nhome: project\n");
    assert_eq!(project.sh("true").succeeds().stderr, "", "it has what it runs with");
}

#[test]
fn what_is_not_enforced_is_said() {
    requires!(userns, subid, overlay, fixtures);
    only_where!(no_controllers);
    let project = Project::new("from: ./a.tar\nlimits: {memory: 1G, pids: 100}\n");
    let stderr = project.sh("true").succeeds().stderr;
    assert!(stderr.contains("memory: each process by itself") && stderr.contains("pids: each user"), "{stderr}");
    assert_eq!(project.sh("true").succeeds().stderr, "", "once a start");
}

#[test]
fn the_recipes_user_and_place_are_the_sessions() {
    requires!(userns, subid, overlay, fixtures);
    let project = Project::new("from: ./a.tar\nuser: root\nworkdir: /etc\n");
    let who = "id -u; pwd";
    assert_eq!(project.sh(who).succeeds().stdout, "0\n$ENV/home/hello\n");
    let name = project.names().remove(0);
    let run = |words: &[&str]| {
        let run = project.env.envbox([&["run"], words, &[&name, "--", "sh", "-c", who]].concat()).dir("/usr");
        run.succeeds().stdout
    };
    assert_eq!(run(&[]), "0\n/etc\n");
    let uid = fs::metadata(&project.root).unwrap().uid().to_string();
    assert_eq!(run(&["--user", &uid, "--workdir", "/"]), format!("{uid}\n/\n"));
}
