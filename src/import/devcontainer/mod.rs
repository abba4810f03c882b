//! `devcontainer.json` (the Development Container specification's metadata reference).

mod features;
mod options;
mod variables;

use super::containerfile::{Options, containerfile};
use super::document::{Node, Value};
use super::{Draft, Error, Left, Read, base, jsonc, left, line, name, online, quoted, text};
use crate::recipe::project::{Command, Task};
use crate::recipe::settings::Port;
use variables::replaced;

/// Keys that have no counterpart, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("initializeCommand", "it would run on the host, which a recipe never does"),
    ("postStartCommand", "nothing is run when a box starts: a service or a task does it"),
    ("postAttachCommand", "nothing is run when somebody enters: a task does it"),
    ("waitFor", "all of `setup` is done before anybody enters"),
    ("dockerComposeFile", "envbox runs programs of the box as `services`, no further images"),
    ("service", "envbox runs programs of the box as `services`, no further images"),
    ("runServices", "envbox runs programs of the box as `services`, no further images"),
    ("customizations", "it is an editor's"),
    ("extensions", "it is an editor's"),
    ("settings", "it is an editor's"),
    ("portsAttributes", "it is an editor's"),
    ("otherPortsAttributes", "it is an editor's"),
    ("shutdownAction", "a box stops when nobody is in it any more"),
    ("overrideCommand", "the image's own command does not run unless a task says so"),
    ("updateRemoteUserUID", "the user has the same id in every box"),
    ("userEnvProbe", "no shell's files are read for the environment"),
    ("workspaceMount", "the project is in the box at its own path"),
    ("workspaceFolder", "the project is in the box at its own path"),
    ("privileged", "no box has more rights than its user"),
    ("capAdd", "root of a box has all rights in it, and none outside"),
    ("securityOpt", "it is a container engine's"),
    ("secrets", "a recipe holds no secrets"),
    ("overrideFeatureInstallOrder", "packages are installed at once"),
    ("init", "the first process of a box collects the dead anyway"),
    ("containerUser", "setup runs as root, sessions as `user` says"),
    ("devPort", "it is an editor's"),
];

/// Keys that are read with what the box is made of, or say something of the file alone.
const ELSEWHERE: [&str; 5] = ["image", "dockerFile", "context", "build", "$schema"];

/// Keys whose value is a map.
const MAPS: [&str; 4] = ["features", "containerEnv", "remoteEnv", "hostRequirements"];

/// The draft and what is needed to go on with it.
struct Converter<'a> {
    file: &'a str,
    draft: Draft,
}

/// The recipe of a `devcontainer.json`. A Containerfile that it names is read by `read`.
///
/// # Errors
/// The text is no JSON, or its Containerfile is none.
pub fn devcontainer(file: &str, source: &str, read: &Read<'_>) -> Result<Draft, Error> {
    let root = jsonc::parse(file, source)?;
    if !matches!(root.value, Value::Map(_)) {
        return Err(Error::Empty { file: file.to_owned(), what: "it is no JSON object".to_owned() });
    }
    let mut converter = Converter { file, draft: bottom(file, &root, read)? };
    for (key, node) in root.entries() {
        converter.entry(key, node);
    }
    let mut draft = converter.draft;
    draft.left.sort();
    Ok(draft)
}

