//! What is mounted into a box: the project's directory, the host's files, caches, memory.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};

use crate::support::boxes::{BOX, busybox, with_box};
use crate::support::requires;
use crate::support::rootfs::Rootfs;

#[test]
fn the_project_is_in_its_box_at_its_own_path() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = busybox();
    let uid = rustix::process::getuid().as_raw();
    for (dir, mode) in [
        ("home/p", "host"),
        ("home/a/b c/p", "project"),
        ("home/p", "overlay"),
        ("home/p", "none"),
        ("outside/p", "host"),
        ("outside/p", "private"),
    ] {
        let root = env.path(dir);
        fs::create_dir_all(root.join("src")).unwrap();
        env.reconfigure(&[&format!("home: {mode}"), &format!("project: {{root: '{}'}}", root.display())]);
        let seen = env.sh("pwd; touch made; stat -c %u made").dir(root.join("src")).succeeds().stdout;
        assert_eq!(seen, format!("$ENV/{dir}/src\n{uid}\n"), "{dir} {mode}");
        assert_eq!(fs::metadata(root.join("src/made")).unwrap().uid(), uid);
        // Its parents below the home are the user's.
        env.sh("touch ../../made").dir(root.join("src")).output();
        if dir.starts_with("home") {
            env.sh(&format!("touch '{}'/beside", root.parent().unwrap().display())).succeeds();
        }
        fs::remove_dir_all(&root).unwrap();
    }
}

#[test]
fn a_project_is_found_by_any_name() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = busybox();
    let odd = OsStr::from_bytes("ö \"q\" 'x' $y".as_bytes());
    let root = env.path("home").join(odd);
    fs::create_dir(&root).unwrap();
    let quoted = serde_json::to_string(root.to_str().unwrap()).unwrap();
    env.reconfigure(&["home: private", &format!("project: {{root: {quoted}}}")]);
    env.sh("touch here").dir(&root).succeeds();
    assert!(root.join("here").exists());
    // By a link that the box does not have.
    symlink(&root, env.path("home/link")).unwrap();
    env.sh("test -e here").dir(env.path("home/link")).env("PWD", env.path("home/link")).succeeds();
}

#[test]
fn a_project_that_cannot_be_in_a_box() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = busybox();
    let home = env.path("home");
    for (root, mode, reason) in [
        ("/".into(), "project", "is the box's own"),
        ("/usr/share".into(), "host", "is the box's own"),
        ("/etc".into(), "project", "is the box's own"),
        ("/proc/1".into(), "project", "is the box's own"),
        ("/proc/self".into(), "project", "leads elsewhere"),
        (home.clone(), "project", "is the home directory"),
        (home.parent().unwrap().to_owned(), "project", "lies in it"),
        (env.path("data/envbox/boxes"), "project", "belongs to envbox"),
        (env.path("cache/envbox"), "host", "belongs to envbox"),
        (env.path("gone"), "project", "has no"),
    ] {
        fs::create_dir_all(env.path("cache/envbox")).unwrap();
        env.reconfigure(&[&format!("home: {mode}"), &format!("project: {{root: '{}'}}", root.display())]);
        let outcome = env.run(["true"]).exits(125);
        assert!(outcome.stderr.contains(reason), "{}: {}", root.display(), outcome.stderr);
    }
}

