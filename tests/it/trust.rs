//! What a project asks for, and what comes of the answer.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;

use crate::support::{Pty, TestEnvironment, envbox};

const RECIPE: &str = "\
from: ./rootfs.tar
packages: [gcc]
setup: [make install]
network: none
mounts: [{bind: ../data, at: /data}]
";

/// What is in the store of one who has agreed to nothing.
const NOTHING: [PathBuf; 0] = [];

/// A project in the user's home, with this recipe.
fn project(recipe: &str) -> (TestEnvironment, PathBuf) {
    let env = TestEnvironment::new();
    let dir = env.path("home/my project");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("envbox.yaml"), recipe).unwrap();
    // What it is made from is looked at when it is built, and nothing here is built.
    fs::write(dir.join("rootfs.tar"), "").unwrap();
    (env, dir)
}

fn trust(env: &TestEnvironment, dir: &PathBuf) -> String {
    env.envbox(["trust", "--yes"]).dir(dir).succeeds().stderr
}

fn trust_on_a_terminal(env: &TestEnvironment, dir: &PathBuf) -> Pty {
    let mut command = env.command(envbox());
    command.arg("trust").current_dir(dir);
    Pty::spawn(&command)
}

/// What a project asks for now that is new.
fn new(env: &TestEnvironment, dir: &PathBuf) -> Vec<String> {
    let json = env.envbox(["trust", "--json"]).dir(dir).succeeds().stdout;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let new = rows.into_iter().filter(|row| row["agreed"] == false);
    new.map(|row| row["words"].as_str().unwrap().to_owned()).collect()
}

fn change(dir: &std::path::Path, old: &str, with: &str) {
    let text = fs::read_to_string(dir.join("envbox.yaml")).unwrap();
    assert!(text.contains(old), "{text}");
    fs::write(dir.join("envbox.yaml"), text.replace(old, with)).unwrap();
}

