//! What a project's recipe may be: as the reader of it says, and as the JSON Schema for editors does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use envbox::recipe::project::Project;
use envbox::recipe::{BoxConfig, schema};
use serde_json::Value;

use crate::support::{TestEnvironment, source_dir};

/// A JSON Schema that has been compiled.
struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn of(schema: Value) -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("http://example.org/schema.json", schema).unwrap();
        let index = compiler.compile("http://example.org/schema.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn check(&self, yaml: &str) -> Result<(), String> {
        // As editors read it: `y` is a word.
        let options = serde_saphyr::options! { strict_booleans: true };
        let value: Value = serde_saphyr::from_str_with_options(yaml, options).unwrap();
        self.schemas.validate(&value, self.index).map_err(|error| format!("{error:#}"))
    }
}

/// Recipes in which every key and every form of a value is written once.
const GOOD: &[&str] = &[
    "from: debian:12\n",
    "include: [ci/base.yaml]\nfrom: ./base/envbox.yaml\n",
    "from: x\npackages: [gcc-12, 'g++', 'lib:i386', 'x=1.2~3+b1', '@dev-tools']\n",
    "from: x\ncopy: [{from: tools/, to: /opt/tools}, {from: a, to: /b, mode: 0755}, {from: a, to: /b, mode: '755'}]\n",
    "from: x\nsetup: [make, {run: make, as: user, network: host, env: {A: b}}, {run: x, as: root, network: none}]\n",
    "from: x\nenv: {A: b, C: 1, D: 1.5, E: true, F: ''}\n",
    "from: x\nhome: overlay\nshare: [wayland, x11, pipewire, pulse, dbus, ssh-agent, gpg-agent]\n",
    "from: x\nmounts: [{bind: ../data, at: /data, read_only: true}, {cache: c, at: ~/.c}, {tmpfs: 512M, at: /scratch}]\n",
    "from: x\nnetwork: private\nports: [80, '8080:80', '127.0.0.1:9090:90', '[::1]:53:53/udp']\n",
    "from: x\nlimits: {memory: 4G, swap: 0, cpus: 1.5, cpuset: 0-3, pids: 100, nofile: 1024, io: {read: 50M/s, write: 20M}}\n",
    "from: x\ninit: auto\nshell: /bin/zsh\nworkdir: /srv\nuser: app:www\n",
    "from: x\ninit: /sbin/init\n",
    "from: x\ntasks: {a: make, b: [make, all], c: {run: x, about: y, needs: [a], env: {A: 1}, workdir: s, user: u}}\n",
    "from: x\ntasks: {a: {needs: [b], services: [s]}, b: make}\nservices: {s: x}\n",
    "from: x\nservices: {s: {run: [x], ready: pg_isready, restart: always, stop_signal: INT, stop_time: 1m}, t: [y]}\n",
    "from: x\nservices: {s: {run: x, needs: [t], env: {A: b}, workdir: /, user: u}, t: y}\n",
    "from: x\nservices: {a: {run: x, ready: {port: 1, every: 2, within: 2m}}, b: {run: x, ready: {run: [y]}}}\n",
    "from: x\nservices: {a: {run: x, ready: {file: /y}}, b: {run: x, ready: {log: y}}, c: {run: x, ready: [y]}}\n",
    "from: x\nvariants: {ci: {from: y, packages: [git], home: none}, w: {}}\n",
];

/// What neither the schema nor the reader takes.
const BAD: &[&str] = &[
    "[]\n",
    "text\n",
    "from: [x]\n",
    "form: x\n",
    "from: x\npackages: gcc\n",
    "from: x\npackages: ['a;b']\n",
    "from: x\npackages: ['-y']\n",
    "from: x\ncopy: [{from: a}]\n",
    "from: x\ncopy: [{from: a, to: b}]\n",
    "from: x\ncopy: [{from: a, to: /b, mode: rwx}]\n",
    "from: x\ncopy: [{from: 'https://example.org/x', to: /b, digest: x}]\n",
    "from: x\nsetup: [[a, b]]\n",
    "from: x\nsetup: [{run: x, as: rot}]\n",
    "from: x\nsetup: [{run: x, network: private}]\n",
    "from: x\nsetup: ['']\n",
    "from: x\nenv: {A: [b]}\n",
    "from: x\nenv: {'A=B': c}\n",
    "from: x\nhome: hots\n",
    "from: x\nshare: [x12]\n",
    "from: x\nmounts: [{at: /x}]\n",
    "from: x\nmounts: [{bind: x, cache: y, at: /x}]\n",
    "from: x\nmounts: [{bind: x, at: x}]\n",
    "from: x\nmounts: [{tmpfs: 4X, at: /x}]\n",
    "from: x\nports: ['80:x']\n",
    "from: x\nlimits: {memroy: 4G}\n",
    "from: x\nlimits: {cpus: 0}\n",
    "from: x\nlimits: {cpuset: a}\n",
    "from: x\nlimits: {pids: -1}\n",
    "from: x\nlimits: {pids: 0}\n",
    "from: x\nlimits: {nofile: 0}\n",
    "from: x\nlimits: {io: {read: fast}}\n",
    "from: x\ninit: systemd\n",
    "from: x\nshell: zsh\n",
    "from: x\ntasks: {A: x}\n",
    "from: x\ntasks: {a: 5}\n",
    "from: x\ntasks: {a: {run: {b: c}}}\n",
    "from: x\nservices: {a: {ready: x}}\n",
    "from: x\nservices: {a: {run: x, ready: {port: 1, log: x}}}\n",
    "from: x\nservices: {a: {run: x, ready: {port: 0}}}\n",
    "from: x\nservices: {a: {run: x, restart: never}}\n",
    "from: x\nservices: {a: {run: x, stop_time: soon}}\n",
    "from: x\nvariants: {ci: {variants: {x: {}}}}\n",
    "from: x\nvariants: {ci: {include: [x]}}\n",
    "from: x\nvariants: {'C I': {}}\n",
];

