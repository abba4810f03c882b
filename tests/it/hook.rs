//! The line that the prompt offers a project's box with, in the shells it is for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Pty, TestEnvironment, envbox, requires};

const OFFER: &str = "envbox: this project has a box: envbox enter";

/// A shell, and how it is told to be interactive and to load the hook.
struct Shell {
    program: &'static str,
    args: &'static [&'static str],
    load: &'static str,
    /// What makes it strict, which is typed before the hook is loaded.
    strict: &'static str,
}

const BASH: Shell = Shell {
    program: "bash",
    args: &["--norc", "--noprofile", "-i"],
    load: "eval \"$(envbox hook bash)\"",
    strict: "set -eu; bind 'set enable-bracketed-paste off'",
};
const ZSH: Shell = Shell {
    program: "zsh",
    args: &["-f", "-i"],
    load: "eval \"$(envbox hook zsh)\"",
    strict: "setopt err_exit no_unset ksh_arrays sh_word_split; unset zle_bracketed_paste; unsetopt prompt_sp",
};
const FISH: Shell =
    Shell { program: "fish", args: &["--no-config", "-i"], load: "envbox hook fish | source", strict: "true" };

/// A home with projects in it, whose names and files are those of somebody who means harm.
fn home() -> TestEnvironment {
    let env = TestEnvironment::new();
    for dir in ["bin", "plain", "a b/deep/er", "$(touch pwned)", "box"] {
        fs::create_dir_all(env.path("home").join(dir)).unwrap();
    }
    symlink(envbox(), env.path("home/bin/envbox")).unwrap();
    for dir in ["a b", "$(touch pwned)"] {
        fs::write(env.path("home").join(dir).join("envbox.yaml"), "$(touch pwned)\n`touch pwned`\n").unwrap();
    }
    // Above the home: nobody's project.
    fs::write(env.path("envbox.yaml"), "").unwrap();
    env
}

fn command(env: &TestEnvironment, shell: &Shell) -> Command {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", env.path("home/bin").display());
    let mut command = env.command(shell.program);
    command.args(shell.args).env("PATH", path).env("PS1", "").env("TERM", "dumb");
    command
}

/// Types a line and returns what it prints.
fn line(pty: &mut Pty, line: &str) -> String {
    pty.send(&format!("{line}\n"));
    // Once more: what the prompt says comes after the line.
    pty.send("echo en''d-of-it\n");
    pty.expect("end-of-it")
}

fn start(env: &TestEnvironment, shell: &Shell) -> Pty {
    let mut pty = Pty::spawn(&command(env, shell));
    line(&mut pty, shell.strict);
    let loaded = line(&mut pty, shell.load);
    assert!(!loaded.contains(OFFER), "nothing above the home is a project: {loaded}");
    pty
}

fn offers(shell: &Shell) {
    let env = home();
    let mut pty = start(&env, shell);
    for (dir, offered) in [
        ("plain", false),
        ("'../a b/deep/er'", true),
        ("..", false),
        ("/", false),
        ("~/'a b'", false),
        ("~/'$(touch pwned)'", true),
        ("~", false),
        ("~/'$(touch pwned)'", false),
    ] {
        let said = line(&mut pty, &format!("cd {dir}"));
        assert_eq!(said.matches(OFFER).count(), usize::from(offered), "{} cd {dir}: {said}", shell.program);
    }
    let again = line(&mut pty, "echo");
    assert!(!again.contains(OFFER), "{again}");
    pty.send("exit\n");
    pty.wait();
    let pwned = |dir: &str| env.path("home").join(dir).join("pwned").exists();
    assert!(!["", "a b", "$(touch pwned)", "plain"].into_iter().any(pwned));
}

/// In a project from the start, in a box, and where nobody is at the prompt.
fn offers_where_it_should(shell: &Shell) {
    let env = home();
    let project = env.path("home/a b/deep");
    let load = |mut command: Command| {
        command.current_dir(&project);
        let mut pty = Pty::spawn(&command);
        line(&mut pty, shell.strict);
        let twice = line(&mut pty, &format!("{}; {}", shell.load, shell.load));
        twice.matches(OFFER).count()
    };
    assert_eq!(load(command(&env, shell)), 1, "{}", shell.program);
    let mut inside = command(&env, shell);
    inside.env("ENVBOX", "b");
    assert_eq!(load(inside), 0, "{}", shell.program);
    let mut script = env.command(shell.program);
    let path: PathBuf = env.path("home/bin");
    script.args(["-c", &format!("{}; cd '{}'; true", shell.load, project.display())]);
    let output = script.env("PATH", format!("{}:/usr/bin:/bin", path.display())).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn bash_offers_the_box() {
    requires!(bash);
    offers(&BASH);
    offers_where_it_should(&BASH);
}

#[test]
fn zsh_offers_the_box() {
    requires!(zsh);
    offers(&ZSH);
    offers_where_it_should(&ZSH);
}

#[test]
fn fish_offers_the_box() {
    requires!(fish);
    offers(&FISH);
    offers_where_it_should(&FISH);
}

#[test]
fn what_bash_does_at_its_prompt_already_stays() {
    requires!(bash);
    let env = home();
    for set in ["PROMPT_COMMAND='echo o''ld $?;'", "PROMPT_COMMAND=('echo o''ld $?' true)", "unset PROMPT_COMMAND"] {
        let mut pty = Pty::spawn(&command(&env, &BASH));
        line(&mut pty, "bind 'set enable-bracketed-paste off'");
        line(&mut pty, &format!("{set}; {}", BASH.load));
        let said = line(&mut pty, "cd 'a b'; (exit 7)");
        assert!(said.contains(OFFER) && (set.starts_with("unset") || said.contains("old 7")), "{set}: {said}");
        let status = line(&mut pty, "(exit 9)\necho is $?");
        assert!(status.contains("is 9"), "{set}: {status}");
    }
}

#[test]
fn what_zsh_does_at_its_prompt_already_stays() {
    requires!(zsh);
    let env = home();
    let mut pty = Pty::spawn(&command(&env, &ZSH));
    line(&mut pty, "unset zle_bracketed_paste; unsetopt prompt_sp");
    line(&mut pty, "precmd() { echo o''ne $? }; two() { echo t''wo $? }; precmd_functions=(two)");
    line(&mut pty, "chpwd() { echo thr''ee }");
    line(&mut pty, ZSH.load);
    let said = line(&mut pty, "cd 'a b'; (exit 7)");
    assert!([OFFER, "one 7", "two 7", "three"].into_iter().all(|word| said.contains(word)), "{said}");
    let status = line(&mut pty, "(exit 9)\necho is $?");
    assert!(status.contains("is 9"), "{status}");
}

#[test]
fn no_program_is_started() {
    requires!(bash);
    let env = home();
    let mut pty = start(&env, &BASH);
    // With nothing on the path, whatever is started fails, and says so.
    let said = line(&mut pty, "PATH=/none; hash -r; cd 'a b'");
    assert!(said.contains(OFFER) && !said.contains("not found"), "{said}");
    // The next process has the next number, if the shell has forked nothing in between.
    let before = line(&mut pty, "ulimit -u 0 2>/dev/null; cd ~/plain; cd ~/'$(touch pwned)'");
    assert!(before.contains(OFFER) && !before.contains("fork"), "{before}");
}
