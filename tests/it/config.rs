//! What an image wants of a process in it, and who a session is.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use envbox::image::Image;
use envbox::image::oci::RunConfig;
use envbox::store::Store;

use crate::support::boxes::{BOX, busybox, eventually, kill, long_sleep, pid, sleepers, with_box};
use crate::support::rootfs::Rootfs;
use crate::support::{Pty, TestEnvironment, envbox, requires};

const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\nwww:x:33:34::/srv/www:/bin/false\ntoor:x:0:0::/root:/bin/sh\n";
const GROUP: &[u8] = b"root:x:0:\nwww:x:34:\nadm:x:4:www\n";

/// BusyBox with the users `www`, which is in the groups `www` and `adm`, and `toor`, which is root.
fn rootfs() -> Rootfs {
    Rootfs::busybox_without(&["etc/passwd", "etc/group"])
        .file("etc/passwd", 0o644, PASSWD)
        .file("etc/group", 0o644, GROUP)
        .dir("srv/www")
        .dir("opt/tools")
        .file("opt/tools/show", 0o755, b"#!/bin/sh\necho \"$@\"\n")
}

impl TestEnvironment {
    /// Lets the box's image, and the name that it is known by, have this config.
    fn wish(&self, config: RunConfig) {
        let data = self.path("data/envbox");
        let store = Store::open(data.clone()).unwrap();
        let known = fs::read_dir(data.join("refs")).unwrap().map(|entry| entry.unwrap().path());
        let text = known.filter_map(|path| fs::read_to_string(path).ok()).find(|text| text.contains(' ')).unwrap();
        let (_, name) = text.trim_end().split_once(' ').unwrap();
        let image = Image { config, ..store.open_box(&BOX.parse().unwrap()).unwrap().image };
        let lock = store.lock_name(name, || {}).unwrap();
        let leases: Vec<_> = image.layers.iter().map(|layer| store.lease(layer).unwrap().unwrap()).collect();
        let digest = store.commit_image(&lock, &image, &leases).unwrap().digest();
        fs::write(data.join(format!("boxes/{BOX}/image")), format!("{digest}\n")).unwrap();
    }

    /// The image's own command, with these arguments of `run`.
    fn own(&self, options: &[&str]) -> crate::support::Run<'_> {
        self.envbox(["run"]).arg("-q").args(options).arg(BOX)
    }
}

fn sh(script: &str) -> RunConfig {
    RunConfig { entrypoint: words(&["sh", "-c", script]), ..RunConfig::default() }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Who somebody is, in one line.
const WHO: &str = "echo $(id -u):$(id -g) $(id -G) $HOME $USER $LOGNAME ${XDG_RUNTIME_DIR-none}";

#[test]
fn an_images_variables_come_over_the_callers_and_under_the_boxs() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    let script = "echo $A $B $C $LD_LIBRARY_PATH; echo $PATH; echo $HOME; echo $TERM; show found";
    env.configure(BOX, "env: {C: box}");
    let hostile = ["HOME=/evil", "USER=evil", "=x", "none", "TERM=dumb", "PATH=/opt/tools:.::/bin"];
    env.wish(RunConfig {
        env: words(&[&["A=image", "B=im=age", "C=image", "LD_LIBRARY_PATH=/l"], &hostile[..]].concat()),
        ..sh(script)
    });
    let expected = format!(
        "image im=age box /l\n/opt/tools:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin\n{}\nxterm-256color\nfound\n",
        env.normalise(&env.path("home").display().to_string())
    );
    let given = |run: crate::support::Run<'_>| run.env("A", "caller").env("LD_LIBRARY_PATH", "/host").succeeds().stdout;
    assert_eq!(given(env.sh(script)), expected);
    assert_eq!(given(env.own(&[])), expected);
}

#[test]
fn the_images_own_command_runs_in_its_own_place() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    env.wish(RunConfig {
        entrypoint: words(&["/opt/tools/show", "a b"]),
        cmd: words(&["c", "$HOME"]),
        working_dir: "/srv".into(),
        ..RunConfig::default()
    });
    assert_eq!(env.own(&[]).succeeds().stdout, "a b c $HOME\n");
    assert_eq!(env.run(["echo", "only", "this"]).succeeds().stdout, "only this\n");
    env.wish(RunConfig { cmd: words(&["pwd"]), working_dir: "/srv/www".into(), ..RunConfig::default() });
    assert_eq!(env.own(&[]).succeeds().stdout, "/srv/www\n");
    assert_eq!(env.own(&["--workdir", "/opt"]).succeeds().stdout, "/opt\n");
    assert_eq!(env.run(["pwd"]).succeeds().stdout, "$ENV/home\n");
    env.wish(RunConfig { cmd: words(&["pwd"]), ..RunConfig::default() });
    assert_eq!(env.own(&[]).succeeds().stdout, "/\n");
    assert_eq!(env.own(&["--no-workdir"]).succeeds().stdout, "$ENV/home\n");
    // And of an image that has no box yet.
    let image = env.path("rootfs.tar");
    assert_eq!(env.envbox(["run", "--rm"]).arg(image).succeeds().stdout, "/\n");
}

