//! Which layers are made, and which are there.

use std::fs;
use std::path::PathBuf;
use std::thread;

use super::{Project, ran};
use crate::support::requires;

#[test]
fn a_change_reaches_its_own_step_and_those_after_it() {
    requires!(userns, subid, overlay);
    let project = Project::new("setup: [echo a > /a, echo b > /b, echo c > /c]\n");
    assert_eq!(project.ran(), ["run: echo a > /a", "run: echo b > /b", "run: echo c > /c"]);
    assert_eq!(project.ran(), [""; 0]);
    project.recipe("setup: [echo a > /a, echo B > /b, echo c > /c]\n");
    assert_eq!(project.ran(), ["run: echo B > /b", "run: echo c > /c"]);
    // Back on the first branch, everything is there.
    project.recipe("setup: [echo a > /a, echo b > /b, echo c > /c]\n");
    assert_eq!(project.ran(), [""; 0]);
    let image = project.image(&[]);
    assert_eq!(project.sh(&image, "cat /a /b /c"), "a\nb\nc\n");
    // What a step sees is part of it.
    project.recipe("setup: [echo a > /a, {run: echo b > /b, env: {X: y}}, echo c > /c]\n");
    assert_eq!(project.ran(), ["run: echo b > /b", "run: echo c > /c"]);
}

#[test]
fn a_file_counts_where_it_is_copied_and_nowhere_else() {
    requires!(userns, subid, overlay);
    let project = Project::new("copy: [{from: tools, to: /opt/tools}]\nsetup: [cat /opt/tools/a]\n");
    fs::create_dir(project.path("tools")).unwrap();
    fs::write(project.path("tools/a"), "1").unwrap();
    assert_eq!(project.ran(), ["copy: /opt/tools", "run: cat /opt/tools/a"]);
    fs::write(project.path("unrelated"), "1").unwrap();
    fs::write(project.path("tools/a"), "1").unwrap();
    assert_eq!(project.ran(), [""; 0], "the content is the same");
    // Of the same length and in the same moment, as far as the clock can tell.
    fs::write(project.path("tools/a"), "2").unwrap();
    assert_eq!(project.ran(), ["copy: /opt/tools", "run: cat /opt/tools/a"]);
    fs::write(project.path("tools/b"), "").unwrap();
    assert_eq!(project.ran().len(), 2, "a new name is a change");
}

#[test]
fn two_at_once_do_the_work_once() {
    requires!(userns, subid, overlay);
    let project = Project::new("setup: [sleep 1; echo a > /a, sleep 1; echo b > /b]\n");
    let said: Vec<String> = thread::scope(|scope| {
        let builds: Vec<_> = (0..2).map(|_| scope.spawn(|| project.build().succeeds().stderr)).collect();
        builds.into_iter().map(|build| build.join().unwrap()).collect()
    });
    let all: Vec<String> = said.iter().flat_map(|said| ran(said)).collect();
    assert_eq!(all.len(), 2, "{said:#?}");
    assert!(said.iter().any(|said| said.contains("waiting for another envbox")), "{said:#?}");
}

#[test]
fn without_the_cache_everything_is_carried_out_and_kept() {
    requires!(userns, subid, overlay);
    let project = Project::new("setup: [cat /proc/sys/kernel/random/uuid > /uuid]\n");
    let first = project.image(&[]);
    let second = project.image(&["--no-cache"]);
    assert_ne!(first, second);
    assert_eq!(project.image(&[]), second, "what was built last is what is used");
    assert_ne!(project.sh(&first, "cat /uuid"), project.sh(&second, "cat /uuid"));
}

/// The indexes of the layers that steps have made: names, owners, modes, times and contents.
fn indexes(project: &Project) -> Vec<(PathBuf, Vec<u8>)> {
    let layers =
        fs::read_dir(project.env.path("data/envbox/layers/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let mut indexes: Vec<_> =
        layers.map(|layer| (layer.file_name().unwrap().into(), fs::read(layer.join("index")).unwrap())).collect();
    indexes.sort();
    indexes
}

#[test]
fn the_same_steps_give_the_same_layers_elsewhere_and_later() {
    requires!(userns, subid, overlay);
    let recipe = "setup:\n  - mkdir /d; echo x > /d/f; rm -r /etc/passwd /home; mkdir /home; mkdir -p /var/log; echo log > /var/log/l\n  \
        - mkdir -p /var/tmp; date > /tmp/now; date > /var/tmp/now; date > /run/now; date > /etc/passwd-; date > /etc/machine-id\n";
    let [one, other] = [(); 2].map(|()| Project::new(recipe));
    one.ran();
    thread::sleep(std::time::Duration::from_millis(1100));
    other.ran();
    assert_eq!(indexes(&one), indexes(&other));
}

#[test]
fn a_recipe_may_be_made_from_another_but_not_from_itself() {
    requires!(userns, subid, overlay);
    let project = Project::new("setup: [echo a > /a]\n");
    fs::create_dir(project.path("base")).unwrap();
    fs::rename(project.path("rootfs.tar"), project.path("base/rootfs.tar")).unwrap();
    fs::rename(project.path("envbox.yaml"), project.path("base/envbox.yaml")).unwrap();
    fs::write(project.path("envbox.yaml"), "from: ./base/envbox.yaml\nsetup: [echo b > /b]\n").unwrap();
    assert_eq!(project.ran(), ["run: echo a > /a", "run: echo b > /b"]);
    assert_eq!(project.ran(), [""; 0]);
    assert_eq!(project.sh(&project.image(&[]), "cat /a /b"), "a\nb\n");
    fs::write(project.path("base/envbox.yaml"), "from: ./envbox.yaml\n").unwrap();
    let said = project.build().exits(125).stderr;
    assert!(said.contains("made from itself"), "{said}");
    fs::write(project.path("envbox.yaml"), "from: ../../rootfs.tar\n").unwrap();
    fs::write(project.env.path("rootfs.tar"), "").unwrap();
    let said = project.build().exits(125).stderr;
    assert!(said.contains("outside of the project"), "{said}");
}
