//! How much of the home a box sees.

use std::fs;
use std::path::Path;

use crate::support::boxes::{BOX, busybox, mounts, with_box};
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, requires};

const MODES: [&str; 5] = ["host", "private", "project", "overlay", "none"];

impl TestEnvironment {
    /// Stops the box and sets lines of its configuration, for its next start.
    pub(crate) fn reconfigure(&self, lines: &[&str]) {
        self.envbox(["stop", "--time", "0", BOX]).succeeds();
        lines.iter().for_each(|line| self.configure(BOX, line));
    }
}

/// The names in a directory of the host's, sorted.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn each_home_is_what_it_says() {
    requires!(user, userns, subid, overlay, fixtures);
    let before = mounts();
    for (mode, sees, reaches, stays) in [
        ("host", true, true, true),
        ("private", false, false, true),
        ("project", false, false, true),
        ("overlay", true, false, true),
        ("none", false, false, false),
    ] {
        let env = busybox();
        fs::write(env.path("home/hosts"), "secret").unwrap();
        env.reconfigure(&[&format!("home: {mode}")]);
        let seen = env.sh("cat ~/hosts 2>/dev/null; echo mine > ~/mine && cat ~/mine; pwd").succeeds().stdout;
        assert_eq!(seen, format!("{}mine\n$ENV/home\n", if sees { "secret" } else { "" }), "{mode}");
        assert_eq!(env.path("home/mine").exists(), reaches, "{mode}");
        // It is the user's, and so is what lies in it; nobody else has a look in.
        let owners = env.sh("stat -c '%U %a' ~; stat -c %U ~/mine; rm -f ~/hosts; mkdir -p ~/a/b").succeeds().stdout;
        let user = env.sh("id -un").succeeds().stdout.trim().to_owned();
        assert_eq!(owners, format!("{user} 700\n{user}\n"), "{mode}");
        assert_eq!(env.path("home/hosts").exists(), !reaches, "{mode}");
        env.envbox(["stop", "--time", "0", BOX]).succeeds();
        assert_eq!(env.sh("test -e ~/mine && echo yes; true").succeeds().stdout == "yes\n", stays, "{mode}");
        assert_eq!(env.sh("test -e ~/hosts && echo yes; true").succeeds().stdout, "", "{mode}: it was removed");
    }
    assert_eq!(mounts(), before);
}

#[test]
fn an_overlay_home_shows_the_hosts_and_keeps_what_is_written() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = busybox();
    fs::write(env.path("home/hosts"), "secret\n").unwrap();
    env.configure(BOX, "home: overlay");
    assert_eq!(env.sh("cd; cat hosts; echo mine > hosts; cat hosts").succeeds().stdout, "secret\nmine\n");
    assert_eq!(fs::read_to_string(env.path("home/hosts")).unwrap(), "secret\n");
}

#[test]
fn a_home_of_the_boxs_own_begins_with_the_images_skeleton() {
    requires!(user, userns, subid, overlay, fixtures);
    let rootfs = Rootfs::busybox().dir("etc/skel").dir("etc/skel/.config").file("etc/skel/.config/x", 0o644, b"x\n");
    let rootfs = rootfs.file("etc/skel/.profile", 0o4755, b"p\n").link("etc/skel/link", "/etc/passwd");
    let env = with_box(rootfs.fifo("etc/skel/fifo").tar());
    env.reconfigure(&["home: private"]);
    let uid = rustix::process::getuid().as_raw();
    let seen = env.sh("cd; cat .profile .config/x; readlink link; stat -c '%u %a' .profile .config/x .config; ls -A");
    let expected = format!("p\nx\n/etc/passwd\n{uid} 755\n{uid} 644\n{uid} 755\n.config\n.profile\nlink\n");
    assert_eq!(seen.succeeds().stdout, expected);
    env.sh("rm ~/.profile").succeeds();
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
    env.sh("test ! -e ~/.profile").succeeds();
    assert_eq!(names(&env.path("home")), [] as [&str; 0]);
}