#[test]
fn an_image_without_a_command_says_so() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let outcome = env.own(&[]).exits(125);
    assert!(outcome.stderr.contains("has no command of its own"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
}

#[test]
fn a_working_directory_that_the_image_lacks_is_the_top_and_is_not_made() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    let wanted = env.path("home/made").display().to_string();
    env.wish(RunConfig { cmd: words(&["pwd"]), working_dir: wanted.clone(), ..RunConfig::default() });
    let outcome = env.own(&[]).succeeds();
    assert_eq!(outcome.stdout, "/\n");
    assert!(!std::path::Path::new(&wanted).exists());
}

#[test]
fn working_directories_that_lead_out_are_refused() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().link("srv/out", "/proc/self/fd/9").tar());
    let script = |dir: &str| {
        // Descriptors of the host's, which a session could be led to.
        let open: String = (3..10).map(|fd| format!("exec {fd}<.; ")).collect();
        let run = |options: &str| format!("{:?} run {options} {BOX}", envbox());
        (format!("{open} {}", run("-q")), format!("{open} {} -- pwd", run(&format!("--workdir {dir}"))))
    };
    for dir in (3..41).map(|fd| format!("/proc/self/fd/{fd}")).chain(["/srv/out".into(), "/proc/1/cwd".into()]) {
        env.wish(RunConfig { cmd: words(&["pwd"]), working_dir: dir.clone(), ..RunConfig::default() });
        let (own, named) = script(&dir);
        for script in [own, named] {
            let output = env.command("bash").args(["-c", &script]).output().unwrap();
            assert_ne!(output.status.code(), Some(0), "{script}: {output:?}");
            assert_eq!(output.stdout, b"", "{script}");
        }
    }
    for dir in ["srv", "../etc", "/srv/../etc"] {
        env.wish(RunConfig { cmd: words(&["pwd"]), working_dir: dir.into(), ..RunConfig::default() });
        let outcome = env.own(&[]).output();
        assert!(matches!(outcome.status.code(), Some(125 | 127)), "{dir}: {outcome:?}");
    }
}

#[test]
fn a_session_is_whom_one_asks_for() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    let who = |user: &str| env.envbox(["run", "-q", "--user", user, BOX, "--", "sh", "-c", WHO]).succeeds().stdout;
    assert_eq!(who("root"), "0:0 0 /root root root none\n");
    assert_eq!(who("0:www"), "0:34 34 /root root root none\n");
    assert_eq!(who("www"), "33:34 34 4 /srv/www www www none\n");
    assert_eq!(who("33"), who("www"));
    assert_eq!(who("www:adm"), "33:4 4 /srv/www www www none\n");
    assert_eq!(who("1:7"), "1:7 7 / 1 1 none\n");
    assert_eq!(who("12345"), "12345:0 0 / 12345 12345 none\n");
    let (uid, name) = (env.run(["id", "-u"]).succeeds().stdout, env.run(["id", "-un"]).succeeds().stdout);
    let own = env.run(["sh", "-c", WHO]).succeeds().stdout;
    assert_eq!((who(uid.trim()), who(name.trim())), (own.clone(), own));
    assert_eq!(env.envbox(["enter", "-u", "www", BOX]).stdin("id -un\n").succeeds().stdout, "www\n");
}

#[test]
fn a_user_who_cannot_be_is_an_error() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    let refused = |user: &str| env.envbox(["run", &format!("--user={user}"), BOX, "--", "true"]).exits(125).stderr;
    for bad in ["", "-1", "4294967295", "4294967296", "1:", ":1", "1:2:3", "+1", " 1", "a/b"] {
        assert!(refused(bad).contains("is not NAME, UID"), "{bad}");
    }
    assert!(refused("nobody-at-all").contains("the box has no user `nobody-at-all`"));
    assert!(refused("1:x").contains("the box has no group `x`"));
    assert!(refused("1x").contains("the box has no user `1x`"));
    assert!(refused("3000000000").contains("cannot become user `3000000000`"));
    assert!(refused("0:70000").contains("cannot become user `root`"));
}

