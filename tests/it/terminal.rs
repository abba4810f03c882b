//! Sessions on a terminal.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::boxes::{BOX, busybox, eventually, kill, long_sleep, sleepers, state, with_box};
use crate::support::rootfs::Rootfs;
use crate::support::{Pty, TestEnvironment, envbox, requires};

/// A command on a terminal whose output can be told from the echo of what is typed.
fn on_terminal(env: &TestEnvironment, words: &[&str]) -> Pty {
    let mut command = env.command(envbox());
    command.args(words).env("PS1", "at the prompt> ");
    Pty::spawn(&command)
}

/// The shell of the box, ready.
fn enter(env: &TestEnvironment) -> Pty {
    let mut pty = on_terminal(env, &["enter", BOX]);
    pty.expect("at the prompt> ");
    pty
}

#[test]
fn a_shell_has_a_terminal_of_the_boxs_own() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let mut pty = enter(&env);
    pty.send("tty; for fd in 0 1 2; do test -t $fd && echo fd$fd; done; (: </dev/tty) && echo control''ling\r");
    pty.expect("/dev/pts/0\r\n");
    pty.expect("fd0\r\nfd1\r\nfd2\r\ncontrolling\r\n");
    pty.send("ls -l /dev/pts/0 | cut -c1-10; exit 5\r");
    pty.expect("crw--w----");
    assert_eq!(pty.wait().0.code(), Some(5));
}

#[test]
fn the_size_of_the_window_follows() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let script = "trap 'stty size; exit 7' WINCH; stty size; while :; do sleep 0.1; done";
    let mut pty = on_terminal(&env, &["run", BOX, "--", "sh", "-c", script]);
    pty.expect("24 80\r\n");
    pty.resize(50, 132);
    pty.expect("50 132\r\n");
    assert_eq!(pty.wait().0.code(), Some(7));
}

#[test]
fn control_c_reaches_the_program_and_not_the_shell() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let seconds = long_sleep();
    let mut pty = enter(&env);
    pty.send(&format!("sleep {seconds}\r"));
    eventually("it sleeps", || !sleepers(&seconds).is_empty());
    pty.send("\x03");
    pty.expect("at the prompt> ");
    assert!(sleepers(&seconds).is_empty());
    pty.send("echo sta''tus $?\r");
    pty.expect("status 130");
    // And one without a shell.
    let mut run = on_terminal(&env, &["run", BOX, "--", "sleep", &seconds]);
    eventually("it sleeps", || !sleepers(&seconds).is_empty());
    run.send("\x03");
    assert_eq!(run.wait().0.code(), Some(130));
    pty.send("\x04");
    pty.wait();
}

#[test]
fn control_z_in_the_shell_of_the_box() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let seconds = long_sleep();
    let mut pty = enter(&env);
    pty.send(&format!("sleep {seconds}\r"));
    eventually("it sleeps", || !sleepers(&seconds).is_empty());
    pty.send("\x1a");
    pty.expect("Stopped");
    pty.expect("at the prompt> ");
    pty.send("fg\r");
    eventually("it sleeps on", || state(sleepers(&seconds)[0]) == 'S');
    pty.send("\x03");
    pty.expect("at the prompt> ");
    pty.send("exit\r");
    pty.wait();
}

/// bash outside, as the user's own shell, with job control.
fn bash(env: &TestEnvironment) -> Pty {
    let mut command = env.command("bash");
    command.args(["--norc", "--noprofile", "-i"]).env("PS1", "outside> ").env("PATH", path(env));
    let mut pty = Pty::spawn(&command);
    pty.expect("outside> ");
    pty
}

fn path(_: &TestEnvironment) -> String {
    format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", envbox().parent().unwrap().display())
}

#[test]
fn control_z_suspends_a_command_into_the_shell_outside() {
    requires!(userns, subid, overlay, fixtures, bash);
    let env = busybox();
    let seconds = long_sleep();
    let mut pty = bash(&env);
    for _ in 0..2 {
        pty.send(&format!("envbox run {BOX} -- sh -c 'echo star''ted; sleep {seconds}; echo done $?'\r"));
        pty.expect("started\r\n");
        eventually("it sleeps", || !sleepers(&seconds).is_empty());
        pty.send("\x1a");
        pty.expect("Stopped");
        pty.expect("outside> ");
        // The terminal is the shell's again: what is typed is echoed and edited.
        pty.send("stty -a | grep -o ' icanon'\r");
        pty.expect(" icanon\r\n");
        pty.expect("outside> ");
        pty.send("fg\r");
        eventually("it sleeps on", || state(sleepers(&seconds)[0]) == 'S');
        kill("TERM", sleepers(&seconds)[0]);
        pty.expect("done 143\r\n");
        pty.expect("outside> ");
    }
    pty.send("exit\r");
    pty.wait();
}

#[test]
fn a_command_in_the_background_leaves_the_terminal_alone() {
    requires!(userns, subid, overlay, fixtures, bash);
    let env = busybox();
    env.run(["true"]).succeeds();
    let seconds = long_sleep();
    let mut pty = bash(&env);
    pty.send(&format!("envbox run {BOX} -- sleep {seconds} &\r"));
    pty.expect("outside> ");
    std::thread::sleep(Duration::from_secs(1));
    // What is typed is the shell's, signals as well.
    pty.send("stty sane; sleep 0.5; stty -a | grep -o ' icanon'\r");
    pty.expect(" icanon\r\n");
    eventually("it sleeps", || !sleepers(&seconds).is_empty());
    pty.send("\x03");
    pty.expect("outside> ");
    assert!(!sleepers(&seconds).is_empty());
    pty.send("fg\r");
    pty.expect("run");
    std::thread::sleep(Duration::from_secs(1));
    pty.send("\x03");
    pty.expect("outside> ");
    pty.send("exit\r");
    pty.wait();
}

