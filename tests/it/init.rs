//! `envbox init`: what projects of every kind become, and what could not be carried over.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use envbox::recipe::project::Project;

use crate::support::{Pty, TestEnvironment, envbox, golden, source_dir};

/// The samples: a directory each, and what `--from` names.
const SAMPLES: [(&str, Option<&str>); 11] = [
    ("rust", None),
    ("rust-pinned", None),
    ("node", None),
    ("python", None),
    ("mixed", None),
    ("containerfile", Some("Dockerfile")),
    ("stages", Some("Containerfile")),
    ("devcontainer", Some("devcontainer.json")),
    ("devcontainer-build", Some(".devcontainer/devcontainer.json")),
    ("distrobox", Some("distrobox.ini")),
    ("vagga", Some("vagga.yaml")),
];

fn sample(name: &str) -> PathBuf {
    source_dir().join("tests/it/init").join(name)
}

/// Every box that a recipe describes.
#[track_caller]
fn resolves(name: &str, yaml: &str) {
    let recipe = Project::parse("envbox.yaml", yaml).unwrap_or_else(|fault| panic!("{name}: {fault}\n{yaml}"));
    // Where each box stands alone, the recipe itself is none.
    let own = recipe.from.is_some() || recipe.variants.is_empty();
    let variants = recipe.variants.keys().map(|variant| Some(variant.as_str()));
    for variant in own.then_some(None).into_iter().chain(variants) {
        let environment = recipe.environment("envbox.yaml", variant);
        environment.unwrap_or_else(|faults| panic!("{name}: {}\n{yaml}", faults[0]));
    }
}

#[test]
fn samples_become_recipes() {
    let env = TestEnvironment::new();
    for (name, from) in SAMPLES {
        let run = env.envbox(["init", "--print"]).dir(sample(name));
        let made = from.into_iter().fold(run, |run, from| run.args(["--from", from])).succeeds();
        resolves(name, &made.stdout);
        golden(&format!("tests/it/init/{name}.yaml"), &made.stdout);
        for line in made.stderr.lines().filter_map(|line| line.strip_prefix("  ")) {
            assert!(made.stdout.contains(&format!("#   {line}\n")), "{name}: `{line}` is not in the file");
        }
    }
}

/// Every line of these says something; all of it has to be found again, or be listed.
#[test]
fn nothing_of_a_containerfile_is_dropped() {
    let env = TestEnvironment::new();
    let made = env.envbox(["init", "--print", "--from", "Dockerfile"]).dir(sample("containerfile")).succeeds();
    let listed = |line: &str| made.stderr.contains(&format!("Dockerfile:{line}: "));
    for line in [
        "3", "4", "5", "8", "9", "21", "23", "26", "36", "37", "38", "39", "40", "41", "42", "45", "47", "48", "49",
        "50", "51",
    ] {
        assert!(listed(line), "line {line}: {}", made.stderr);
    }
    for text in ["libpq-dev", "setup.cfg", "APP_HOME", "STAGE", "port = 8000", "var-lib-web", "gunicorn", "user: app"] {
        assert!(made.stdout.contains(text), "{text}: {}", made.stdout);
    }
}

#[test]
fn arguments_and_targets_of_a_containerfile() {
    let env = TestEnvironment::new();
    let run = || env.envbox(["init", "--print", "--from", "Containerfile"]).dir(sample("stages"));
    let made = run().args(["--target", "tests", "--build-arg", "ALPINE=3.21"]).succeeds();
    assert!(made.stdout.contains("from: alpine:3.21\n") && made.stdout.contains("make check"), "{}", made.stdout);
    let failed = run().args(["--target", "nowhere"]).exits(125);
    assert!(failed.stderr.contains("there is no stage `nowhere`"), "{}", failed.stderr);
}

/// A project in the environment's home.
fn project(env: &TestEnvironment, files: &[(&str, &str)]) -> PathBuf {
    let dir = env.path("home/project");
    fs::create_dir_all(&dir).unwrap();
    for (name, text) in files {
        fs::write(dir.join(name), text).unwrap();
    }
    dir
}

fn written(dir: &Path) -> String {
    fs::read_to_string(dir.join("envbox.yaml")).unwrap()
}

