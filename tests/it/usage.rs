//! Exit statuses, errors and how they look.

use std::process::Stdio;

use crate::support::{Pty, TestEnvironment, envbox};

#[test]
fn wrong_usage_is_a_failure_of_its_own() {
    let env = TestEnvironment::new();
    for args in [&["no-such-command"][..], &["enter", "../x"], &["rm"], &["enter", "--mirror", "ftp://x"], &[]] {
        let outcome = env.envbox(args).exits(125);
        assert_eq!(outcome.stdout, "", "{args:?}");
        assert!(!outcome.stderr.is_empty(), "{args:?}");
    }
    let refused = env.envbox(["stop", "a b"]).exits(125).stderr;
    assert!(refused.contains("`a b` is not a box name"), "{refused}");
}

#[test]
fn an_error_has_hints_and_no_colour_off_a_terminal() {
    let env = TestEnvironment::new();
    let stderr = env.envbox(["manual", "/no/such\u{1b}[31m/dir"]).exits(125).stderr;
    assert_eq!(
        stderr,
        "error: cannot write /no/such\\u{1b}[31m/dir/envbox.1\ncaused by: No such file or directory (os error 2)\n"
    );
    let coloured = env.envbox(["--color", "always", "manual", "/none"]).env("NO_COLOR", "1").exits(125).stderr;
    assert!(coloured.starts_with("\u{1b}[1;31merror:\u{1b}[0m "), "{coloured:?}");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let env = TestEnvironment::new();
    let run = |no_color: &str| {
        let mut command = env.command(envbox());
        command.args(["manual", "/none"]).env("NO_COLOR", no_color);
        Pty::spawn(&command).wait()
    };
    let (status, text) = run("");
    assert_eq!((status.code(), text.contains("\u{1b}[1;31merror:")), (Some(125), true), "{text:?}");
    let (_, text) = run("1");
    assert!(text.starts_with("error: cannot write"), "{text:?}");
}

#[test]
fn a_reader_that_has_gone_is_no_failure_to_speak_of() {
    let env = TestEnvironment::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = env.command(envbox());
    command.args(["completions", "bash"]).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), &b""[..]));
}

#[test]
fn a_full_disk_is_one() {
    let env = TestEnvironment::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = env.command(envbox());
    command.args(["completions", "bash"]).stdin(Stdio::null()).stdout(full).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: cannot write to standard output\ncaused by: "));
}