#[test]
fn a_home_that_the_image_has_led_elsewhere_stays_in_the_box() {
    requires!(user, userns, subid, overlay, fixtures);
    for mode in ["private", "overlay", "none"] {
        let env = TestEnvironment::new();
        let home = env.path("home");
        fs::write(home.join("hosts"), "").unwrap();
        let inner = home.strip_prefix("/").unwrap().to_str().unwrap().to_owned();
        let top = inner.split('/').next().unwrap().to_owned();
        for rootfs in [
            Rootfs::busybox_without(&[&top]).link(&top, "etc"),
            Rootfs::busybox_without(&[&top]).link(&top, "/nonexistent/x"),
            Rootfs::busybox().link("etc/skel", &home),
        ] {
            let image = env.image(rootfs.tar());
            env.envbox(["create", BOX, "--image"]).arg(image).succeeds();
            env.reconfigure(&[&format!("home: {mode}"), "linger: 1"]);
            let script = "touch ~/mine; chmod 700 ~/. ; stat -c %u ~/mine";
            let outcome = env.sh(script).output();
            assert!(matches!(outcome.status.code(), Some(0 | 125)), "{mode}: {outcome:?}");
            assert_eq!(names(&home), ["hosts"], "{mode}");
            env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
        }
    }
}

/// The store lies in the home, where it is unless it was moved.
#[test]
fn the_store_is_hidden_under_every_home() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let image = env.image(Rootfs::busybox().tar());
    let (home, data) = (env.path("home"), env.path("home/.local/share"));
    fs::create_dir_all(&data).unwrap();
    let envbox = |args: &[&str]| env.envbox(args).env("XDG_DATA_HOME", &data);
    envbox(&["create", BOX, "--image", image.to_str().unwrap()]).succeeds();
    let config = data.join("envbox/boxes").join(BOX).join("box.yaml");
    for mode in MODES {
        let root = home.to_str().unwrap();
        for more in [
            String::new(),
            format!("project: {{root: {root}/.local}}\n"),
            format!("mounts: [{{bind: {root}/.local/share, at: /s}}, {{bind: {root}, at: /h}}]\n"),
        ] {
            fs::create_dir_all(home.join("p")).unwrap();
            fs::write(&config, format!("from: x\nlinger: 1\nhome: {mode}\n{more}")).unwrap();
            let script = "find / -name envbox -type d 2>/dev/null | grep -v '^/run' | while read d; do ls -A $d; done; \
                find / -name box.yaml 2>/dev/null; touch ~/.local/share/envbox/x 2>/dev/null && ls ~/.local/share/envbox; \
                sudo umount /s/envbox ~/.local/share/envbox 2>/dev/null && echo uncovered; true";
            let outcome = envbox(&["run", BOX, "--", "sh", "-c", script]).succeeds();
            // What stands in its place is the box's own, for boxes in it; elsewhere there is nothing to be seen.
            assert!(outcome.stdout.lines().all(|line| line == "x"), "{mode} {more}: {}", outcome.stdout);
            assert!(!outcome.stdout.contains("box.yaml") && !outcome.stdout.contains("uncovered"), "{mode} {more}");
            assert!(!data.join("envbox/x").exists());
            envbox(&["stop", "--time", "0", BOX]).succeeds();
        }
    }
    envbox(&["rm", "--all", "--yes", "--force"]).succeeds();
}

#[test]
fn as_root_a_home_that_cannot_be_under_an_overlay_is_said() {
    requires!(root, userns, overlay, fixtures);
    let env = busybox();
    fs::create_dir(env.path("home/mount")).unwrap();
    env.reconfigure(&["home: overlay"]);
    let script = format!("mount -t tmpfs none mount && exec {} run {BOX} -- true", crate::support::envbox().display());
    let output = env.command("unshare").args(["-m", "sh", "-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(125) && said.contains("`home: overlay` needs"), "{output:?}");
    env.sh("true").succeeds();
}

#[test]
fn fuse_overlayfs_has_the_same_homes() {
    requires!(user, userns, subid, overlay, fuse, fixtures);
    let env = busybox();
    fs::write(env.path("home/hosts"), "").unwrap();
    for (mode, sees) in [("private", false), ("overlay", true), ("none", false)] {
        env.reconfigure(&["overlay: fuse", &format!("home: {mode}")]);
        let seen = env.sh("test -e ~/hosts && echo yes; touch ~/mine; stat -c '%u %a' ~").succeeds().stdout;
        let uid = rustix::process::getuid().as_raw();
        assert_eq!(seen, format!("{}{uid} 700\n", if sees { "yes\n" } else { "" }), "{mode}");
        assert_eq!(names(&env.path("home")), ["hosts"], "{mode}");
    }
    env.reconfigure(&["home: private"]);
    env.sh("test -e ~/mine").succeeds();
}
