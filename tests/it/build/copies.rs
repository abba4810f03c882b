//! Files of the project in the image.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::Project;
use crate::support::requires;

#[test]
fn files_are_roots_and_keep_what_makes_them_programs() {
    requires!(userns, subid, overlay);
    let recipe = "copy:\n  - {from: tools/, to: /opt/tools}\n  - {from: tools/run, to: /usr/local/bin/}\n  \
        - {from: tools/data, to: /etc/data, mode: '0600'}\n";
    let project = Project::new(recipe);
    fs::create_dir_all(project.path("tools/sub")).unwrap();
    fs::write(project.path("tools/run"), "#!/bin/sh\necho ran\n").unwrap();
    fs::set_permissions(project.path("tools/run"), Permissions::from_mode(0o700)).unwrap();
    fs::write(project.path("tools/data"), "data").unwrap();
    fs::set_permissions(project.path("tools/data"), Permissions::from_mode(0o664)).unwrap();
    symlink("../run", project.path("tools/sub/link")).unwrap();
    let image = project.image(&[]);
    let script = "stat -c '%a %u %g' /opt/tools /opt/tools/run /opt/tools/data /etc/data; run; /opt/tools/sub/link";
    assert_eq!(project.sh(&image, script), "755 0 0\n755 0 0\n644 0 0\n600 0 0\nran\nran\n");
}

#[test]
fn nothing_from_outside_of_the_project_is_copied() {
    requires!(userns, subid, overlay);
    let project = Project::new("");
    fs::write(project.env.path("home/secret"), "secret").unwrap();
    fs::create_dir_all(project.path("dir/sub")).unwrap();
    symlink("../secret", project.path("to-file")).unwrap();
    symlink("..", project.path("up")).unwrap();
    symlink("/etc", project.path("absolute")).unwrap();
    symlink("../../../secret", project.path("dir/sub/link")).unwrap();
    let (outside, link) = ("is outside of the project", "leads out of the project");
    for (from, words) in [
        ("../secret", outside),
        ("/etc/passwd", "is no path in the project"),
        ("to-file", link),
        ("up/secret", link),
        ("absolute/passwd", link),
        ("dir", link),
    ] {
        project.recipe(&format!("copy: [{{from: '{from}', to: /x}}]\n"));
        let said = project.build().exits(125).stderr;
        assert!(said.contains(words), "{from}: {said}");
    }
    project.recipe("copy: [{from: missing, to: /x}]\n");
    assert!(project.build().exits(125).stderr.contains("cannot read `missing`"));
    project.recipe("copy: [{from: rootfs.tar, to: ../x}]\n");
    assert!(project.build().exits(125).stderr.contains("no absolute path"));
}

#[test]
fn a_link_in_the_image_leads_nowhere_but_into_the_image() {
    requires!(userns, subid, overlay);
    let project = Project::new("");
    fs::write(project.path("file"), "new").unwrap();
    let victim = project.env.path("home/victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("file"), "old").unwrap();
    let link = format!("ln -s {} /out", victim.display());
    project.recipe(&format!("setup: [{link}]\n"));
    fs::create_dir(project.path("base")).unwrap();
    fs::rename(project.path("envbox.yaml"), project.path("base/envbox.yaml")).unwrap();
    fs::rename(project.path("rootfs.tar"), project.path("base/rootfs.tar")).unwrap();
    let recipe = "from: ./base/envbox.yaml\ncopy: [{from: file, to: /out/}]\n";
    fs::write(project.path("envbox.yaml"), recipe).unwrap();
    project.build().succeeds();
    assert_eq!(fs::read_to_string(victim.join("file")).unwrap(), "old");
}

#[test]
fn a_copy_into_a_place_that_is_emptied_after_a_program_stays() {
    requires!(userns, subid, overlay);
    let project =
        Project::new("copy:\n  - {from: a, to: /tmp/a}\n  - {from: a, to: /var/log/a}\nsetup: [cp /tmp/a /b]\n");
    fs::write(project.path("a"), "a\n").unwrap();
    let image = project.image(&[]);
    assert_eq!(project.sh(&image, "cat /tmp/a /var/log/a /b"), "a\na\na\n");
}
