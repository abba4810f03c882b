//! The completion scripts, in the shells they are for.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Pty, TestEnvironment, envbox, requires, source_dir};

/// An environment with boxes in it, by name only: completion looks at nothing else.
struct Boxes(TestEnvironment);

impl Boxes {
    fn new(names: impl IntoIterator<Item = String>) -> Self {
        let env = TestEnvironment::new();
        for name in names {
            fs::create_dir_all(env.path("data/envbox/boxes").join(name)).unwrap();
        }
        fs::create_dir(env.path("home/bin")).unwrap();
        symlink(envbox(), env.path("home/bin/envbox")).unwrap();
        fs::write(env.path("home/notes.tar"), "").unwrap();
        Self(env)
    }

    fn shell(&self, program: &str, args: &[&str]) -> Command {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.0.path("home/bin").display());
        let mut command = self.0.command(program);
        command.args(args).env("PATH", path).env("PS1", "ready> ");
        command
    }
}

impl Drop for Boxes {
    fn drop(&mut self) {
        // Not real ones, so the binary has nothing to remove.
        let _ = fs::rename(self.0.path("data/envbox/boxes"), self.0.path("data/envbox/names"));
    }
}

fn two() -> Boxes {
    Boxes::new(["alpha".to_owned(), "beta-2.1".to_owned()])
}

fn script(name: &str) -> String {
    source_dir().join("completions").join(name).display().to_string()
}

#[test]
fn the_binary_carries_the_scripts() {
    let env = TestEnvironment::new();
    for (shell, file) in [("bash", "envbox.bash"), ("zsh", "_envbox"), ("fish", "envbox.fish")] {
        let printed = env.envbox(["completions", shell]).succeeds().bytes;
        assert_eq!(String::from_utf8(printed).unwrap(), fs::read_to_string(script(file)).unwrap(), "{shell}");
    }
}

/// Types at a shell that has loaded its script and shows `ready> `; a tab is a TAB.
fn complete_on_a_terminal(mut shell: Pty) {
    for (typed, expected) in [
        ("envbox en\t", "envbox enter "),
        ("envbox enter al\t", "envbox enter alpha "),
        ("envbox rm -y be\t", "envbox rm -y beta-2.1 "),
        ("envbox stop --ti\t", "envbox stop --time "),
        ("envbox enter --overlay fu\t", "envbox enter --overlay fuse "),
        ("envbox create x --image not\t", "envbox create x --image notes.tar "),
        ("envbox run alpha -- env\tx", "envbox run alpha -- env"),
    ] {
        shell.send(typed);
        shell.expect(expected);
        // ^U: the line is not run, and the next one begins empty.
        shell.send("\u{15}echo go$((1+1))on\n");
        shell.expect("go2on");
        shell.expect("ready> ");
    }
    shell.send("exit\n");
    shell.wait();
}

#[test]
fn bash_completes_on_tab() {
    requires!(bash);
    let boxes = two();
    let mut shell = Pty::spawn(&boxes.shell("bash", &["--norc", "--noprofile", "-i"]));
    shell.send(&format!("bind 'set enable-bracketed-paste off'; source {}; PS1='rea''dy> '\n", script("envbox.bash")));
    shell.expect("ready> ");
    shell.expect("ready> ");
    complete_on_a_terminal(shell);
}

#[test]
fn zsh_completes_on_tab() {
    requires!(zsh);
    let boxes = two();
    let mut shell = Pty::spawn(&boxes.shell("zsh", &["-f", "-i"]));
    shell.send(&format!(
        "unset zle_bracketed_paste; zle_highlight=(none); setopt noautolist nolistbeep noautoremoveslash; unsetopt prompt_sp; \
         autoload -U compinit; compinit -u -D; source {}; PS1='rea''dy> '\n",
        script("_envbox")
    ));
    shell.expect("rea''dy> ");
    shell.expect("ready> ");
    complete_on_a_terminal(shell);
}

