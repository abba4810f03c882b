//! Recipes: those that envbox carries, the user's own, and what is offered where none is meant.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use envbox::recipe::{Catalogue, MACHINES, Recipe, Resolved, Signature, Source, keyrings};
use openpgp::cert::{Cert, CertParser};
use openpgp::parse::Parse as _;
use openpgp::policy::StandardPolicy;
use sequoia_openpgp as openpgp;

use crate::support::{Pty, Run, TestEnvironment, envbox, source_dir};

const CARRIED: [&str; 17] = [
    "almalinux",
    "alpine",
    "amazonlinux",
    "arch",
    "centos",
    "chimera",
    "debian",
    "devuan",
    "fedora",
    "gentoo",
    "kali",
    "nixos",
    "opensuse",
    "rocky",
    "ubuntu",
    "void",
    "wolfi",
];

/// Every version of every recipe, on every machine that it is for.
fn all_resolved() -> Vec<Resolved> {
    let catalogue = Catalogue::new([]);
    let mut all = Vec::new();
    for entry in catalogue.entries() {
        for version in &entry.recipe.versions {
            let machines = MACHINES.iter().filter(|machine| entry.recipe.architectures.contains_key(machine.name));
            all.extend(machines.map(|machine| entry.recipe.resolve(version, machine.name).unwrap()));
        }
    }
    all
}

#[test]
fn every_recipe_passes_its_check_and_is_carried() {
    let env = TestEnvironment::new();
    let mut files: Vec<_> =
        fs::read_dir(source_dir().join("recipes")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let names: Vec<_> = files.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, CARRIED);
    let check = files.iter().fold(env.envbox(["recipe", "check"]), Run::arg).succeeds();
    assert_eq!((check.stdout.as_str(), check.stderr.lines().count()), ("", files.len()));
    let catalogue = Catalogue::new([]);
    let carried: Vec<_> = catalogue.entries().map(|entry| entry.recipe.name.as_str()).collect();
    assert_eq!(carried, CARRIED, "{:?}", catalogue.faults().collect::<Vec<_>>());
}

#[test]
fn every_version_expands_on_every_machine() {
    let all = all_resolved();
    assert!(all.len() > 150, "only {}", all.len());
    for resolved in all {
        let (name, json) =
            (format!("{} on {}", resolved.title, resolved.machine), serde_json::to_value(&resolved).unwrap());
        assert!(!resolved.sources.is_empty() && !resolved.arch.is_empty(), "{name}");
        let mut texts = json["sources"].to_string();
        texts = texts.replace("${file}", "");
        assert!(!texts.contains("${"), "{name}: {texts}");
        assert!(!resolved.packages.install.is_empty() && !resolved.shells.is_empty(), "{name}");
    }
}

#[test]
fn words_that_mean_a_version_mean_only_one() {
    let catalogue = Catalogue::new([]);
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for entry in catalogue.entries() {
        let recipe = &entry.recipe;
        let codenames = recipe.versions.iter().filter_map(|version| version.codename.as_ref());
        for word in recipe.words().chain(codenames) {
            let other = seen.insert(word.as_str().to_owned(), recipe.name.as_str());
            assert_eq!(other, None, "`{}` of {}", word.as_str(), recipe.name.as_str());
        }
    }
    for (word, name) in [
        ("alpine", "alpine:3.24"),
        ("alpine:3.20", "alpine:3.20"),
        ("alpine:3.19", "alpine:3.19"),
        ("ubuntu:noble", "ubuntu:24.04"),
        ("noble", "ubuntu:24.04"),
        ("fedora:43", "fedora:43"),
        ("tumbleweed", "opensuse:tumbleweed"),
        ("leap", "opensuse:16.0"),
        ("debian", "debian:stable"),
        ("debian:unstable", "debian:sid"),
        ("void:musl", "void:musl"),
        ("alma:9", "almalinux:9"),
    ] {
        assert_eq!(catalogue.find(word).map(|found| found.name()).as_deref(), Ok(name), "{word}");
    }
    for word in ["", ":", "alpine:", "alpine:2", "alpine:../x", "debain", "3.20", "fedora:${version}"] {
        assert!(catalogue.find(word).is_err() || word == "alpine:", "{word}");
    }
}

