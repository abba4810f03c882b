//! The rules that no compiler checks: layering, and what may stand where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::source_dir;

/// Which layer may use which (ARCHITECTURE.md). `cli`, `ui`, `commands` and the files beside them are the top.
const LAYERS: &[(&str, &[&str])] = &[
    ("sys", &[]),
    ("image", &["recipe"]),
    ("recipe", &["image"]),
    ("import", &["image", "recipe"]),
    ("host", &["sys"]),
    ("store", &["image", "recipe", "sys"]),
    ("source", &["image", "recipe", "store"]),
    ("unpack", &["image", "sys"]),
    ("pack", &["image", "sys"]),
    ("plan", &["image", "recipe", "host"]),
    ("userns", &["host", "sys"]),
    ("limits", &["host", "plan", "recipe", "sys"]),
    ("net", &["host", "plan", "recipe", "sys"]),
    ("launch", &["image", "recipe", "plan", "userns", "limits", "net", "store", "sys"]),
    ("build", &["recipe", "image", "store", "plan", "launch"]),
    ("agent", &["image", "recipe", "sys", "host", "ui"]),
    ("cli", &["image", "recipe"]),
    ("ui", &["error"]),
];

/// Lines at the most in a file, its tests included.
const LONGEST: usize = 400;

/// Files that may be longer, each with a reason.
const LONGER: &[(&str, &str)] = &[];

/// What may stand only in some places: a text, those places, and why.
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    ("unsafe {", &["sys"], "only sys has unsafe code"),
    ("unsafe fn", &["sys"], "only sys has unsafe code"),
    ("unsafe impl", &["sys"], "only sys has unsafe code"),
    ("nix::", &["sys"], "only sys names nix"),
    ("rustix::", &["sys"], "only sys names rustix"),
    ("libc::", &["sys"], "only sys names libc"),
    ("env::var", &["host"], "only host reads the environment"),
    ("io::stdout", &["ui"], "only ui prints"),
    ("io::stderr", &["ui"], "only ui prints"),
    ("println!", &[], "only ui prints, and not by macros that panic"),
    ("eprintln!", &[], "only ui prints, and not by macros that panic"),
    ("eprint!", &[], "only ui prints, and not by macros that panic"),
    ("print!", &[], "only ui prints, and not by macros that panic"),
    ("TcpStream", &["source"], "only source opens sockets"),
    ("reqwest::", &["source"], "only source opens sockets"),
    ("dirs.data.join", &["store"], "only store makes paths under the data directory"),
    ("dirs.cache.join", &["store"], "only store makes paths under the cache directory"),
];

const BAD_NAMES: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "manager", "misc", "shared"];

/// A source file: its path below `src/`, and its text.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The folder or file directly below `src/`: `sys`, `main`, …
    fn layer(&self) -> String {
        let first = self.path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        first.strip_suffix(".rs").unwrap_or(&first).to_owned()
    }

    /// The lines that are code, with their numbers. What a comment says binds nobody.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn at(&self, line: usize) -> String {
        format!("src/{}:{line}", self.path.display())
    }
}

