//! Sessions without a terminal: what goes into a program and what comes out of it.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::support::boxes::{BOX, busybox, eventually, is_running, kill, long_sleep, pid, sleepers, state, with_box};
use crate::support::rootfs::Rootfs;
use crate::support::{TestEnvironment, envbox, requires};

#[test]
fn exit_statuses() {
    requires!(userns, subid, overlay, fixtures);
    let script: &[u8] = b"exit 9\n";
    let rootfs = Rootfs::busybox()
        .file("usr/bin/plain", 0o644, script)
        .file("usr/bin/no-interpreter", 0o755, b"#!/nonexistent\n")
        .file("usr/bin/no-format", 0o755, script)
        .dir("usr/bin/directory");
    let env = with_box(rootfs.tar());
    for status in [0, 1, 42, 125, 255] {
        env.sh(&format!("exit {status}")).exits(status);
    }
    env.sh("kill -TERM $$").exits(128 + 15);
    env.sh("kill -KILL $$").exits(128 + 9);
    let outcome = env.run(["no-such-program"]).exits(127);
    assert!(outcome.stderr.contains("error: cannot run `no-such-program` in the box"), "{}", outcome.stderr);
    env.run(["/no/such/program"]).exits(127);
    env.run(["no-interpreter"]).exits(127);
    env.run(["plain"]).exits(126);
    env.run(["/usr/bin/plain"]).exits(126);
    env.run(["directory"]).exits(126);
    env.run(["/etc"]).exits(126);
    env.run([""]).exits(127);
    env.run(["no-format"]).exits(9);
    env.run(["x".repeat(100_000)]).exits(127);
    env.envbox(["run", "--workdir", "/nonexistent", BOX, "--", "true"]).exits(127);
    env.envbox(["run", "--nonsense", BOX, "--", "true"]).exits(125);
    env.envbox(["run", "no-such-box", "--", "true"]).exits(125);
}

#[test]
fn the_three_streams_are_kept_apart_and_byte_for_byte() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let outcome = env.sh("echo out; echo err >&2").succeeds();
    assert_eq!((&*outcome.stdout, &*outcome.stderr), ("out\n", "err\n"));
    let bytes: Vec<u8> = (0..=255u8).cycle().take(3_000_000).collect();
    assert!(env.run(["cat"]).stdin(bytes.clone()).succeeds().bytes == bytes);
    assert_eq!(env.run(["wc", "-c"]).stdin(bytes).succeeds().stdout.trim(), "3000000");
    assert_eq!(env.run(["cat"]).succeeds().stdout, "");
}

#[test]
fn the_program_has_the_callers_files_themselves() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let file = env.path("home/log");
    let log = || fs::File::options().append(true).create(true).open(&file).unwrap();
    log().write_all(b"before\n").unwrap();
    let status = env.sh_command("echo in; echo err >&2").stdout(log()).stderr(log()).status().unwrap();
    assert!(status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), "before\nin\nerr\n");
    // What the program does not read is left for the next.
    let script = format!("printf 'abcdef' | ({0:?} run {BOX} -- head -c 2; cat)", envbox());
    let output = env.command("sh").args(["-c", &script]).output().unwrap();
    assert!(output.stdout.starts_with(b"ab"), "{output:?}");
    let closed = format!("exec {0:?} run {BOX} -- sh -c 'echo fine' <&- 2>&-", envbox());
    let output = env.command("sh").args(["-c", &closed]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "fine\n");
}

#[test]
fn without_a_terminal_there_is_no_pty() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let script = "for fd in 0 1 2; do test -t $fd && echo tty; done; (: < /dev/tty) 2>&1; ls /dev/pts";
    let outcome = env.sh(script).succeeds();
    assert!(!outcome.stdout.contains("tty\n"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("/dev/tty"), "there is no controlling terminal: {}", outcome.stdout);
    assert!(outcome.stdout.ends_with("ptmx\n"), "{}", outcome.stdout);
}

#[test]
fn a_pipeline_whose_reader_leaves_ends() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let mut session = env.sh_command("yes").stdout(Stdio::piped()).spawn().unwrap();
    let mut some = [0; 2];
    session.stdout.take().unwrap().read_exact(&mut some).unwrap();
    assert_eq!((&some, session.wait().unwrap().code()), (b"y\n", Some(128 + 13)));
}