/// The keys that a source believes, with the name of their keyring.
fn keys(source: &Source) -> Option<(&str, &[String])> {
    match source {
        Source::Debian(archive) => Some((&archive.keyring, &archive.keys)),
        Source::Tarball(tarball) => match tarball.signature.as_ref()? {
            Signature::Openpgp { keyring, keys, .. } | Signature::Clearsigned { keyring, keys, .. } => {
                Some((keyring, keys))
            }
            Signature::Minisign { .. } => None,
        },
        Source::Oci(_) | Source::Lxc(_) => None,
    }
}

#[test]
fn the_keys_that_recipes_name_are_in_their_keyrings_and_good() {
    let policy = StandardPolicy::new();
    let mut used: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resolved in all_resolved() {
        for (keyring, keys) in resolved.sources.iter().filter_map(keys) {
            used.entry(keyring.to_owned()).or_default().extend(keys.iter().cloned());
        }
    }
    for name in keyrings::names() {
        let keys = used.remove(name).unwrap_or_else(|| panic!("no recipe uses the keyring `{name}`"));
        let certs: Vec<Cert> =
            CertParser::from_bytes(keyrings::bytes(name).unwrap()).unwrap().map(Result::unwrap).collect();
        for key in keys {
            let cert = certs.iter().find(|cert| cert.fingerprint().to_hex() == key);
            let cert = cert.unwrap_or_else(|| panic!("`{name}` lacks {key}"));
            let valid = cert.with_policy(&policy, None).unwrap_or_else(|error| panic!("{key} of `{name}`: {error}"));
            valid.alive().unwrap();
        }
    }
    assert!(used.keys().all(|other| other.starts_with("https://")), "{used:?}");
}

#[test]
fn faults_are_named_with_their_place_and_what_was_meant() {
    let env = TestEnvironment::new();
    let alpine = fs::read_to_string(source_dir().join("recipes/alpine.yaml")).unwrap();
    let check = |from: &str, to: &str| {
        assert!(alpine.contains(from), "{from}");
        fs::write(env.path("home/alpine.yaml"), alpine.replacen(from, to, 1)).unwrap();
        env.envbox(["recipe", "check", "alpine.yaml"]).exits(1).stdout
    };
    for (from, to, expected) in [
        ("title:", "titel:", "alpine.yaml:2:1: there is no key `titel` here; `title` is\n"),
        ("title: Alpine Linux", "title: \"a\\nb\"", "alpine.yaml:1:7: `title` is not one line of text\n"),
        ("tarball:", "tarbal:", "alpine.yaml:29:5: `tarbal` is not known here; `tarball` is\n"),
        ("      file:", "      fiel:", "alpine.yaml:31:7: there is no key `fiel` here; `file` is\n"),
        (", default: true", "", "alpine.yaml:1:7: no version has `default: true`\n"),
        ("{name: \"3.23\"}", "{name: \"3.24\"}", "alpine.yaml:8:12: two versions are called `3.24`\n"),
        ("  x86_64: x86_64", "  x86-64: x86_64", "`x86-64` is no architecture of the recipe; `x86_64` is\n"),
        ("[0482", "[482", "alpine.yaml:39:18: `482D84022F52DF1C4E7CD43293ACD0907D9495A` is not a fingerprint of 40"),
        ("https://alpinelinux.org/keys/ncopa.asc", "alpin", "there is no keyring `alpin`: archlinux, debian,"),
        ("latest-releases.yaml", "../x", "alpine.yaml:32:13: `../x` is not a path relative to the directory"),
        ("https://dl-cdn", "htps://dl-cdn", "is neither http:// nor https://\n"),
        ("/releases/${arch}/", "/releases/${arch}", "does not end in `/`, as a directory does\n"),
        (
            "sums: ${file}.sha512",
            "sums: ${fil}.sha512",
            "alpine.yaml:33:13: there is no variable `fil` for 3.20 on aarch64",
        ),
        ("branch: v${version}", "branch: v${branch}", "the variable `branch` stands for itself\n"),
        ("docker.io/library/alpine", "docker.io/Library/alpine", "is no reference to an image"),
        (
            "name: alpine",
            "name: alpin",
            "alpine.yaml:1:7: a recipe named `alpin` belongs into a file named alpin.yaml\n",
        ),
        ("home:", "home: [", "alpine.yaml:"),
    ] {
        let shown = check(from, to);
        assert!(shown.contains(expected), "{to}: {shown}");
    }
}