/// The recipe of what the box is made of: an image's or a Containerfile's.
fn bottom(file: &str, root: &Node, read: &Read<'_>) -> Result<Draft, Error> {
    let mut draft = Draft::default();
    let image = root.get("image").and_then(Node::as_str);
    draft.recipe.from = Some(text(image.map_or_else(|| super::BASE.to_owned(), base)));
    let build = root.get("build");
    let Some(named) = build.and_then(|build| build.get("dockerfile")).or_else(|| root.get("dockerFile")) else {
        if image.is_none() {
            let why = format!("no image is named: {} is taken", super::BASE);
            draft.left.push(Left::new(file, root.line, "image", why));
        }
        let without = [("build", build), ("context", root.get("context"))];
        for (key, node) in without.into_iter().filter_map(|(key, node)| Some((key, node?))) {
            draft.left.push(Left::new(
                file,
                node.line,
                &format!("{key}: {}", node.brief()),
                "it names no Containerfile",
            ));
        }
        return Ok(draft);
    };
    let path = named.as_str().and_then(|path| beside(file, path));
    let Some((path, source)) = path.and_then(|path| Some((path.clone(), read(&path)?))) else {
        let why = "there is no such file in the project that can be read";
        draft.left.push(Left::new(file, named.line, &format!("dockerfile: {}", named.brief()), why));
        draft.left.extend(building(file, root, build).1);
        return Ok(draft);
    };
    let (options, left) = building(file, root, build);
    let mut draft = containerfile(&path, &source, &options)?;
    draft.left.extend(left);
    if let Some(image) = root.get("image") {
        draft.left.push(Left::new(
            file,
            image.line,
            &format!("image: {}", image.brief()),
            "the Containerfile is taken",
        ));
    }
    Ok(draft)
}

/// What is said of the building besides the Containerfile, and what of that is left.
fn building(file: &str, root: &Node, build: Option<&Node>) -> (Options, Vec<Left>) {
    let mut left = Vec::new();
    let mut leave = |key: &str, node: &Node, why: &str| {
        left.push(Left::new(file, node.line, &format!("{key}: {}", node.brief()), why));
    };
    let mut options = Options::default();
    let mut context = root.get("context");
    for (key, node) in build.map(Node::entries).unwrap_or_default() {
        match (key.as_str(), node.as_str()) {
            ("dockerfile", _) => {}
            ("context", Some(_)) => context = Some(node),
            ("target", Some(target)) => options.target = Some(target.to_owned()),
            ("args", _) if !node.entries().is_empty() => {
                for (name, value) in node.entries() {
                    let filled = value.as_str().map(replaced);
                    if filled.as_ref().is_none_or(|filled| !filled.unknown.is_empty()) {
                        leave(&format!("build.args.{name}"), value, "its value is not known to a recipe");
                    }
                    options.arguments.extend(filled.map(|filled| (name.clone(), filled.text)));
                }
            }
            ("cacheFrom" | "options", _) => leave(&format!("build.{key}"), node, "it is a builder's"),
            _ => leave(&format!("build.{key}"), node, "no such key is known, or its value is of another kind"),
        }
    }
    let inside = beside(file, context.and_then(Node::as_str).unwrap_or("."));
    if let (None, Some(context)) = (&inside, context) {
        leave("context", context, "it is outside of the project, which is taken instead");
    }
    options.context = inside.filter(|inside| !inside.is_empty()).map(|inside| format!("{inside}/")).unwrap_or_default();
    (options, left)
}

/// A path relative to a file, relative to the project; nothing if it leads out of it.
fn beside(file: &str, path: &str) -> Option<String> {
    let dir = file.rsplit_once('/').map_or("", |(dir, _)| dir);
    let mut parts: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!path.starts_with('/')).then(|| parts.join("/"))
}

