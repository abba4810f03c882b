//! The user's world in a box: who they are, what is theirs, and what is not to be touched.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use crate::support::boxes::{BOX, busybox, mounts, with_box};
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, requires};

/// The calling user: name, uid, gid.
fn user() -> (String, u32, u32) {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid.to_string())).unwrap();
    (line.split(':').next().unwrap().to_owned(), uid, gid)
}

#[test]
fn the_user_is_who_they_are() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = with_box(Rootfs::busybox().link("bin/bash", "sh").tar());
    let (name, uid, gid) = user();
    assert_eq!(env.sh("id -un; id -u; id -g").succeeds().stdout, format!("{name}\n{uid}\n{gid}\n"));
    let entry = env.sh(&format!("grep ^{name}: /etc/passwd; grep :{gid}: /etc/group")).succeeds().stdout;
    let shell = if entry.contains(":/bin/bash\n") { "/bin/bash" } else { "/bin/sh" };
    assert!(entry.contains(&format!("{name}:x:{uid}:{gid}:")) && entry.contains(":$ENV/home:"), "{entry}");
    assert!(entry.contains(shell), "{entry}");
    assert_eq!(
        env.run(["sudo", "grep", &format!("^{name}:"), "/etc/shadow"]).succeeds().stdout.matches(":*:").count(),
        1
    );
    let modes = env.sh("stat -c '%u:%g %a' /etc/passwd /etc/group /etc/shadow").succeeds().stdout;
    assert_eq!(modes, "0:0 644\n0:0 644\n0:0 600\n");
    // Each start finds them as they should be.
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
    assert_eq!(env.sh(&format!("grep -c ^{name}: /etc/passwd")).succeeds().stdout, "1\n");
    assert_eq!(env.sh("touch mine; stat -c %u:%g mine").succeeds().stdout, format!("{uid}:{gid}\n"));
    assert_eq!(fs::metadata(env.path("home/mine")).unwrap().uid(), uid);
}

#[test]
fn sudo_is_there_whatever_the_image_has() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = busybox();
    let (name, uid, gid) = user();
    assert_eq!(env.run(["sudo", "id", "-u"]).succeeds().stdout, "0\n");
    assert_eq!(
        env.run(["sudo", "sh", "-c", "id -G; echo $HOME $USER $SUDO_USER $SUDO_UID"]).succeeds().stdout,
        format!("0 10\n/root root {name} {uid}\n").replace("0 10\n", &env.run(["sudo", "id", "-G"]).succeeds().stdout)
    );
    assert_eq!(env.run(["sudo", "-u", &name, "id", "-u"]).succeeds().stdout, format!("{uid}\n"));
    assert_eq!(env.run(["sudo", "-u", "#33", "-g", "#34", "sh", "-c", "id -u; id -g"]).output().stdout, "33\n34\n");
    assert_eq!(env.sh("sudo -i pwd; sudo pwd; sudo -D /var pwd").succeeds().stdout, "/root\n$ENV/home\n/var\n");
    let seen = |script: &str| env.sh(script).env("MINE", "1").succeeds().stdout;
    assert_eq!(
        seen("sudo sh -c 'echo -$MINE-'; sudo -E sh -c 'echo -$MINE-'; sudo MINE=2 sh -c 'echo -$MINE-'"),
        "--\n-1-\n-2-\n"
    );
    env.run(["sudo", "sh", "-c", "exit 9"]).exits(9);
    env.run(["sudo", "-n", "true"]).succeeds();
    env.run(["sudo", "no-such-program"]).exits(1);
    env.run(["sudo", "-u", "nobody-there", "true"]).exits(1);
    env.sh("sudo chown 0:0 /home && sudo mkdir /home/x && sudo rmdir /home/x").succeeds();
    assert_eq!(env.run(["id", "-g"]).succeeds().stdout, format!("{gid}\n"));
}

#[test]
fn temporary_and_runtime_directories_are_the_boxs_own() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = busybox();
    let (_, uid, gid) = user();
    let mark = env.path("home").file_name().unwrap().to_owned();
    let host = Path::new("/tmp").join(format!("envbox-test-{}-{}", std::process::id(), mark.display()));
    fs::write(&host, "").unwrap();
    let seen = env.run(["test", "-e", host.to_str().unwrap()]).output();
    fs::remove_file(&host).unwrap();
    assert_eq!(seen.status.code(), Some(1));
    let script =
        "stat -c '%a %u:%g' /tmp /run/user/* $XDG_RUNTIME_DIR; ls -A $XDG_RUNTIME_DIR; touch $XDG_RUNTIME_DIR/x";
    assert_eq!(env.sh(script).succeeds().stdout, format!("1777 0:0\n700 {uid}:{gid}\n700 {uid}:{gid}\n"));
    // What was written in the box's is not in the host's, where envbox itself keeps nothing either.
    assert_eq!(fs::read_dir(env.path("run")).unwrap().count(), 0);
}