#[test]
fn account_files_that_are_none_have_nobody_in_them() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    // The box's root can do this at any time, and a session must not wait for it.
    for make in ["mkfifo", "ln -s /dev/zero", "ln -s /proc/self/mem", "mkdir", "true"] {
        let script = format!("for f in /etc/passwd /etc/group; do rm -rf $f; {make} $f; done");
        env.envbox(["run", "-q", "--user", "0", BOX, "--", "sh", "-c", &script]).succeeds();
        // Not id(1), which would itself wait for the file.
        let as_user =
            |user: &str| env.envbox(["run", "-q", "--user", user, BOX, "--", "stat", "-Lc", "%u", "/proc/self"]);
        assert_eq!(as_user("5").succeeds().stdout, "5\n", "{make}");
        assert_eq!(as_user("root").succeeds().stdout, "0\n", "{make}");
        assert!(as_user("www").exits(125).stderr.contains("has no user `www`"), "{make}");
    }
}

#[test]
fn another_user_has_a_terminal_and_can_write_to_it() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    let mut command = env.command(envbox());
    command.args(["run", "-q", "--user", "www", BOX, "--", "sh", "-c", "echo hello > /dev/stdout; id -u > /dev/tty"]);
    assert_eq!(Pty::spawn(&command).wait().1, "hello\r\n33\r\n");
    // A log that is a link to standard output is a pipe here.
    let script = "echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin";
    let outcome = env.envbox(["run", "-q", "--user", "www", BOX, "--", "sh", "-c", script]).stdin("in\n").succeeds();
    assert_eq!((&*outcome.stdout, &*outcome.stderr), ("out\nin\n", "err\n"));
}

#[test]
fn an_image_is_the_user_it_names_but_never_root_unasked() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    let own = env.run(["sh", "-c", WHO]).succeeds().stdout;
    for (user, expected) in [
        ("www", "33:34 34 4 /srv/www www www none\n"),
        ("33:4", "33:4 4 /srv/www www www none\n"),
        ("9", "9:0 0 / 9 9 none\n"),
    ] {
        env.wish(RunConfig { user: user.into(), ..sh(WHO) });
        assert_eq!(env.own(&[]).succeeds().stdout, expected, "{user}");
        assert_eq!(env.sh(WHO).succeeds().stdout, own, "another command is one's own: {user}");
    }
    // The last two are root by a name that only the box's files know.
    for root in ["", "root", "0", "0:0", "toor", "toor:www"] {
        env.wish(RunConfig { user: root.into(), ..sh(WHO) });
        let outcome = env.envbox(["run", BOX]).succeeds();
        assert_eq!(outcome.stdout, own, "{root}");
        assert_eq!(outcome.stderr.matches("--user root").count(), 1, "{root}: {}", outcome.stderr);
        let asked = env.envbox(["run", "--user", "root", BOX]).succeeds();
        assert_eq!((&*asked.stdout, &*asked.stderr), ("0:0 0 /root root root none\n", ""), "{root}");
    }
    for bad in ["-1", "www:", "4294967295", "nobody-at-all", "1:x"] {
        env.wish(RunConfig { user: bad.into(), ..sh(WHO) });
        env.own(&[]).exits(125);
    }
}

#[test]
fn an_images_user_of_ones_own_id_is_oneself_by_another_name() {
    requires!(user, userns, subid, overlay, fixtures);
    let uid = rustix::process::geteuid().as_raw();
    let passwd = [PASSWD, format!("node:x:{uid}:{uid}::/srv/www:/bin/sh\n").as_bytes()].concat();
    let rootfs = Rootfs::busybox_without(&["etc/passwd"]).file("etc/passwd", 0o644, &passwd).dir("srv/www");
    let env = with_box(rootfs.tar());
    env.wish(RunConfig { user: "node".into(), ..sh("id -u; echo $USER $HOME; touch \"$OLD_HOME/mine\"") });
    let outcome = env.own(&[]).env("OLD_HOME", env.path("home")).succeeds();
    assert_eq!(outcome.stdout, format!("{uid}\nnode /srv/www\n"));
    assert!(env.path("home/mine").exists());
    assert_ne!(env.run(["id", "-un"]).succeeds().stdout, "node\n", "by number one is oneself");
}

#[test]
fn as_root_an_images_command_is_whom_the_image_names() {
    requires!(root, userns, overlay, fixtures);
    let env = with_box(rootfs().tar());
    env.wish(RunConfig { user: "www".into(), ..sh(WHO) });
    assert_eq!(env.own(&[]).succeeds().stdout, "33:34 34 4 /srv/www www www none\n");
    env.wish(sh("id -u"));
    let outcome = env.envbox(["run", BOX]).succeeds();
    assert_eq!((&*outcome.stdout, &*outcome.stderr), ("0\n", ""));
}

