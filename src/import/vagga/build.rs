//! A container's `setup`.

use super::Converter;
use crate::import::document::Node;
use crate::import::{base, copied, distrobox, name, offline, online, quoted, text};
use crate::recipe::project::Project;
use crate::recipe::settings::{At, Mount, Size};

/// Names of Ubuntu's and Alpine's versions that a step may leave out.
const NO_VERSION: &[(&str, &str)] = &[("!Ubuntu", "ubuntu:24.04"), ("!Alpine", "alpine:latest")];

/// Steps that install with a language's own program: tag, the packages it needs, and how its line begins.
const INSTALLERS: &[(&str, &[&str], &str)] = &[
    ("!Py3Install", &["python3", "python3-pip"], "pip3 install --break-system-packages"),
    ("!NpmInstall", &["nodejs", "npm"], "npm install --global"),
    ("!GemInstall", &["ruby"], "gem install"),
    ("!ComposerInstall", &["composer"], "composer global require"),
];

/// Steps that change nothing in envbox.
const SILENT: [&str; 4] = ["!UbuntuUniverse", "!AptTrust", "!CacheDirs", "!Depends"];

pub(super) fn container(
    converter: &mut Converter<'_>,
    container: &str,
    node: &Node,
    all: &[(String, Node)],
) -> Project {
    let mut recipe = Project::default();
    let setup = node.get("setup").map(Node::items).unwrap_or_default();
    steps(converter, &mut recipe, setup, all, 0);
    for (key, node) in node.entries() {
        let what = format!("{container}.{key}: {}", node.brief());
        match key.as_str() {
            "environ" => recipe.env.extend(pairs(node)),
            "volumes" => volumes(converter, &mut recipe, node),
            "setup" | "description" | "auto-clean" => {}
            "uids" | "gids" => converter.leave(node.line, &what, "a box has a map of its own"),
            "image-cache-url" => converter.leave(node.line, &what, "an image goes to a registry: `envbox image push`"),
            _ => converter.leave(node.line, &what, "there is no such key in an envbox.yaml"),
        }
    }
    recipe
}

/// Containers within containers at the most.
const DEPTH: usize = 8;

fn steps(converter: &mut Converter<'_>, recipe: &mut Project, setup: &[Node], all: &[(String, Node)], depth: usize) {
    for step in setup {
        let other = (step.tag.as_deref() == Some("!Container")).then(|| step.as_str()).flatten();
        let below = other.and_then(|other| all.iter().find(|(name, _)| name == other));
        match below {
            Some((_, node)) if depth < DEPTH => {
                let below = node.get("setup").map(Node::items).unwrap_or_default();
                recipe.env.extend(node.get("environ").map(pairs).unwrap_or_default());
                // What is not carried over is listed where it stands.
                let mut quiet = Converter { file: converter.file, left: Vec::new() };
                steps(&mut quiet, recipe, below, all, depth + 1);
            }
            _ => one(converter, recipe, step),
        }
    }
}