#[test]
fn names_and_addresses_are_the_hosts() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let same = |name: &str| {
        env.run(["cat", &format!("/etc/{name}")]).succeeds().bytes == fs::read(format!("/etc/{name}")).unwrap()
    };
    assert!(!Path::new("/etc/resolv.conf").exists() || same("resolv.conf"));
    assert!(!Path::new("/etc/localtime").exists() || same("localtime"));
    let hosts = env.run(["cat", "/etc/hosts"]).succeeds().stdout;
    assert!(
        hosts.starts_with(&fs::read_to_string("/etc/hosts").unwrap_or("127.0.0.1\tlocalhost\n".into()))
            && hosts.contains("127.0.1.1\tb\n"),
        "{hosts}"
    );
    assert_eq!(env.run(["hostname"]).succeeds().stdout, "b\n");
    env.envbox(["stop", "--time", "0", BOX]).succeeds();
    env.configure(BOX, "hostname: other.name");
    assert_eq!(env.run(["hostname"]).succeeds().stdout, "other.name\n");
    // What root of the box has made of them is made good, and breaks nothing.
    env.run(["sudo", "sh", "-c", "cd /run/envbox; rm hosts; echo mine > hosts; rm resolv.conf; mknod resolv.conf p"])
        .succeeds();
    assert!(env.run(["cat", "/etc/hosts"]).succeeds().stdout.contains("other.name"));
}

#[test]
fn a_locale_that_is_missing_gives_way() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(Rootfs::busybox().dir("usr/lib").dir("usr/lib/locale").dir("usr/lib/locale/de_DE.utf8").tar());
    let lang = |name: &str| env.sh("echo $LANG $LC_TIME").env("LANG", name).env("LC_TIME", "C").succeeds().stdout;
    assert_eq!((lang("xx_YY.UTF-8"), lang("de_DE.UTF-8")), ("C.UTF-8 C\n".to_owned(), "de_DE.UTF-8 C\n".to_owned()));
}

#[test]
fn the_shell_is_the_users_or_the_best_there_is() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(Rootfs::busybox().file("bin/fish", 0o755, b"#!/bin/sh\nexec sh \"$@\"\n").tar());
    env.configure(BOX, "shell: /bin/fish");
    assert_eq!(env.envbox(["enter", BOX]).stdin("echo $SHELL\n").succeeds().stdout, "/bin/fish\n");
    let env = with_box(Rootfs::busybox_without(&["bin", "sbin"]).tar());
    let outcome = env.envbox(["enter", BOX]).output();
    assert!(!outcome.status.success() && outcome.stderr.contains("shell"), "{outcome:?}");
}

/// All that is under a directory: what it is, how large, when changed, and what is in it.
fn snapshot(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let (path, at) = (entry.path(), entry.metadata().unwrap());
        let content = if at.is_file() { fs::read_to_string(&path).unwrap() } else { String::new() };
        let about = format!("{:o} {} {} {}.{} {content}", at.mode(), at.uid(), at.ino(), at.mtime(), at.mtime_nsec());
        found.insert(path.display().to_string(), about);
        if at.is_dir() {
            found.extend(snapshot(&path));
        }
    }
    found
}