/// Everything in the store, and in the cache.
fn things(env: &TestEnvironment) -> Vec<PathBuf> {
    let dirs = ["boxes", "layers/sha256", "images/sha256", "refs", "trust", "staging"];
    let dirs = dirs.map(|dir| env.path("data/envbox").join(dir)).into_iter().chain([env.path("cache")]);
    dirs.flat_map(|dir| fs::read_dir(dir).into_iter().flatten()).map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_first_use_asks_and_the_answer_is_remembered() {
    let (env, dir) = project(RECIPE);
    let mut pty = trust_on_a_terminal(&env, &dir);
    pty.expect("/home/my project asks for a box that comes with this:");
    pty.expect("/home/data of the host at /data, and may change it");
    pty.expect("while it is built, as root of the box, without the network: `make install`");
    pty.expect("is made of ./rootfs.tar");
    pty.expect("installs by the distribution's package manager: gcc");
    pty.expect("[y/N] ");
    pty.send("\r");
    let (status, text) = pty.wait();
    assert!(status.code() == Some(125) && text.contains("you have not agreed"), "{text}");
    assert_eq!(things(&env), NOTHING);
    let mut pty = trust_on_a_terminal(&env, &dir);
    pty.expect("[y/N] ");
    pty.send("y\r");
    assert_eq!(pty.wait().0.code(), Some(0));
    let said = env.envbox(["trust"]).dir(&dir).succeeds();
    assert!(said.stdout.contains("`make install`") && said.stderr.is_empty(), "{said:?}");
}

#[test]
fn nothing_is_done_before_the_answer() {
    let (env, dir) = project(RECIPE);
    fs::create_dir(dir.join("sub")).unwrap();
    for verb in [&["run", "--", "true"][..], &["enter"], &["create"]] {
        let said = env.envbox(verb).dir(dir.join("sub")).exits(125).stderr;
        assert_eq!(
            said,
            "error: $ENV/home/my project asks for 4 things that you have not agreed to, and there is no terminal to ask on\n\
             hint: envbox trust\n",
            "{verb:?}"
        );
        assert_eq!(things(&env), NOTHING, "{verb:?}");
        let mut command = env.command(envbox());
        command.args(verb).current_dir(&dir);
        let mut pty = Pty::spawn(&command);
        pty.expect("[y/N] ");
        pty.send("n\r");
        assert_eq!(pty.wait().0.code(), Some(125));
        assert_eq!(things(&env), NOTHING, "{verb:?}");
    }
}

#[test]
fn without_a_terminal_there_is_the_command_to_give() {
    let (env, dir) = project(RECIPE);
    let said = env.envbox(["trust", "--", "my project"]).exits(125).stderr;
    assert!(said.ends_with("hint: envbox trust '$ENV/home/my project'\n"), "{said}");
    let none = env.envbox(["trust"]).exits(125).stderr;
    assert!(none.contains("there is no envbox.yaml in $ENV/home or above it"), "{none}");
    let mut command = env.command(envbox());
    command.args(["trust", "--quiet"]).current_dir(&dir);
    let mut pty = Pty::spawn(&command);
    assert!(pty.expect("[y/N] ").contains("`make install`"), "nobody agrees unseen");
    drop(pty);
    assert_eq!(env.envbox(["trust", "--yes", "--quiet"]).dir(&dir).succeeds().stderr, "");
    env.envbox(["trust"]).dir(&dir).succeeds();
}

#[test]
fn more_asks_for_that_alone_and_less_for_nothing() {
    let (env, dir) = project(RECIPE);
    trust(&env, &dir);
    for (old, less) in
        [("gcc", ""), ("at: /data", "at: /data, read_only: true"), ("setup: [make install]", "setup: []")]
    {
        change(&dir, old, less);
        assert_eq!(new(&env, &dir), [""; 0], "{less}");
    }
    fs::write(dir.join("envbox.yaml"), RECIPE).unwrap();
    assert_eq!(new(&env, &dir), [""; 0], "what was agreed to stays so");
    change(&dir, "gcc", "gcc, make");
    assert_eq!(new(&env, &dir), ["make"]);
    let mut pty = trust_on_a_terminal(&env, &dir);
    pty.expect("asks for more than you have agreed to:");
    let shown = pty.expect("agreed to before: 4 things, first ");
    assert!(
        shown.contains("package manager: make") && !shown.contains("gcc") && !shown.contains("install`"),
        "{shown}"
    );
    drop(pty);
    change(&dir, "network: none", "network: host\nvariants: {ci: {share: [ssh-agent]}, b: {home: overlay}}");
    trust(&env, &dir);
    let json = env.envbox(["trust", "--variant", "ci", "--json"]).dir(&dir).succeeds().stdout;
    assert!(json.contains("your SSH agent") && !json.contains("home directory") && !json.contains("false,"), "{json}");
}

#[test]
fn binds_are_what_they_lead_to() {
    let (env, dir) = project("from: x\nnetwork: none\nmounts: [{bind: sub/data, at: /data}]\n");
    let bind = |to: &str| format!("sees $ENV/{to} of the host at /data, and may change it");
    fs::create_dir_all(dir.join("sub/data")).unwrap();
    fs::create_dir(env.path("home/secret")).unwrap();
    trust(&env, &dir);
    fs::remove_dir(dir.join("sub/data")).unwrap();
    assert_eq!(new(&env, &dir), [""; 0], "what is not there yet is in the project");
    symlink("../../secret", dir.join("sub/data")).unwrap();
    assert_eq!(new(&env, &dir), [bind("home/secret")]);
    trust(&env, &dir);
    fs::remove_file(dir.join("sub/data")).unwrap();
    symlink("/nowhere/yet", dir.join("sub/data")).unwrap();
    assert_eq!(new(&env, &dir), ["sees /nowhere/yet of the host at /data, and may change it"]);
    change(&dir, "sub/data", "./sub/../../secret/.");
    assert_eq!(new(&env, &dir), [""; 0], "the same by another name");
    change(&dir, "./sub/../../secret/.", "sub/../sub");
    assert_eq!(new(&env, &dir), [""; 0]);
    symlink("round", dir.join("round")).unwrap();
    change(&dir, "sub/../sub", "round");
    let said = env.envbox(["trust", "--yes"]).dir(&dir).exits(125).stderr;
    assert!(said.contains("leads in a circle"), "{said}");
}

#[test]
fn a_project_that_was_moved_asks_again() {
    let (env, dir) = project(RECIPE);
    trust(&env, &dir);
    let link = env.path("home/link");
    symlink(&dir, &link).unwrap();
    assert_eq!(new(&env, &link), [""; 0], "another way to the same place");
    let moved = env.path("home/moved");
    fs::rename(&dir, &moved).unwrap();
    assert_eq!(new(&env, &moved).len(), 4);
    let list = env.envbox(["trust", "--list"]).succeeds().stdout;
    assert!(list.contains("/home/my project") && list.contains("gone"), "{list}");
    let json = env.envbox(["trust", "--list", "--json"]).succeeds().stdout;
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&rows[0]["asks"], &rows[0]["there"]), (&4.into(), &false.into()));
    env.envbox(["untrust"]).arg(&dir).succeeds();
    assert_eq!(env.envbox(["trust", "--list", "--json"]).succeeds().stdout, "[]\n");
    env.envbox(["untrust"]).arg(&dir).exits(125);
}