#[test]
fn fish_completes() {
    requires!(fish);
    let boxes = two();
    let complete = |line: &str| {
        let asked = format!("source {}; complete --do-complete='{line}'", script("envbox.fish"));
        let output = boxes.shell("fish", &["--no-config", "-c", &asked]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(complete("envbox en"), ["enter"]);
    assert_eq!(complete("envbox enter "), ["alpha", "beta-2.1"]);
    assert_eq!(complete("envbox rm -y be"), ["beta-2.1"]);
    assert_eq!(complete("envbox stop --ti"), ["--time"]);
    assert_eq!(complete("envbox enter --overlay fu"), ["fuse"]);
    assert_eq!(complete("envbox create x --image not"), ["notes.tar"]);
    assert!(complete("envbox run alpha -- env").contains(&"env".to_owned()));
}

const RECIPE: &str = "\
from: x
packages: [gcc]
tasks: {test: x}
services: {db: x}
variants: {ci: {packages: [git]}, cd: {tasks: {tell: x}}}
";

#[test]
fn names_of_the_project_here() {
    let env = TestEnvironment::new();
    let project = env.path("home/project/sub");
    fs::create_dir_all(&project).unwrap();
    let complete = |words: &[&str]| env.envbox(["__complete", "--"]).args(words).dir(&project).succeeds();
    for recipe in ["from: x\nvariants: {ci: [}", "from: x\nvariant: {ci: {}}\n", "\0", ""] {
        fs::write(env.path("home/project/envbox.yaml"), recipe).unwrap();
        let found = complete(&["trust", "--variant", ""]);
        assert_eq!((&*found.stdout, &*found.stderr), ("", ""), "{recipe}");
    }
    fs::write(env.path("home/project/envbox.yaml"), RECIPE).unwrap();
    assert_eq!(complete(&["trust", "--variant", ""]).stdout, "cd\t\nci\t\n");
    assert_eq!(complete(&["trust", "--variant=ci"]).stdout, "--variant=ci\t\n");
    for words in [&["enter", "c"][..], &["run", "c"], &["create", "c"]] {
        assert!(complete(words).stdout.starts_with("cd\t\nci\t\n"), "{words:?}");
    }
    assert_eq!(complete(&["untrust", ""]).stdout, ":directories\n");
    env.envbox(["trust", "--yes"]).dir(&project).succeeds();
    assert_eq!(
        complete(&["untrust", "/"]).bytes,
        format!("{}\t\n:directories\n", env.path("home/project").display()).into_bytes()
    );
}

#[test]
fn logs_are_those_of_services_and_of_system_boxes() {
    let boxes = Boxes::new(["app", "faulty", "sys", "sys-2"].map(str::to_owned));
    for (name, init) in [("app", "none"), ("faulty", "["), ("sys", "auto"), ("sys-2", "/sbin/init")] {
        let config = format!("from: x\ninit: {init}\n");
        fs::write(boxes.0.path(&format!("data/envbox/boxes/{name}/box.yaml")), config).unwrap();
    }
    let project = boxes.0.path("home/project");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("envbox.yaml"), RECIPE).unwrap();
    let complete = |begun: &str, dir: &str| {
        boxes.0.envbox(["__complete", "--", "logs", begun]).dir(boxes.0.path(dir)).succeeds().stdout
    };
    assert_eq!(complete("", "home"), "sys\t\nsys-2\t\n");
    assert_eq!(complete("", "home/project"), "db\t\nsys\t\nsys-2\t\n");
    assert_eq!(complete("sys-", "home/project"), "sys-2\t\n");
}

#[test]
fn a_thousand_boxes_are_no_burden() {
    let boxes = Boxes::new((0..1000).map(|number| format!("box-{number:04}")));
    let ask = || {
        let begun = Instant::now();
        let found = boxes.0.envbox(["__complete", "--", "enter", "box-"]).succeeds().stdout;
        assert_eq!(found.lines().count(), 1000);
        begun.elapsed()
    };
    // The best of some: the machine may be busy with the other tests.
    let best = (0..20).map(|_| ask()).min().unwrap();
    assert!(best < Duration::from_millis(20), "{best:?}");
}