#[test]
fn files_and_directories_of_the_hosts() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = busybox();
    let uid = rustix::process::getuid().as_raw();
    fs::create_dir_all(env.path("out/d")).unwrap();
    fs::write(env.path("out/d/f"), "f\n").unwrap();
    let out = env.path("out");
    let out = out.display();
    env.reconfigure(&[
        "home: private",
        &format!(
            "mounts: [{{bind: {out}/d, at: /opt/x/d}}, {{bind: {out}/d/f, at: ~/in/f, read_only: true}}, \
             {{tmpfs: 64K, at: /opt/x/d/t}}, {{bind: '~/h', at: /h}}]"
        ),
    ]);
    fs::create_dir(env.path("home/h")).unwrap();
    let seen =
        env.sh("cat /opt/x/d/f ~/in/f; stat -c %u ~/in /opt/x /opt/x/d/t; touch /opt/x/d/made /h/made ~/in/made");
    assert_eq!(seen.succeeds().stdout, format!("f\nf\n{uid}\n0\n{uid}\n"));
    assert!(env.path("out/d/made").exists() && env.path("home/h/made").exists());
    assert_eq!(fs::metadata(env.path("out/d/t")).unwrap().uid(), uid, "a place in what is the user's is the user's");
    assert_ne!(env.sh("echo x > ~/in/f").output().status.code(), Some(0));
    env.sh("dd if=/dev/zero of=/opt/x/d/t/x bs=1k count=60 2>/dev/null").succeeds();
    assert_ne!(env.sh("dd if=/dev/zero of=/opt/x/d/t/y bs=1k count=60 2>/dev/null").output().status.code(), Some(0));
    assert!(!env.path("out/d/t/x").exists());
    // The plan says so in words.
    let plan = env.envbox(["enter", BOX, "--dry-run"]).succeeds().stdout;
    for line in ["place     /opt/x/d  (directory, 0:0, if missing)", "at most 64K)", "in/f  (from $ENV/out/d/f, ro)"] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    // A project's box has its binds as where they led when the user agreed, and nothing else is followed.
    fs::create_dir(env.path("home/p")).unwrap();
    let project = format!("project: {{root: {}}}", env.path("home/p").display());
    env.reconfigure(&[&project, "mounts: [{bind: ../../out/d, at: /d}]"]);
    let said = env.sh("test -e /d/f").exits(125).stderr;
    assert!(said.contains("leads elsewhere now"), "{said}");
    env.reconfigure(&[&project, &format!("mounts: [{{bind: {out}/d, at: /d}}]")]);
    env.sh("test -e /d/f").succeeds();
}

#[test]
fn mounts_that_cannot_be() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = busybox();
    fs::create_dir(env.path("home/d")).unwrap();
    let (home, store) = (env.path("home"), env.path("data/envbox/boxes"));
    symlink(&store, env.path("home/link")).unwrap();
    let (home, store) = (home.to_str().unwrap(), store.to_str().unwrap());
    let up = home.rsplit_once('/').unwrap().0;
    for (mount, reason) in [
        ("{bind: d, at: /d}".to_owned(), "relative"),
        ("{bind: ~/gone, at: /d}".to_owned(), "has no"),
        ("{bind: ~/d, at: /proc/x}".to_owned(), "is the box's own"),
        ("{bind: ~/d, at: /run/envbox/x}".to_owned(), "is the box's own"),
        ("{bind: ~/d, at: /usr}".to_owned(), "is the box's own"),
        ("{tmpfs: 1M, at: '~'}".to_owned(), "something else"),
        (format!("{{tmpfs: 1M, at: {up}}}"), "lies in it"),
        ("{bind: /, at: /h}".to_owned(), "is the host itself"),
        ("{bind: /proc/self/root, at: /h}".to_owned(), "is the host itself"),
        (format!("{{bind: {store}, at: /s}}"), "belongs to envbox"),
        (format!("{{bind: {store}/{BOX}/box.yaml, at: /s}}"), "belongs to envbox"),
        ("{bind: ~/link, at: /s}".to_owned(), "belongs to envbox"),
        ("{tmpfs: 1M, at: /d}, {tmpfs: 1M, at: /d}".to_owned(), "something else"),
    ] {
        env.reconfigure(&[&format!("mounts: [{mount}]")]);
        let outcome = env.run(["true"]).exits(125);
        let named = outcome.stderr.contains("box.yaml: mounts[");
        assert!(named && outcome.stderr.contains(reason), "{mount}: {}", outcome.stderr);
    }
    // What lies around the store is there, without it.
    env.reconfigure(&[&format!("mounts: [{{bind: {up}/data, at: /data}}]")]);
    assert_eq!(
        env.sh("ls -A /data /data/envbox; sudo ls -A /data/envbox").succeeds().stdout.matches("boxes").count(),
        0
    );
}