#[test]
fn a_yes_can_be_taken_back() {
    let (env, dir) = project(RECIPE);
    trust(&env, &dir);
    fs::create_dir(dir.join("sub")).unwrap();
    env.envbox(["untrust"]).dir(dir.join("sub")).succeeds();
    assert_eq!(new(&env, &dir).len(), 4);
    trust(&env, &dir);
    env.envbox(["untrust", "--all"]).succeeds();
    assert_eq!(new(&env, &dir).len(), 4);
}

#[test]
fn a_damaged_record_asks_again_and_says_so() {
    let (env, dir) = project(RECIPE);
    trust(&env, &dir);
    let record = fs::read_dir(env.path("data/envbox/trust")).unwrap().map(|entry| entry.unwrap().path());
    let record = record.into_iter().find(|path| path.extension().is_some_and(|name| name == "json")).unwrap();
    let good = fs::read_to_string(&record).unwrap();
    for bad in ["", "{}", &good[1..], &good.replace("gcc", "git"), &good.replace("my project", "my_project")] {
        fs::write(&record, bad).unwrap();
        let said = env.envbox(["trust"]).dir(&dir).exits(125).stderr;
        assert!(
            said.starts_with("warning: ") && said.contains("damaged") && said.contains("asks for 4 things"),
            "{said}"
        );
    }
    trust(&env, &dir);
    assert_eq!(env.envbox(["trust"]).dir(&dir).succeeds().stderr, "");
}

#[test]
fn nothing_in_a_recipe_reaches_the_terminal() {
    let recipe = "from: \"x\\e]0;from\\a\"\npackages: [\"p\\e[2J\"]\nsetup: [\"s\\r\\e[1A\\nDo you agree? [y/N] y\"]\nuser: \"u\\u202ex\"\n";
    let (env, dir) = project(recipe);
    for words in [&["trust", "--yes"][..], &["trust", "--yes", "-v"], &["trust"]] {
        let run = env.envbox(words).dir(&dir).output();
        let said = run.stdout + &run.stderr;
        let plain = |character: char| character == '\n' || !(character.is_control() || character == '\u{202e}');
        assert!(said.chars().all(plain), "{said:?}");
        assert!(!said.lines().any(|line| line.starts_with("Do you agree")), "{said}");
    }
}

#[test]
fn two_at_once_lose_nothing() {
    let names: Vec<String> = (0..8).map(|number| format!("v{number}")).collect();
    let variants: String = names.iter().map(|name| format!("  {name}: {{packages: [{name}]}}\n")).collect();
    let (env, dir) = project(&format!("from: x\nnetwork: none\nvariants:\n{variants}"));
    let start = |name: &String| {
        let mut command = env.command(envbox());
        command.args(["trust", "--yes", "--variant", name]).current_dir(&dir);
        command.stderr(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = names.iter().map(start).collect();
    children.into_iter().for_each(|mut child| assert!(child.wait().unwrap().success()));
    assert_eq!(new(&env, &dir), [""; 0]);
}