#[test]
fn signals_are_passed_on() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1), ("QUIT", 3), ("USR1", 10), ("USR2", 12)] {
        let script = format!("trap 'echo got; exit {number}' {signal}; echo ready; while :; do sleep 0.1; done");
        let mut session = env.sh_command(&script).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = session.stdout.take().unwrap();
        let mut ready = [0; 6];
        stdout.read_exact(&mut ready).unwrap();
        kill(signal, pid(&session));
        assert_eq!(session.wait().unwrap().code(), Some(number), "{signal}");
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "got\n");
    }
    // One that nobody handles.
    let seconds = long_sleep();
    let mut session = env.sh_command(&format!("exec sleep {seconds}")).spawn().unwrap();
    eventually("it sleeps", || !sleepers(&seconds).is_empty());
    kill("TERM", pid(&session));
    assert_eq!(session.wait().unwrap().code(), Some(128 + 15));
    assert!(sleepers(&seconds).is_empty());
}

#[test]
fn a_stopped_session_stops_its_program() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let seconds = long_sleep();
    let mut session = env.sh_command(&format!("exec sleep {seconds}")).spawn().unwrap();
    eventually("it sleeps", || !sleepers(&seconds).is_empty());
    let sleeper = sleepers(&seconds)[0];
    kill("TSTP", pid(&session));
    eventually("both are stopped", || state(sleeper) == 'T' && state(pid(&session)) == 'T');
    kill("CONT", pid(&session));
    eventually("both go on", || state(sleeper) == 'S' && state(pid(&session)) == 'S');
    kill("INT", pid(&session));
    assert_eq!(session.wait().unwrap().code(), Some(128 + 2));
}

#[test]
fn it_works_with_signals_ignored_and_blocked() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    for option in ["--ignore-signal=CHLD", "--block-signal=CHLD", "--ignore-signal=PIPE", "--ignore-signal=HUP,INT"] {
        // The first enter, and one that joins.
        env.envbox(["stop", BOX]).succeeds();
        for _ in 0..2 {
            let mut env_command = env.command("timeout");
            env_command.args(["20", "env", option]).arg(envbox()).args(["run", BOX, "--", "sh", "-c", "exit 3"]);
            assert_eq!(env_command.status().unwrap().code(), Some(3), "{option}");
        }
    }
}

#[test]
fn the_environment_is_passed_byte_for_byte() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let every_byte = OsString::from_vec((1..=255).collect());
    let odd = "\"q\" 'a' `b` $c ${d} $(e) \\ \n newline ; & | < > * ? ~ # ! \u{1b}[31m ü";
    let outcome = env
        .run(["env", "-0"])
        .env("ALL", &every_byte)
        .env("ODD", odd)
        .env("EMPTY", "")
        .env("BASH_FUNC_x%%", "() { echo; }")
        .env("LD_PRELOAD", "/nonexistent.so")
        .env("SSH_AUTH_SOCK", "/nonexistent")
        .env("TMPDIR", "/nonexistent")
        .output();
    let vars: Vec<&[u8]> = outcome.bytes.split(|&byte| byte == 0).collect();
    let has = |name: &str, value: &[u8]| vars.contains(&&*[name.as_bytes(), b"=", value].concat());
    assert!(has("ALL", &every_byte.into_vec()) && has("ODD", odd.as_bytes()) && has("EMPTY", b""));
    assert!(has("BASH_FUNC_x%%", b"() { echo; }") && has("TERM", b"xterm-256color"));
    assert!(has("HOME", env.path("home").as_os_str().as_encoded_bytes()) && has("ENVBOX", BOX.as_bytes()));
    for dropped in ["LD_PRELOAD=", "SSH_AUTH_SOCK=", "TMPDIR="] {
        assert!(!vars.iter().any(|var| var.starts_with(dropped.as_bytes())), "{dropped}");
    }
    let long = "x".repeat(100_000);
    assert_eq!(env.sh("echo ${#LONG}").env("LONG", long).succeeds().stdout, "100000\n");
}

#[test]
fn configured_variables_win() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    env.configure(BOX, "env: {MINE: 'a $b', EDITOR: ed}");
    assert_eq!(env.sh("echo \"$MINE $EDITOR\"").env("EDITOR", "vi").succeeds().stdout, "a $b ed\n");
}

#[test]
fn arguments_are_passed_as_they_are() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let words = ["a b", "", "--help", "-", "--", "$HOME", "`x`", "\n", "*"];
    let outcome = env.run(["printf", "[%s]"].iter().chain(&words)).succeeds();
    assert_eq!(outcome.stdout, words.map(|word| format!("[{word}]")).concat());
    assert_eq!(env.envbox(["run", BOX, "echo", "-n", "--rm"]).succeeds().stdout, "--rm");
}