#[test]
fn caches_are_their_projects() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = busybox();
    let image = env.path("rootfs.tar");
    for name in ["two", "three"] {
        env.envbox(["create", name, "--image"]).arg(&image).succeeds();
    }
    let of = |name: &str, project: Option<&str>| {
        let project = project.map(|project| env.path(&format!("home/{project}")));
        if let Some(root) = &project {
            fs::create_dir_all(root).unwrap();
            env.configure(name, &format!("project: {{root: {}}}", root.display()));
        }
        env.configure(name, "home: private");
        env.configure(name, "linger: 1");
        env.configure(name, "mounts: [{cache: c, at: ~/.cache/c}]");
    };
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
    [(BOX, "p"), ("two", "p"), ("three", "q")].into_iter().for_each(|(name, project)| of(name, Some(project)));
    let sh = |name: &str, script: &str| env.envbox(["run", name, "--", "sh", "-c", script]).succeeds().stdout;
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(
        sh(BOX, "stat -c %u ~/.cache ~/.cache/c; echo x > ~/.cache/c/x; sudo touch ~/.cache/c/roots"),
        format!("{uid}\n{uid}\n")
    );
    assert_eq!((sh("two", "cat ~/.cache/c/x"), sh("three", "ls ~/.cache/c")), ("x\n".into(), String::new()));
    env.envbox(["rm", "--yes", "--force", BOX, "two"]).succeeds();
    env.envbox(["create", BOX, "--image"]).arg(&image).succeeds();
    of(BOX, Some("p"));
    assert_eq!(sh(BOX, "cat ~/.cache/c/x"), "x\n");
    // They go when neither the project nor a box of it is left.
    fs::remove_dir_all(env.path("home/p")).unwrap();
    let volumes = || fs::read_dir(env.path("data/envbox/volumes")).unwrap().count();
    env.envbox(["gc"]).succeeds();
    assert_eq!(volumes(), 2);
    env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
    assert!(env.envbox(["gc"]).succeeds().stdout.contains("caches: 1"));
    assert_eq!(volumes(), 1);
    // A plain box takes its own along.
    env.envbox(["create", BOX, "--image"]).arg(&image).succeeds();
    of(BOX, None);
    sh(BOX, "sudo touch ~/.cache/c/x");
    assert_eq!(volumes(), 2);
    env.envbox(["rm", "--yes", "--force", BOX]).succeeds();
    assert_eq!((volumes(), env.staged().len()), (1, 0));
}

#[test]
fn an_image_does_not_lead_mounts_out_of_the_box() {
    requires!(user, userns, subid, overlay, fixtures);
    let home = |env: &crate::support::TestEnvironment| env.path("home");
    let env = with_box(Rootfs::busybox().tar());
    let target = home(&env);
    fs::create_dir(target.join("d")).unwrap();
    fs::write(target.join("f"), "mine").unwrap();
    // Links from places in the box to the home, absolute and by way of `..`, left by its root as an image would have them.
    let script = format!(
        "sudo ln -s {0} /abs; sudo ln -s ../../../../..{0} /up; sudo ln -s /nonexistent/x /dangling; sudo ln -s {0}/f /file",
        target.display()
    );
    env.sh(&script).succeeds();
    for at in ["/abs", "/abs/x", "/up/x/y", "/dangling", "/dangling/x", "/file", "/file/x"] {
        for mount in ["{tmpfs: 1M", "{bind: ~/d", "{bind: ~/f", "{cache: c"] {
            env.reconfigure(&["home: host", &format!("mounts: [{mount}, at: {at}}}]")]);
            let outcome = env.run(["true"]).output();
            assert!(matches!(outcome.status.code(), Some(0 | 125)), "{mount} {at}: {outcome:?}");
            let mut names: Vec<_> = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, ["d", "f"], "{mount} {at}");
            assert_eq!(fs::read(target.join("f")).unwrap(), b"mine");
        }
    }
}

#[test]
fn as_root_another_mount_of_the_store_shows_nothing() {
    requires!(root, userns, overlay, fixtures);
    let env = busybox();
    let root = env.path("home/p");
    fs::create_dir_all(root.join("all")).unwrap();
    fs::create_dir_all(root.join("part")).unwrap();
    let data = env.path("data");
    env.reconfigure(&["home: private", &format!("project: {{root: {}}}", root.display())]);
    let script = format!(
        "mount --bind {data} all && mount --bind {data}/envbox/boxes part && exec {envbox} run {BOX} -- \
         sh -c 'ls -A all all/envbox part; umount all/envbox 2>/dev/null && echo uncovered; true'",
        data = data.display(),
        envbox = crate::support::envbox().display()
    );
    let output = env.command("unshare").args(["-m", "sh", "-c", &script]).current_dir(&root).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "all:\nenvbox\n\nall/envbox:\n\npart:\n", "{output:?}");
}