#[test]
fn an_envbox_yaml_is_not_overwritten() {
    let env = TestEnvironment::new();
    let dir = project(&env, &[("go.mod", "module x\n")]);
    let first = env.envbox(["init"]).dir(&dir).succeeds();
    assert!(first.stderr.contains("envbox.yaml was made from Go (go.mod)"), "{}", first.stderr);
    resolves("go", &written(&dir));
    fs::write(dir.join("envbox.yaml"), "mine").unwrap();
    let refused = env.envbox(["init", "--yes"]).dir(&dir).exits(125);
    assert!(refused.stderr.contains("already") && refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(written(&dir), "mine");
    env.envbox(["init", "--force"]).dir(&dir).succeeds();
    assert!(written(&dir).contains("golang-go"));

    // A link is somebody's, too, and nothing is written to where it leads.
    fs::remove_file(dir.join("envbox.yaml")).unwrap();
    symlink(env.path("home/elsewhere"), dir.join("envbox.yaml")).unwrap();
    env.envbox(["init"]).dir(&dir).exits(125);
    env.envbox(["init", "--force"]).dir(&dir).succeeds();
    assert!(!env.path("home/elsewhere").exists() && written(&dir).contains("golang-go"));
}

#[test]
fn nothing_outside_of_the_project_is_read() {
    let env = TestEnvironment::new();
    let secret = env.path("home/secret");
    fs::write(&secret, "FROM debian:12\nENV SECRET=yes\n").unwrap();
    let dir = project(&env, &[("devcontainer.json", r#"{"build": {"dockerfile": "../secret"}}"#)]);
    symlink(&secret, dir.join("Dockerfile")).unwrap();
    symlink("../secret", dir.join("Containerfile")).unwrap();
    for from in ["Dockerfile", "Containerfile", "../secret", "/etc/passwd"] {
        let failed = env.envbox(["init", "--print", "--from", from]).dir(&dir).exits(125);
        assert!(failed.stderr.contains("cannot read") && !failed.stdout.contains("SECRET"), "{}", failed.stderr);
    }
    let made = env.envbox(["init", "--print", "--from", "devcontainer.json"]).dir(&dir).succeeds();
    assert!(made.stderr.contains("no such file") && !made.stdout.contains("SECRET"), "{}", made.stdout);
}

/// Whatever stands in the files: an error or a recipe, and never anything that a terminal acts on.
#[test]
fn hostile_files() {
    let env = TestEnvironment::new();
    let bomb = format!(
        "a: &a [x,x,x,x,x,x,x,x,x]\n{}",
        (0..30).map(|n| format!("k{n}: &k{n} [*a,*a,*a,*a]\n")).collect::<String>()
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = "x".repeat(2 << 20);
    let texts = [
        "\u{1b}]0;x\u{7}",
        "FROM \u{1b}[31mdebian\nRUN \u{202e}x\nENV A\u{1b}=\u{9b}b\nLABEL \u{1b}\nWORKDIR /\u{1b}\nVOLUME /\u{1b}\nUSER \u{1b}\nCMD \u{1b}",
        "FROM debian\nRUN <<",
        "FROM",
        "FROM \\",
        "FROM ${",
        "FROM debian\nENV A",
        "FROM debian\nCOPY x",
        "FROM debian\nCOPY [\"a\"]",
        "{\"image\": \"\u{1b}\\u001b\", \"\\u001b\": 1, \"mounts\": [1, null, {}], \"features\": {\"\\u001b\": 1}, \"runArgs\": [\"-e\"], \"postCreateCommand\": [[]]}",
        "{\"image\": 1, \"forwardPorts\": {\"a\": 1}, \"build\": [], \"hostRequirements\": {\"cpus\": -1, \"memory\": \"99999999999T\"}}",
        "[a\u{1b}]\n\u{1b}=\u{1b}\nvolume=:\ninclude=a\n",
        "containers: {a: {setup: [!Container a, !Copy x, !Text {}]}}\ncommands: {x: !Supervise {children: {y: 1}}}",
        "containers: {\"\\e\": {\"\\e\": !\"x\" }}",
        "\0",
        "",
        &bomb,
        &deep,
        &long,
    ];
    for text in texts {
        let dir = project(&env, &[]);
        for file in ["Containerfile", "devcontainer.json", "distrobox.ini", "vagga.yaml"] {
            fs::write(dir.join(file), text).unwrap();
            let made = env.envbox(["init", "--print", "--from", file]).dir(&dir).output();
            let shown: String = text.chars().take(80).collect();
            assert!(matches!(made.status.code(), Some(0 | 125)), "{file}: {shown:?}: {made:?}");
            let acts = |text: &str| text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}');
            assert!(!acts(&made.stdout) && !acts(&made.stderr), "{file}: {shown:?}: {made:?}");
            if made.status.success() {
                resolves(file, &made.stdout);
            }
        }
    }
}

#[test]
fn on_a_terminal_it_asks() {
    let env = TestEnvironment::new();
    let dir = project(&env, &[("go.mod", "module x\n"), ("Dockerfile", "FROM alpine:3.20\n")]);
    let mut command = env.command(envbox());
    command.arg("init").current_dir(&dir);
    let mut pty = Pty::spawn(&command);
    pty.expect("Dockerfile");
    pty.expect("number");
    pty.send("1\r");
    pty.expect("[debian:13] ");
    pty.send("ubuntu:24.04\r");
    pty.expect("Take it?");
    pty.send("y\r");
    pty.expect("[build test] ");
    pty.send("frobnicate\r");
    pty.expect("[build test] ");
    pty.send("test\r");
    pty.expect("[project] ");
    pty.send("none\r");
    pty.expect("from: ubuntu:24.04");
    pty.expect("Write envbox.yaml?");
    pty.send("y\r");
    assert!(pty.wait().0.success());
    let yaml = written(&dir);
    resolves("asked", &yaml);
    assert!(yaml.contains("home: none") && yaml.contains("test: go test") && !yaml.contains("build: go"), "{yaml}");

    fs::remove_file(dir.join("envbox.yaml")).unwrap();
    let mut pty = Pty::spawn(&command);
    pty.expect("number");
    pty.send("\r");
    assert_eq!(pty.wait().0.code(), Some(125));
    assert!(!dir.join("envbox.yaml").exists());
}