/// Whether the reader takes a recipe that stands alone, with all its variants.
fn read(yaml: &str) -> Result<(), String> {
    let file = |path: &Path| match path.to_str() {
        Some("envbox.yaml") => Ok(yaml.to_owned()),
        _ => Ok("env: {}\n".to_owned()),
    };
    let words = |faults: Vec<_>| format!("{faults:?}");
    let project = Project::load(Path::new(""), Path::new("envbox.yaml"), &file).map_err(words)?;
    let faults = project.faults("envbox.yaml");
    if faults.is_empty() { Ok(()) } else { Err(words(faults)) }
}

#[test]
fn the_schema_and_the_reader_agree() {
    let validator = Validator::of(schema::project());
    let mut faults = Vec::new();
    for good in GOOD {
        let (by_schema, by_reader) = (validator.check(good), read(good));
        faults.extend(by_schema.err().into_iter().chain(by_reader.err()).map(|error| format!("{good}{error}")));
    }
    for bad in BAD {
        let takers = [("schema", validator.check(bad)), ("reader", read(bad))];
        let takers = takers.iter().filter(|(_, said)| said.is_ok());
        faults.extend(takers.map(|(who, _)| format!("the {who} takes\n{bad}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The keys that the reader knows at a place: those it names when it is given one that it does not know.
fn known(yaml: &str) -> BTreeSet<String> {
    const NO_KEY: &str = "zzzzzzzzzzzzzzzzzzzzzzzz";
    let said = Project::parse("", &yaml.replace("KEY", NO_KEY)).unwrap_err().to_string();
    let (_, keys) = said.split_once("there are: ").unwrap_or_else(|| panic!("{said}"));
    keys.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schema_has_the_keys_of_the_reader() {
    let schema = schema::project();
    let keys = |place: &str| -> BTreeSet<String> {
        let found = schema.pointer(place).unwrap_or_else(|| panic!("no {place}"));
        found.as_object().unwrap().keys().cloned().collect()
    };
    for (yaml, place) in [
        ("{KEY: x}", "/properties"),
        ("{copy: [{KEY: x}]}", "/$defs/Copied/properties"),
        ("{setup: [{KEY: x}]}", "/$defs/Run/anyOf/1/properties"),
        ("{mounts: [{KEY: x}]}", "/$defs/Mount/properties"),
        ("{limits: {KEY: x}}", "/$defs/Limits/properties"),
        ("{limits: {io: {KEY: x}}}", "/$defs/Io/properties"),
        ("{tasks: {a: {KEY: x}}}", "/$defs/Task/anyOf/2/properties"),
        ("{services: {a: {KEY: x}}}", "/$defs/Service/anyOf/2/properties"),
        ("{services: {a: {run: x, ready: {KEY: x}}}}", "/$defs/Ready/anyOf/2/properties"),
    ] {
        assert_eq!(keys(place), known(yaml), "{place}");
    }
    let of_variant: BTreeSet<String> =
        known("{KEY: x}").into_iter().filter(|key| !["variants", "include"].contains(&key.as_str())).collect();
    assert_eq!(keys("/$defs/Variant/properties"), of_variant);
}

/// Every map is closed, and every key says what it is for.
#[test]
fn the_schema_is_strict_and_says_what_things_are() {
    fn walk(value: &Value, way: &str, faults: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            if value.get("additionalProperties") != Some(&Value::Bool(false)) {
                faults.push(format!("{way}: takes any key"));
            }
            let silent = properties.iter().filter(|(_, property)| property.get("description").is_none());
            faults.extend(silent.map(|(key, _)| format!("{way}/{key}: no description")));
        }
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| walk(value, &format!("{way}/{key}"), faults)),
            Value::Array(list) => list.iter().for_each(|value| walk(value, way, faults)),
            _ => {}
        }
    }
    for schema in [schema::project(), schema::box_config()] {
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(schema["title"].is_string() && schema["description"].is_string());
        let mut faults = Vec::new();
        walk(&schema, "", &mut faults);
        assert_eq!(faults, [""; 0]);
    }
}

#[test]
fn what_envbox_writes_of_a_box_is_of_its_schema() {
    let validator = Validator::of(schema::box_config());
    let project = Project::parse("envbox.yaml", GOOD[7]).unwrap();
    let mut config = project.environment("envbox.yaml", None).unwrap().config;
    assert_eq!(validator.check(&config.to_yaml()), Ok(()));
    config.hostname = Some("box".parse().unwrap());
    assert_eq!(validator.check(&config.to_yaml()), Ok(()));
    assert_eq!(BoxConfig::parse(&config.to_yaml()).unwrap(), config);
    assert!(validator.check("from: x\nhoem: host\n").is_err());
}

/// All files of that name in the source tree.
fn recipes_below(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().unwrap().is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            recipes_below(&path, found);
        } else if name == "envbox.yaml" {
            found.push(path);
        }
    }
}

#[test]
fn the_recipes_in_the_tree_are_good() {
    let (env, validator) = (TestEnvironment::new(), Validator::of(schema::project()));
    let mut found = Vec::new();
    recipes_below(&source_dir(), &mut found);
    for path in found {
        assert_eq!(validator.check(&fs::read_to_string(&path).unwrap()), Ok(()), "{}", path.display());
        env.envbox(["recipe", "check"]).arg(&path).succeeds();
    }
}

#[test]
fn the_schema_is_printed() {
    let env = TestEnvironment::new();
    for (words, schema) in [(&["schema"][..], schema::project()), (&["schema", "--box"], schema::box_config())] {
        let printed: Value = serde_json::from_str(&env.envbox(words).succeeds().stdout).unwrap();
        assert_eq!(printed, schema);
    }
}

#[test]
fn recipe_check_of_a_project() {
    let env = TestEnvironment::new();
    let (home, below) = (env.path("home"), env.path("home/p/src"));
    fs::create_dir_all(&below).unwrap();
    let file = |name: &str, text: &[u8]| fs::write(home.join("p").join(name), text).unwrap();
    let check = || env.envbox(["recipe", "check"]).dir(&below);
    file("base.yaml", b"packages: [gcc]\nports: [80, '81:80']\n");
    file("envbox.yaml", b"include: [base.yaml]\nfrom: debian\nvariants: {ci: {home: none}}\n");
    assert!(check().succeeds().stderr.contains("good (1 variants, 0 tasks, 0 services)"));
    file(
        "envbox.yaml",
        b"include: [base.yaml]\nfrom: debian\nvariants:\n  ci: {network: host, tasks: {a: {needs: [b]}}}\n",
    );
    let said = check().exits(1).stdout;
    let lines: Vec<&str> = said.lines().map(|line| line.rsplit_once("/p/").unwrap().1).collect();
    assert!(lines.len() == 2 && lines[0].starts_with("base.yaml:2:13: with the host's network"), "{lines:?}");
    assert!(lines[1].starts_with("envbox.yaml:4:43: there is no task `b`"), "{lines:?}");
}

#[test]
fn nothing_outside_of_the_project_is_read() {
    let env = TestEnvironment::new();
    let project = env.path("home/p");
    fs::create_dir_all(project.join("in")).unwrap();
    fs::write(env.path("home/secret.yaml"), "shell: /secret\n").unwrap();
    fs::write(project.join("in/good.yaml"), "packages: [gcc]\n").unwrap();
    for (name, target) in
        [("a", "../secret.yaml"), ("b", "/etc/passwd"), ("c", "/proc/self/environ"), ("d", "in/good.yaml"), ("e", "..")]
    {
        std::os::unix::fs::symlink(target, project.join(name)).unwrap();
    }
    let check = |include: &str| {
        fs::write(project.join("envbox.yaml"), format!("include: [{include}]\nfrom: debian\n")).unwrap();
        env.envbox(["recipe", "check"]).dir(&project)
    };
    check("d").succeeds();
    for outside in ["a", "b", "c", "e/secret.yaml"] {
        let said = check(outside).exits(1).stdout;
        assert!(said.contains(":1:11: ") && said.contains("outside of the project"), "{said}");
    }
    for strange in ["in", "nothing"] {
        check(strange).exits(1);
    }
    fs::write(project.join("in/latin"), b"from: x\nenv: {A: \xe9}\n").unwrap();
    let said = check("in/latin").exits(1).stdout;
    assert!(said.contains("line 2 is no UTF-8"), "{said}");
}