impl Converter<'_> {
    fn leave(&mut self, line: u64, what: &str, why: impl Into<String>) {
        self.draft.left.push(Left::new(self.file, line, what, why));
    }

    /// The text with what stands for the project's directory and the like; what cannot be known is listed.
    fn filled(&mut self, key: &str, node: &Node, text: &str) -> String {
        let filled = replaced(text);
        for unknown in filled.unknown {
            self.leave(node.line, &format!("{key}: {text}"), unknown);
        }
        filled.text
    }

    fn entry(&mut self, key: &str, node: &Node) {
        match key {
            key if ELSEWHERE.contains(&key) => {}
            _ if matches!(node.value, Value::Null) => self.leave(node.line, &format!("{key}: null"), "it says nothing"),
            key if MAPS.contains(&key) && !matches!(node.value, Value::Map(_)) => {
                self.leave(node.line, &format!("{key}: {}", node.brief()), "it is no map");
            }
            "name" => self.draft.about.push(format!("{}.", left::shown(&node.brief()).trim_end_matches('.'))),
            "features" => features::add(self, node),
            "containerEnv" | "remoteEnv" => self.variables(key, node),
            "mounts" => node.items().iter().for_each(|mount| options::mount(self, mount)),
            "forwardPorts" | "appPort" => self.ports(key, node),
            "onCreateCommand" | "updateContentCommand" | "postCreateCommand" => self.command(key, node),
            "remoteUser" => self.user(key, node),
            "runArgs" => options::run_args(self, node),
            "hostRequirements" => options::requirements(self, node),
            key => {
                let why =
                    WITHOUT.iter().find(|(known, _)| *known == key).map_or("no such key is known", |(_, why)| why);
                self.leave(node.line, &format!("{key}: {}", node.brief()), why);
            }
        }
    }

    fn variables(&mut self, key: &str, node: &Node) {
        for (name, value) in node.entries() {
            match value.as_str() {
                Some(text) => {
                    if text.contains("WorkspaceFolder}") {
                        let what = format!("{key}.{name}: {text}");
                        self.leave(value.line, &what, "a recipe does not know where the project is: it stands as `.`");
                    }
                    let text = self.filled(&format!("{key}.{name}"), value, text);
                    self.draft.recipe.env.insert(name.clone(), text);
                }
                None => self.leave(
                    value.line,
                    &format!("{key}.{name}"),
                    "it takes the variable away, which a recipe cannot",
                ),
            }
        }
    }

    fn ports(&mut self, key: &str, node: &Node) {
        for port in node.items() {
            match port.brief().parse::<Port>() {
                Ok(port) => self.draft.recipe.ports.push(port),
                Err(error) => self.leave(port.line, &format!("{key}: {}", port.brief()), error.to_string()),
            }
        }
    }

    /// A command of the project's: it needs the project's files, which no step of the image has, so it is a task.
    fn command(&mut self, key: &str, node: &Node) {
        let nodes: Vec<&Node> = match &node.value {
            Value::Map(entries) => entries.iter().map(|(_, node)| node).collect(),
            _ => vec![node],
        };
        let mut commands = Vec::new();
        for node in nodes {
            match words(node) {
                Some(command) => commands.push(self.filled(key, node, &command)),
                None => self.leave(node.line, &format!("{key}: {}", node.brief()), "it is no command"),
            }
        }
        if commands.is_empty() {
            return;
        }
        if matches!(node.value, Value::Map(_)) {
            self.leave(node.line, key, "its commands run one after another, not at once");
        }
        let setup = self.draft.recipe.tasks.entry("setup".to_owned()).or_insert_with(|| Task::from(line("")));
        let Some(Command::Line(all)) = &mut setup.run else { return };
        for command in commands {
            // One that is more than a command must not take the others' ends for its own.
            let plain = !command.contains([';', '|', '&', '\n', '#']);
            all.push_str(if all.is_empty() { "" } else { " && " });
            all.push_str(&if plain { command } else { format!("(\n{command}\n)") });
        }
        let note = "`envbox task setup` once after the first entering: it needs the project's files.";
        self.draft.notes.insert("tasks", note.to_owned());
    }

    fn user(&mut self, key: &str, node: &Node) {
        match node.as_str() {
            Some("root") => self.draft.recipe.user = Some(text("root")),
            _ => {
                self.draft.recipe.user = None;
                self.leave(node.line, &format!("{key}: {}", node.brief()), "sessions are yours, under your own name");
            }
        }
    }

    /// Adds a setup step that downloads.
    fn step(&mut self, run: &str) {
        self.draft.recipe.setup.push(online(run));
    }
}

/// A command in one of its forms as a line for the shell.
fn words(node: &Node) -> Option<String> {
    let texts = node.texts();
    let line = match &node.value {
        Value::Scalar(line) => line.trim().to_owned(),
        Value::List(items) if items.len() == texts.len() => {
            texts.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
        }
        _ => return None,
    };
    (!line.is_empty()).then_some(line)
}

/// A name for a cache, of a volume's.
fn volume(source: &str) -> String {
    name(&left::visible(source))
}

#[cfg(test)]
mod tests;