#[test]
fn the_example_of_the_documentation_is_a_recipe() {
    let text = fs::read_to_string(source_dir().join("recipes/README.md")).unwrap();
    let example = text.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let example = example.replace("sha256:…", &format!("sha256:{}", "0".repeat(64)));
    let recipe = Recipe::parse("example.yaml", &example).unwrap();
    let resolved = recipe.resolve(&recipe.versions[0], "aarch64").unwrap();
    let Source::Debian(archive) = &resolved.sources[0] else { panic!("{:?}", resolved.sources) };
    assert_eq!(archive.also[0].suite, "newest-security");
    let resolved = recipe.resolve(&recipe.versions[1], "x86_64").unwrap();
    let Source::Tarball(tarball) = &resolved.sources[0] else { panic!("{:?}", resolved.sources) };
    assert_eq!((tarball.at[0].as_str(), tarball.strip), ("https://example.org/old/", Some(1)));
    assert_eq!(tarball.file, "example-*-amd64.tar.xz");
}

#[test]
fn all_faults_are_found_at_once_and_a_bomb_is_refused() {
    let faulty = "name: X\ntitle: x\nversions:\n- {name: a}\narchitectures: {x86_64: {top: a}}\nsources:\n\
        - oci: {image: \"A b\"}\n- lxc: {server: x, product: a b}\n";
    let faults = Recipe::parse("x.yaml", faulty).unwrap_err();
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for expected in
        [":1:7: `X` is no name", ":1:7: no version", ":5:31: the architecture", ":7:16: ", ":8:17: ", ":8:29: "]
    {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected}: {lines:#?}");
    }
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &(b'b'..=b'z')
            .map(|c| {
                let (c, before) = (char::from(c), char::from(c - 1));
                format!("{c}: &{c} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n")
            })
            .collect::<String>();
    assert!(Recipe::parse("bomb.yaml", &bomb).is_err());
}

const OWN: &str = "name: alpine\ntitle: My Alpine\naliases: [debian]\nversions: [{name: mine, default: true}]\n\
    architectures: {x86_64: x86_64, aarch64: aarch64}\nsources: [{oci: {image: \"127.0.0.1:1/alpine:1\"}}]\n";

#[test]
fn the_users_own_recipes_go_first() {
    let env = TestEnvironment::new();
    let dir = env.path("config/envbox/recipes");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("alpine.yaml"), OWN).unwrap();
    fs::write(dir.join("ignored.txt"), "x").unwrap();
    for word in ["alpine", "alpine:mine", "debian"] {
        let shown = env.envbox(["recipe", "show", word]).succeeds().stdout;
        assert!(shown.contains("title: My Alpine mine\n"), "{word}: {shown}");
    }
    let rows: serde_json::Value =
        serde_json::from_str(&env.envbox(["search", "alpine", "--json"]).succeeds().stdout).unwrap();
    assert_eq!(rows[0]["file"], "$ENV/config/envbox/recipes/alpine.yaml");
    assert_eq!(rows.as_array().unwrap().len(), 1, "the other one is hidden");
    // A faulty one is not passed over in silence.
    fs::write(dir.join("alpine.yaml"), OWN.replace("title", "titel")).unwrap();
    let refused = env.envbox(["enter", "alpine", "--dry-run"]).exits(125).stderr;
    assert!(refused.contains("alpine.yaml:2:1: there is no key `titel` here; `title` is"), "{refused}");
    assert!(refused.contains("hint: envbox recipe check $ENV/config/envbox/recipes/alpine.yaml"), "{refused}");
    env.envbox(["recipe", "show", "wolfi"]).succeeds();
    let warned = env.envbox(["search"]).succeeds();
    assert!(warned.stderr.starts_with("warning: ") && !warned.stdout.contains("alpine"), "{warned:?}");
}