#[test]
fn what_fails_to_run_is_told_on_a_terminal_too() {
    requires!(userns, subid, overlay, fixtures);
    let env = with_box(Rootfs::busybox().file("usr/bin/no-interpreter", 0o755, b"#!/nonexistent\n").tar());
    for _ in 0..10 {
        let (status, text) = on_terminal(&env, &["run", BOX, "--", "no-interpreter"]).wait();
        assert_eq!(status.code(), Some(127), "{text}");
        assert!(text.contains("cannot run `no-interpreter` in the box"), "{text}");
        assert!(text.contains("the interpreter that it names"), "{text}");
    }
    let (status, text) = on_terminal(&env, &["run", BOX, "--", "no-such-program"]).wait();
    assert_eq!(status.code(), Some(127), "{text}");
}

#[test]
fn all_that_is_printed_at_the_end_is_shown() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    for words in [&["seq", "20000"][..], &["sh", "-c", "seq 20000"]] {
        let (status, text) = on_terminal(&env, &[&["run", BOX, "--"], words].concat()).wait();
        assert_eq!(status.code(), Some(0));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines.last()), (20000, Some(&"20000")));
    }
}

#[test]
fn standard_error_stays_what_it_is() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let script = format!("{:?} run {BOX} -- sh -c 'echo out; echo err >&2; test -t 1' 2>log", envbox());
    let mut command = env.command("sh");
    command.args(["-c", &script]);
    let (status, text) = Pty::spawn(&command).wait();
    assert_eq!((status.code(), &*text), (Some(0), "out\r\n"));
    assert_eq!(fs::read_to_string(env.path("home/log")).unwrap(), "err\n");
    // With one end a pipe there is no terminal of the box's, and each end is what it is.
    let script = format!("echo in | {:?} run {BOX} -- sh -c 'test -t 0 || cat; test -t 1 && echo tty'", envbox());
    let mut command = env.command("sh");
    command.args(["-c", &script]);
    assert_eq!(Pty::spawn(&command).wait().1, "in\r\ntty\r\n");
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let envbox = envbox();
    let script = format!(
        "stty -g >before; {envbox:?} run {BOX} -- sh -c 'stty raw -echo'; stty -g >after;
         {envbox:?} run {BOX} -- no-such-program; stty -g >failed; cmp before after && cmp before failed"
    );
    let mut command = env.command("sh");
    command.args(["-c", &script]);
    let (status, text) = Pty::spawn(&command).wait();
    assert_eq!(status.code(), Some(0), "{text}");
}

/// Starts things in a shell on a terminal, one in each way to survive it, and returns them.
fn busy_shell(env: &TestEnvironment) -> (Pty, Vec<String>) {
    let all: Vec<String> = (0..4).map(|_| long_sleep()).collect();
    let mut pty = enter(env);
    pty.send(&format!("sleep {} &\r", all[0]));
    pty.send(&format!("nohup sleep {} >/dev/null 2>&1 &\r", all[1]));
    pty.send(&format!("(trap '' HUP TERM; sleep {}; :) &\r", all[2]));
    pty.send(&format!("sleep {}\r", all[3]));
    eventually("all sleep", || all.iter().all(|seconds| !sleepers(seconds).is_empty()));
    (pty, all)
}

#[track_caller]
fn nothing_is_left(env: &TestEnvironment, all: &[String], since: Instant) {
    eventually("all have ended", || all.iter().all(|seconds| sleepers(seconds).is_empty()));
    assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
    eventually("the keeper leaves", || env.keeper().is_none());
}

#[test]
fn a_closed_terminal_ends_all_that_runs_in_it() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let (pty, all) = busy_shell(&env);
    let since = Instant::now();
    drop(pty);
    nothing_is_left(&env, &all, since);
}

#[test]
fn a_session_that_is_killed_leaves_nothing() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    let (pty, all) = busy_shell(&env);
    let since = Instant::now();
    kill("KILL", session_of(&env));
    nothing_is_left(&env, &all, since);
    drop(pty);
}

/// The envbox that has this environment's box entered.
fn session_of(env: &TestEnvironment) -> i32 {
    let home = env.path("home");
    let out = Command::new("pgrep").args(["-f", "enter b$"]).output().unwrap();
    let pids = String::from_utf8(out.stdout).unwrap();
    let here = |pid: &i32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == home);
    pids.lines().filter_map(|pid| pid.parse().ok()).find(here).unwrap()
}

#[test]
fn a_full_screen_program_works() {
    requires!(userns, subid, overlay, fixtures);
    let env = busybox();
    fs::write(env.path("home/text"), "one\ntwo\n").unwrap();
    let mut pty = on_terminal(&env, &["run", BOX, "--", "vi", "text"]);
    pty.expect("two");
    pty.send("ggdd:wq\r");
    assert_eq!(pty.wait().0.code(), Some(0));
    assert_eq!(fs::read_to_string(env.path("home/text")).unwrap(), "two\n");
}