/// Whatever an image has in the place of what envbox makes or mounts, the home stays as it is.
#[test]
fn a_hostile_image_reaches_nothing_of_the_users() {
    requires!(user, userns, subid, overlay, fixtures);
    let places = [
        "etc",
        "dev",
        "proc",
        "sys",
        "tmp",
        "run",
        "home",
        "var",
        "run/user",
        "run/envbox",
        "etc/passwd",
        "etc/group",
        "etc/shadow",
        "etc/resolv.conf",
        "etc/hosts",
        "etc/localtime",
        "usr/local",
        "usr/local/bin",
        "usr/local/bin/sudo",
        "etc/sudoers.d",
    ];
    let before = mounts();
    for place in places {
        for kind in ["home", "up", "inside", "fifo", "file", "dangling"] {
            let env = TestEnvironment::new();
            let home = env.path("home");
            // Directories of the names that are looked for behind the link.
            for dir in ["envbox", "user", "bin", "local/bin", "pts", "etc", "x/envbox"] {
                fs::create_dir_all(home.join(dir)).unwrap();
            }
            for file in ["passwd", "group", "shadow", "hosts", "resolv.conf", "x/hosts", "null", "envbox/hosts"] {
                fs::write(home.join(file), "root:x:0:0::/:/bin/sh\n").unwrap();
            }
            let mut rootfs = Rootfs::busybox_without(&[place]);
            if let Some(parent) = Path::new(place).parent().filter(|parent| !parent.as_os_str().is_empty()) {
                rootfs = rootfs.dir(parent.to_str().unwrap());
            }
            // The image may know the home, and have directories on the way there.
            let inner = home.strip_prefix("/").unwrap().to_str().unwrap().to_owned();
            rootfs = match kind {
                "home" => rootfs.link(place, &home),
                "up" => rootfs.link(place, Path::new("../../../../../../..").join(&inner)),
                "inside" => rootfs.dir(&format!("{inner}/x")).link(place, home.join("x")),
                "fifo" => rootfs.fifo(place),
                "file" => rootfs.file(place, 0o4777, b"x\n"),
                _ => rootfs.link(place, "/nonexistent/there"),
            };
            let image = env.image(rootfs.tar());
            let created = env.envbox(["create", BOX, "--image"]).arg(image).output();
            let seen = snapshot(&home);
            if created.status.success() {
                for _ in 0..2 {
                    let outcome = env.run(["/bin/sh", "-c", "exit 3"]).output();
                    assert!(matches!(outcome.status.code(), Some(3 | 125)), "{place} {kind}: {outcome:?}");
                    env.envbox(["stop", "--time", "0", BOX]).succeeds();
                }
            }
            assert_eq!(snapshot(&home), seen, "{place} {kind}");
        }
    }
    assert_eq!(mounts(), before);
}

#[test]
fn the_store_is_hidden_from_the_box() {
    requires!(userns, subid, overlay, fixtures);
    let env = TestEnvironment::new();
    let image = env.image(Rootfs::busybox().tar());
    fs::create_dir_all(env.path("home/.local/share")).unwrap();
    symlink("home", env.path("link")).unwrap();
    // The store under the home; the same where one of the two is named by a link.
    let (home, link) = (env.path("home"), env.path("link"));
    for (home, data) in
        [(&home, home.join(".local/share")), (&link, home.join(".local/share")), (&home, link.join(".local/share"))]
    {
        let envbox = |args: &[&str]| env.envbox(args).env("HOME", home).env("XDG_DATA_HOME", &data).dir(home);
        envbox(&["create", BOX, "--image", image.to_str().unwrap()]).succeeds();
        let script = "ls -A $HOME/.local/share/envbox; touch $HOME/.local/share/envbox/x 2>/dev/null && echo written";
        let outcome = envbox(&["run", BOX, "--", "sh", "-c", script]).output();
        envbox(&["rm", "--yes", "--force", BOX]).succeeds();
        // What is there is the box's own, or nothing.
        assert!(["", "written\n"].contains(&&*outcome.stdout), "{} {} {outcome:?}", home.display(), data.display());
        assert!(!env.path("home/.local/share/envbox/x").exists());
    }
    let args = ["rm", "--all", "--yes", "--force"];
    env.envbox(args).env("XDG_DATA_HOME", env.path("home/.local/share")).succeeds();
}

#[test]
fn a_terminals_description_comes_along() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let dir = env.path("home/.terminfo/o");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("odd-term"), "a description").unwrap();
    let mut command = env.command(crate::support::envbox());
    command.args(["run", BOX, "--", "sh", "-c", "cat ${TERMINFO_DIRS%%:*}/o/odd-term; echo; echo $TERM"]);
    command.env("TERM", "odd-term").env("TERMINFO", env.path("home/.terminfo"));
    assert_eq!(crate::support::Pty::spawn(&command).wait().1, "a description\r\nodd-term\r\n");
}

#[test]
fn sudo_passes_on_words_and_not_a_script() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let words = env.run(["sudo", "-s", "printf", "[%s]", "a b", "c;id", "'"]).succeeds();
    assert_eq!(words.stdout, "[a b][c;id][']");
    assert_eq!(env.sh("A=1 B=2 sudo --preserve-env=A env").succeeds().stdout.matches("\nA=1\n").count(), 1);
}

#[test]
fn as_root_the_kernels_controls_are_out_of_reach() {
    requires!(root, userns, overlay, fixtures);
    let env = busybox();
    let script = "for f in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness; do v=$(cat $f); echo $v > $f && exit 9; done; \
        umount /proc/sys && exit 8; mount -o remount,bind,rw /proc/sys && exit 7; true";
    env.sh(script).succeeds();
}