#[test]
fn ports_and_volumes_are_told_of_once() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    env.wish(RunConfig {
        user: "www".into(),
        exposed_ports: words(&["80/tcp", "\u{1b}[31m"]),
        volumes: words(&["/data"]),
        ..sh("true")
    });
    let outcome = env.envbox(["run", BOX]).succeeds();
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("80/tcp") && outcome.stderr.contains("/data"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.stderr);
    assert_eq!(env.run(["true"]).succeeds().stderr, "");
}

/// What traps say when the box is stopped: of the image's own command, and of another beside it.
fn stopped(env: &TestEnvironment, signal: &str) -> (String, String) {
    let traps = "for s in TERM HUP QUIT INT WINCH; do trap \"echo $s\" $s; done; trap 'echo USR1; exit' USR1; echo ready; \
        i=0; while [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done";
    env.wish(RunConfig { stop_signal: signal.into(), ..sh(traps) });
    let start = |args: &[&str]| {
        let mut command = env.command(envbox());
        command.args(["run", "-q", BOX]).args(args).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().unwrap(), "ready");
        (child, lines)
    };
    let (mut own, own_lines) = start(&[]);
    let (mut other, other_lines) = start(&["--", "sh", "-c", traps]);
    env.envbox(["stop", "--time", "1", BOX]).succeeds();
    own.wait().unwrap();
    other.wait().unwrap();
    (own_lines.collect::<Vec<_>>().join(" "), other_lines.collect::<Vec<_>>().join(" "))
}

#[test]
fn stopping_sends_the_images_command_the_signal_it_asks_for() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    let all = |text: &str| text.contains("TERM") && text.contains("HUP");
    for (signal, expected) in
        [("SIGQUIT", "QUIT"), ("28", "WINCH"), ("USR1", "USR1"), ("", "TERM"), ("SIGNONE", "TERM")]
    {
        let (own, other) = stopped(&env, signal);
        assert_eq!(own, expected, "{signal}");
        assert!(all(&other), "{signal}: {other}");
    }
}

#[test]
fn what_the_images_command_leaves_does_not_hold_up_a_stop() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    let seconds = long_sleep();
    env.wish(RunConfig { stop_signal: "QUIT".into(), ..sh(&format!("trap exit QUIT; sleep {seconds} & wait")) });
    // On a terminal, where the command is not the leader of its session, and without one.
    for terminal in [false, true] {
        let mut command = env.command(envbox());
        command.args(["run", "-q", BOX]);
        let begun = std::time::Instant::now();
        if terminal {
            let session = Pty::spawn(&command);
            eventually("it sleeps", || !sleepers(&seconds).is_empty());
            env.envbox(["stop", "--time", "60", BOX]).succeeds();
            session.wait();
        } else {
            let mut session = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
            eventually("it sleeps", || !sleepers(&seconds).is_empty());
            env.envbox(["stop", "--time", "60", BOX]).succeeds();
            session.wait().unwrap();
        }
        assert!(begun.elapsed().as_secs() < 30);
        assert!(sleepers(&seconds).is_empty());
    }
}

#[test]
fn another_user_has_no_more_rights_than_its_own() {
    requires!(user, userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    let capabilities = |user: &str| {
        let words =
            ["run", "-q", "--user", user, BOX, "--", "grep", "-E", "^Cap(Inh|Prm|Eff|Amb)", "/proc/self/status"];
        env.envbox(words).succeeds().stdout
    };
    let none = |text: &str| text.lines().all(|line| line.ends_with("\t0000000000000000"));
    assert!(none(&capabilities("www")), "{}", capabilities("www"));
    assert!(none(&capabilities("33:0")));
    let root = capabilities("root");
    assert!(root.lines().filter(|line| line.starts_with("CapInh") || line.starts_with("CapAmb")).all(none), "{root}");
    // And nothing of the host's is open in its program.
    let script = "ls /proc/self/fd";
    let script = format!("exec 7</; exec 9</etc/passwd; exec {:?} run -q --user www {BOX} -- {script}", envbox());
    let output = env.command("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n1\n2\n3\n", "{output:?}");
}

#[test]
fn signals_reach_another_users_program() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(rootfs().tar());
    let seconds = long_sleep();
    let mut command = env.command(envbox());
    command.args(["run", "-q", "--user", "www", BOX, "--", "sleep", &seconds]).stdin(Stdio::null());
    let mut session = command.spawn().unwrap();
    eventually("it sleeps", || !sleepers(&seconds).is_empty());
    kill("TERM", pid(&session));
    assert_eq!(session.wait().unwrap().code(), Some(128 + 15));
}
