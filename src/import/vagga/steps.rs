//! The steps of a container's `setup`.

use super::Converter;
use crate::import::document::{Node, Value};
use crate::import::{base, copied, offline, online, quoted, text};
use crate::recipe::project::Project;

/// What a step without a version is made of.
const NO_VERSION: &[(&str, &str)] = &[("!Ubuntu", "ubuntu:24.04"), ("!Alpine", "alpine:latest")];

/// Steps that install with a language's own program: tag, the packages it needs, and how its line begins.
const INSTALLERS: &[(&str, &[&str], &str)] = &[
    ("!Py3Install", &["python3", "python3-pip"], "pip3 install --break-system-packages"),
    ("!NpmInstall", &["nodejs", "npm"], "npm install --global"),
    ("!GemInstall", &["ruby"], "gem install"),
    ("!ComposerInstall", &["composer"], "composer global require"),
];

/// Steps that envbox has no need of.
const NEEDLESS: [&str; 4] = ["!UbuntuUniverse", "!AptTrust", "!CacheDirs", "!Depends"];

/// Steps whose value is one text, which becomes a setup step without a network.
const ON_A_PATH: &[(&str, &str)] = &[
    ("!EnsureDir", "mkdir -p {path}"),
    ("!EmptyDir", "rm -rf {path} && mkdir -p {path}"),
    ("!Remove", "rm -rf {path}"),
];

/// Takes a step into the recipe, or lists it.
pub(super) fn step(converter: &mut Converter<'_>, recipe: &mut Project, step: &Node) {
    let tag = step.tag.as_deref().unwrap_or_default();
    match tag {
        "!Ubuntu" | "!Alpine" | "!UbuntuRelease" => from(converter, recipe, tag, step),
        "!Install" | "!BuildDeps" => install(converter, recipe, tag, step),
        "!Sh" => match step.as_str().map(str::trim_end) {
            Some(script) if !script.is_empty() => recipe.setup.push(online(script)),
            _ => converter.leave(step.line, &step.brief(), "it is no script"),
        },
        "!Cmd" if step.is_list() && !step.items().is_empty() => {
            let words: Vec<String> = converter.texts(step).iter().map(|word| quoted(word)).collect();
            recipe.setup.push(online(words.join(" ")));
        }
        "!Env" => recipe.env.extend(converter.pairs("!Env", step)),
        "!Copy" => copy(converter, recipe, step),
        "!Text" => files(converter, recipe, step),
        "!Download" => download(converter, recipe, step),
        tag if NEEDLESS.contains(&tag) => converter.leave(step.line, &step.brief(), "envbox has no need of it"),
        tag => {
            if !on_a_path(recipe, tag, step) && !with_program(converter, recipe, tag, step) {
                converter.leave(step.line, &step.brief(), "there is no such step in an envbox.yaml");
            }
        }
    }
}

fn from(converter: &mut Converter<'_>, recipe: &mut Project, tag: &str, step: &Node) {
    let named = step.get("codename").or_else(|| step.get("version")).and_then(Node::as_str);
    let version = step.as_str().or(named).unwrap_or_default().trim_start_matches('v');
    if !matches!(step.value, Value::Scalar(_) | Value::Null) {
        converter.others(tag, step, &["codename", "version"], "a base has no such options");
        if named.is_none() {
            converter.leave(step.line, &step.brief(), "it names no version: the usual one is taken");
        }
    }
    let system = if tag == "!Alpine" { "alpine" } else { "ubuntu" };
    let usual = NO_VERSION.iter().find(|(known, _)| known.to_lowercase().ends_with(system));
    recipe.from = Some(text(match version {
        "" => usual.map_or_else(String::new, |(_, from)| (*from).to_owned()),
        version => base(&format!("{system}:{version}")),
    }));
}

fn install(converter: &mut Converter<'_>, recipe: &mut Project, tag: &str, step: &Node) {
    if tag == "!BuildDeps" {
        converter.leave(step.line, &step.brief(), "they stay installed after the build");
    }
    if !recipe.setup.is_empty() || !recipe.copy.is_empty() {
        converter.leave(step.line, &step.brief(), "packages are installed before all other steps");
    }
    recipe.packages.extend(converter.texts(step).into_iter().map(text));
}

/// Whether it is a step on a path.
fn on_a_path(recipe: &mut Project, tag: &str, step: &Node) -> bool {
    let line = ON_A_PATH.iter().find(|(known, _)| *known == tag).map(|(_, line)| line);
    let Some((line, path)) = line.zip(step.as_str().filter(|path| !path.is_empty())) else { return false };
    recipe.setup.push(offline(line.replace("{path}", &quoted(path))));
    true
}

/// Whether it is a step of a language's program.
fn with_program(converter: &mut Converter<'_>, recipe: &mut Project, tag: &str, step: &Node) -> bool {
    let Some((_, packages, begins)) = INSTALLERS.iter().find(|(known, ..)| *known == tag) else { return false };
    let words: Vec<String> = converter.texts(step).iter().map(|word| quoted(word)).collect();
    for package in *packages {
        if !recipe.packages.iter().any(|known| known.as_str() == *package) {
            recipe.packages.push(text(*package));
        }
    }
    if words.is_empty() {
        converter.leave(step.line, &step.brief(), "it installs nothing but the program itself");
    } else {
        recipe.setup.push(online(format!("{begins} {}", words.join(" "))));
    }
    true
}

fn copy(converter: &mut Converter<'_>, recipe: &mut Project, step: &Node) {
    let get = |key: &str| step.get(key).and_then(Node::as_str);
    let (Some(from), Some(to)) = (get("source"), get("path")) else {
        return converter.leave(step.line, &step.brief(), "it does not say from where to where");
    };
    match from.strip_prefix("/work/") {
        Some(inside) if !inside.split('/').any(|part| part == "..") => recipe.copy.push(copied(inside, to)),
        _ => return converter.leave(step.line, &step.brief(), "it is no file of the project"),
    }
    converter.others("!Copy", step, &["source", "path"], "`copy` has no such option");
}

fn files(converter: &mut Converter<'_>, recipe: &mut Project, step: &Node) {
    if step.entries().is_empty() {
        converter.leave(step.line, &step.brief(), "it names no file");
    }
    for (file, body) in step.entries() {
        let Some(body) = body.as_str() else {
            converter.leave(body.line, &format!("!Text {file}: {}", body.brief()), "it is no text");
            continue;
        };
        let body = body.trim_end_matches('\n');
        recipe.setup.push(offline(format!("cat > {} <<'envbox-end'\n{body}\nenvbox-end\n", quoted(file))));
    }
}

fn download(converter: &mut Converter<'_>, recipe: &mut Project, step: &Node) {
    match (step.get("url").and_then(Node::as_str), step.get("path").and_then(Node::as_str)) {
        (Some(url), Some(path)) => recipe.copy.push(copied(url, path)),
        _ => return converter.leave(step.line, &step.brief(), "it does not say from where to where"),
    }
    converter.others("!Download", step, &["url", "path"], "`copy` takes it by another name, or not at all");
}