fn sources() -> Vec<Source> {
    let root = source_dir().join("src");
    let mut found = Vec::new();
    collect(&root, &mut found);
    assert!(found.len() > 20, "where is the source?");
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(&root).unwrap().to_owned(),
    };
    found.into_iter().map(read).collect()
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// The layers that a line of code names: `crate::x::…`, and the branches of `crate::{x::…, y}`.
fn named(code: &str) -> BTreeSet<&str> {
    let word = |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let mut found = BTreeSet::new();
    for (_, rest) in code.match_indices("crate::").map(|(at, path)| code.split_at(at + path.len())) {
        let Some(branches) = rest.strip_prefix('{') else {
            found.insert(&rest[..word(rest)]);
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (at, c) in branches.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                _ if begins && c.is_alphabetic() => {
                    found.insert(&branches[at..at + word(&branches[at..])]);
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn the_reader_of_paths_reads_them() {
    let all = |text: &'static str| named(text).into_iter().collect::<Vec<_>>();
    assert_eq!(all("use crate::sys::fs;"), ["sys"]);
    assert_eq!(all("let x = crate::host::Host::probe(crate::sys::id::uid());"), ["host", "sys"]);
    assert_eq!(all("use crate::{host::{a, b}, plan, sys::fs};"), ["host", "plan", "sys"]);
    assert_eq!(all("use crate::{\n    host,\n    image::Digest,\n};"), ["host", "image"]);
}

#[test]
fn a_layer_uses_only_those_below_it() {
    let allowed: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    let mut faults = Vec::new();
    for source in sources() {
        let layer = source.layer();
        let Some(allowed) = allowed.get(&*layer) else { continue };
        // A `use` may go over several lines: its text up to the semicolon counts as its first line.
        for (number, line) in source.code() {
            let statement = match line.contains("crate::{") {
                true => source.text.lines().skip(number - 1).collect::<Vec<_>>().join("\n"),
                false => line.to_owned(),
            };
            let statement = statement.split_once(';').map_or(&*statement, |(first, _)| first);
            for name in named(statement).into_iter().filter(|name| *name != layer && !allowed.contains(name)) {
                faults.push(format!("{}: `{layer}` may not use `{name}`", source.at(number)));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_folder_has_its_row() {
    let top = ["commands", "context", "error", "lib", "main"];
    let known = |layer: &String| top.contains(&&**layer) || LAYERS.iter().any(|(name, _)| name == layer);
    let layers: BTreeSet<String> = sources().iter().map(Source::layer).collect();
    let faults = layers.iter().filter(|layer| !known(layer)).map(|layer| format!("src/{layer}: no row in LAYERS"));
    assert_none(&faults.collect::<Vec<_>>());

    let map = fs::read_to_string(source_dir().join("ARCHITECTURE.md")).unwrap();
    let folders = layers.iter().filter(|layer| source_dir().join("src").join(layer).is_dir());
    let unmapped = folders.filter(|layer| !map.contains(&format!("`src/{layer}/`")));
    assert_none(&unmapped.map(|layer| format!("src/{layer}/: not in ARCHITECTURE.md's code map")).collect::<Vec<_>>());
}

#[test]
fn things_stand_where_they_belong() {
    let mut faults = Vec::new();
    for source in sources() {
        let layer = source.layer();
        for (number, line) in source.code() {
            for (text, places, why) in ONLY_IN {
                let in_word = |at: usize| line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                if line.match_indices(text).any(|(at, _)| !in_word(at)) && !places.contains(&&*layer) {
                    faults.push(format!("{}: `{text}`: {why}", source.at(number)));
                }
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_unsafe_block_says_why_it_is_safe() {
    let mut faults = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (number, _) in source.code().filter(|(_, line)| line.contains("unsafe {") || line.contains("unsafe impl")) {
            let above = lines[..number - 1].iter().rev().take_while(|line| line.trim_start().starts_with("//"));
            if !above.into_iter().any(|line| line.contains("SAFETY:")) {
                faults.push(format!("{}: unsafe without a SAFETY line above it", source.at(number)));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn files_are_short_and_well_named() {
    let mut faults = Vec::new();
    for source in sources() {
        let path = source.path.to_string_lossy().into_owned();
        let length = source.text.lines().count();
        if length > LONGEST && !LONGER.iter().any(|(longer, _)| *longer == path) {
            faults.push(format!("src/{path}: {length} lines, and {LONGEST} are the most"));
        }
        let words = path.split(['/', '.', '_']);
        faults.extend(
            words.filter(|word| BAD_NAMES.contains(word)).map(|word| format!("src/{path}: `{word}` says nothing")),
        );
        if !source.text.starts_with("//!") {
            faults.push(format!("src/{path}: does not begin with what it is (`//!`)"));
        }
    }
    assert_none(&faults);
}

/// The one mirror that stands in the source is the distribution's own.
#[test]
fn no_mirror_of_anybodys() {
    let mut faults = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let urls = line
                .match_indices("://")
                .map(|(at, _)| line[at + 3..].split(['/', '"', '`', ' ', ')']).next().unwrap());
            let known = |host: &str| {
                ["debian.org", "example.org", "example", "test", "kernel.org", "no-color.org", "docker.io"]
                    .iter()
                    .any(|known| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
            };
            let foreign = urls.filter(|host| host.contains('.') && !known(host) && !host.starts_with("127."));
            faults.extend(foreign.map(|host| format!("{}: a URL of {host}", source.at(number + 1))));
        }
    }
    assert_none(&faults);
}