#[test]
fn the_working_directory_is_kept_where_the_box_has_it() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    fs::create_dir_all(env.path("home/a b/c")).unwrap();
    fs::create_dir(env.path("home-of-another")).unwrap();
    let pwd = |dir: &str| env.sh("pwd; echo $PWD").dir(env.path(dir)).succeeds();
    assert_eq!(pwd("home/a b/c").stdout, "$ENV/home/a b/c\n$ENV/home/a b/c\n");
    assert_eq!(pwd("home/a b/c").stderr, "");
    let outside = pwd("home-of-another");
    assert_eq!(outside.stdout, "$ENV/home\n$ENV/home\n");
    assert!(outside.stderr.contains("$ENV/home-of-another is not visible in the box"), "{}", outside.stderr);

    let from = |option: &[&str]| {
        let args = ["run"].iter().chain(option).chain(&[BOX, "--", "pwd"]).copied();
        env.envbox(args).dir(env.path("home/a b")).succeeds().stdout
    };
    assert_eq!(from(&["--workdir", "/var"]), "/var\n");
    assert_eq!(from(&["--no-workdir"]), "$ENV/home\n");
}

#[test]
fn a_link_in_the_working_directory_is_kept() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    fs::create_dir(env.path("home/real")).unwrap();
    std::os::unix::fs::symlink("real", env.path("home/link")).unwrap();
    let run = env.run(["sh", "-c", "echo $PWD"]).dir(env.path("home/link")).env("PWD", env.path("home/link"));
    assert_eq!(run.succeeds().stdout, "$ENV/home/link\n");
}

#[test]
fn limits_mask_and_priority_are_the_callers_each_time() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    for (files, mask) in [(300, "0077"), (400, "0002")] {
        let script = format!(
            "ulimit -n {files}; ulimit -c 0; umask {mask}; exec nice -n 3 {:?} run {BOX} -- sh -c 'ulimit -n; ulimit -c; umask; nice'",
            envbox()
        );
        let output = env.command("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{files}\n0\n{mask}\n3\n"), "{output:?}");
    }
}

#[test]
fn no_descriptor_is_leaked() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    // The shell opens none before it has read its script, so what `ls` is told of is what the shell got.
    let script = "ls -l /proc/$$/fd; :";
    for _ in 0..2 {
        let command = format!("exec {:?} run {BOX} -- sh -c '{script}' 7</etc/passwd 9>/dev/null", envbox());
        let output = env.command("sh").args(["-c", &command]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.matches(" -> ").count(), 3, "{text}");
    }
}

/// A command substitution waits for the end of its pipe, which is not to be that of the box.
#[track_caller]
fn is_let_go(env: &TestEnvironment, args: &[&str]) {
    let script = format!("exec 7>&1; exec {:?} run {} {BOX} -- true", envbox(), args.join(" "));
    let mut command = env.command("timeout");
    command.args(["20", "sh", "-c", &script]);
    let started = Instant::now();
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "the pipe was held open");
    assert!(env.keeper().is_some());
}

#[test]
fn the_keeper_holds_no_pipe_open() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    env.configure(BOX, "linger: 60");
    is_let_go(&env, &[]);
}

#[test]
fn fuse_overlayfs_holds_no_pipe_open() {
    requires!(userns, subid, fuse, fixtures);
    let env = busybox();
    env.configure(BOX, "linger: 60");
    is_let_go(&env, &["--overlay", "fuse"]);
}

#[test]
fn what_runs_in_the_background_stays_when_its_session_ends() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let seconds = long_sleep();
    env.sh(&format!("sleep {seconds} >/dev/null 2>&1 </dev/null &")).succeeds();
    thread::sleep(Duration::from_secs(2));
    assert_eq!(sleepers(&seconds).len(), 1);
    assert!(is_running(env.keeper().unwrap()), "and keeps the box up, longer than it lingers");
    kill("TERM", sleepers(&seconds)[0]);
    eventually("then it goes", || env.keeper().is_none());
}

#[test]
fn who_is_in_a_directory_that_is_gone_is_told_and_starts_at_home() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let script = format!("mkdir gone; cd gone; rmdir ../gone; exec {:?} run {BOX} -- pwd", envbox());
    let output = env.command("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), env.path("home").to_str().unwrap());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("gone: No such file or directory") && told.contains("starting in"), "{told}");
}

#[test]
fn a_script_on_standard_input_is_the_shells() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let outcome = env.envbox(["enter", BOX]).stdin("echo in $ENVBOX\nexit 4\n").exits(4);
    assert_eq!(outcome.stdout, "in b\n");
}