#[test]
fn search_shows_what_there_is_and_how_it_is_verified() {
    let env = TestEnvironment::new();
    let table = env.envbox(["search"]).succeeds().stdout;
    assert_eq!(table.lines().count(), 1 + CARRIED.len());
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(row("ubuntu ").contains("debian, tarball, oci, lxc  signature "), "{table}");
    assert!(row("wolfi ").contains("checksum over TLS"), "{table}");
    let rows: serde_json::Value =
        serde_json::from_str(&env.envbox(["search", "Tumble", "--json"]).succeeds().stdout).unwrap();
    assert_eq!((&rows[0]["name"], &rows[0]["verified"]), (&"opensuse".into(), &"checksum".into()));
    assert_eq!(env.envbox(["search", "qqqqqqqq"]).exits(1).stdout, "");
}

#[test]
fn a_word_that_means_nothing_is_answered_with_what_it_may_mean() {
    let env = TestEnvironment::new();
    for command in [&["enter", "debain"][..], &["create", "debain"], &["run", "debain", "true"]] {
        let stderr = env.envbox(command).exits(125).stderr;
        assert!(stderr.starts_with("error: there is no box, no recipe and no file named `debain`\n"), "{stderr}");
        assert!(stderr.contains("hint: there are: debian\n"), "{stderr}");
    }
    let stderr = env.envbox(["run", "ubuntu:99", "true"]).exits(125).stderr;
    assert!(stderr.starts_with("error: Ubuntu has no version `99`\n") && stderr.contains("ubuntu:24.04"), "{stderr}");
    let stderr = env.envbox(["recipe", "show", "ubunut"]).exits(125).stderr;
    assert!(stderr.contains("hint: there are: ubuntu\n"), "{stderr}");
    let stderr = env.envbox(["recipe", "show", "arch", "--machine", "s390x"]).exits(125).stderr;
    assert_eq!(stderr, "error: Arch Linux is not made for s390x, but for aarch64, x86_64\n");
}

#[test]
fn on_a_terminal_one_can_choose() {
    let env = TestEnvironment::new();
    let ask = || {
        let mut command = env.command(envbox());
        command.args(["enter", "--dry-run", "Trixi"]);
        let mut terminal = Pty::spawn(&command);
        terminal.expect("there is no recipe `Trixi`; what is meant?");
        terminal.expect("1  debian:13");
        terminal.expect("number (none: give up): ");
        terminal
    };
    let mut terminal = ask();
    terminal.send("7\n");
    terminal.expect("number (none: give up): ");
    terminal.send("1\n");
    let (status, text) = terminal.wait();
    assert!(text.contains("box `debian-13` of the image `debian:13`"), "{text}");
    assert!(status.success());
    let mut terminal = ask();
    terminal.send("\n");
    let (status, text) = terminal.wait();
    assert_eq!((status.code(), text.contains("there is no box, no recipe and no file")), (Some(125), true), "{text}");
}

#[test]
fn completion_offers_recipes_and_takes_no_time_for_it() {
    let env = TestEnvironment::new();
    let complete = |words: &[&str]| env.envbox(["__complete", "--"].iter().chain(words)).succeeds().stdout;
    assert_eq!(complete(&["enter", "alp"]), "alpine\tAlpine Linux\n");
    assert_eq!(complete(&["create", "nob"]), "noble\tUbuntu 24.04\n");
    assert_eq!(complete(&["recipe", "show", "wol"]), "wolfi\tWolfi\n:files\n");
    assert_eq!(complete(&["stop", "alp"]), "");
    let begun = Instant::now();
    complete(&["enter", "x"]);
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}