fn one(converter: &mut Converter<'_>, recipe: &mut Project, step: &Node) {
    let tag = step.tag.as_deref().unwrap_or_default();
    let value = step.as_str().unwrap_or_default();
    match tag {
        "!Ubuntu" | "!Alpine" => {
            let version = value.trim_start_matches('v');
            let system = tag.trim_start_matches('!').to_lowercase();
            let from = match version {
                "" => NO_VERSION
                    .iter()
                    .find(|(known, _)| *known == tag)
                    .map_or_else(String::new, |(_, from)| (*from).to_owned()),
                version => base(&format!("{system}:{version}")),
            };
            recipe.from = Some(text(from));
        }
        "!UbuntuRelease" => {
            let version = step.get("codename").or_else(|| step.get("version")).and_then(Node::as_str);
            recipe.from = Some(text(base(&format!("ubuntu:{}", version.unwrap_or("24.04")))));
        }
        "!Install" | "!BuildDeps" => {
            if tag == "!BuildDeps" {
                converter.leave(step.line, &step.brief(), "they stay installed after the build");
            }
            if !recipe.setup.is_empty() || !recipe.copy.is_empty() {
                converter.leave(step.line, &step.brief(), "packages are installed before all other steps");
            }
            recipe.packages.extend(step.texts().into_iter().map(text));
        }
        "!Sh" => recipe.setup.push(online(value.trim_end_matches('\n'))),
        "!Cmd" | "!RunAs" if step.is_list() => {
            let words: Vec<String> = step.texts().iter().map(|word| quoted(word)).collect();
            recipe.setup.push(online(words.join(" ")));
        }
        "!Env" => recipe.env.extend(pairs(step)),
        "!Copy" => copy(converter, recipe, step),
        "!Text" => {
            for (file, body) in step.entries() {
                recipe.setup.push(offline(format!(
                    "cat > {} <<'envbox-end'\n{}\nenvbox-end\n",
                    quoted(file),
                    body.brief().trim_end_matches('\n')
                )));
            }
        }
        "!Download" => match (step.get("url").and_then(Node::as_str), step.get("path").and_then(Node::as_str)) {
            (Some(url), Some(path)) => recipe.copy.push(copied(url, path)),
            _ => converter.leave(step.line, &step.brief(), "it does not say from where to where"),
        },
        "!EnsureDir" | "!EmptyDir" => recipe.setup.push(offline(format!("mkdir -p {}", quoted(value)))),
        "!Remove" => recipe.setup.push(offline(format!("rm -rf {}", quoted(value)))),
        tag if SILENT.contains(&tag) => converter.leave(step.line, &step.brief(), "envbox has no need of it"),
        tag => match INSTALLERS.iter().find(|(known, ..)| *known == tag) {
            Some((_, packages, begins)) => {
                let missing =
                    packages.iter().filter(|name| !recipe.packages.iter().any(|known| known.as_str() == **name));
                let missing: Vec<_> = missing.map(|name| text(*name)).collect();
                recipe.packages.extend(missing);
                let words: Vec<String> = step.texts().iter().map(|word| quoted(word)).collect();
                recipe.setup.push(online(format!("{begins} {}", words.join(" "))));
            }
            None => converter.leave(step.line, &step.brief(), "there is no such step in an envbox.yaml"),
        },
    }
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
    let others: Vec<&str> =
        step.entries().iter().map(|(key, _)| key.as_str()).filter(|key| !["source", "path"].contains(key)).collect();
    if !others.is_empty() {
        converter.leave(step.line, &format!("!Copy {}", others.join(", ")), "`copy` has no such options");
    }
}

fn volumes(converter: &mut Converter<'_>, recipe: &mut Project, node: &Node) {
    for (place, volume) in node.entries() {
        let Ok(at) = At::try_from(place.clone()) else {
            converter.leave(volume.line, place, "it is no place in the box");
            continue;
        };
        let made = match volume.tag.as_deref() {
            Some("!Tmpfs") => {
                let size = volume.get("size").and_then(|size| size.brief().trim_end_matches('i').parse().ok());
                Some(Mount::Tmpfs { size: size.unwrap_or(Size(100 << 20)), at })
            }
            Some("!Persistent") => {
                Some(Mount::Cache { name: name(&volume.get("name").map_or_else(|| place.clone(), Node::brief)), at })
            }
            Some("!BindRO") => volume.as_str().and_then(|from| distrobox::mount(&format!("{}:{place}:ro", host(from)))),
            Some("!BindRW") => volume.as_str().and_then(|from| distrobox::mount(&format!("{}:{place}", host(from)))),
            _ => None,
        };
        match made {
            Some(mount) => recipe.mounts.push(mount),
            None => converter.leave(
                volume.line,
                &format!("{place}: {}", volume.brief()),
                "there is no such mount in an envbox.yaml",
            ),
        }
    }
}

/// A path of vagga's on the host: the project is `/work`.
fn host(from: &str) -> String {
    from.strip_prefix("/work").map_or_else(|| from.to_owned(), |rest| format!(".{rest}"))
}

pub(super) fn pairs(node: &Node) -> Vec<(String, String)> {
    node.entries().iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
