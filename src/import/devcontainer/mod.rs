//! `devcontainer.json` (the Development Container specification's metadata reference).

mod features;
mod options;
mod variables;

use super::containerfile::{Options, containerfile};
use super::document::{Node, Value};
use super::{Draft, Error, Left, Read, base, jsonc, left, line, name, online, quoted, task, text};
use crate::recipe::project::Command;
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
];

/// Keys that change nothing.
const SILENT: [&str; 3] = ["name", "$schema", "build"];

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
    let build = root.get("build");
    let named = build.and_then(|build| build.get("dockerfile")).or_else(|| root.get("dockerFile"));
    let mut draft = Draft::default();
    let image = root.get("image").and_then(Node::as_str);
    draft.recipe.from = Some(text(image.map_or_else(|| super::BASE.to_owned(), base)));
    let Some(named) = named else {
        if image.is_none() {
            let why = format!("no image is named: {} is taken", super::BASE);
            draft.left.push(Left::new(file, root.line, "image", why));
        }
        return Ok(draft);
    };
    let path = named.as_str().and_then(|path| beside(file, path));
    let Some((path, source)) = path.and_then(|path| Some((path.clone(), read(&path)?))) else {
        draft.left.push(Left::new(
            file,
            named.line,
            &named.brief(),
            "there is no such file in the project that can be read",
        ));
        return Ok(draft);
    };
    let get = |key: &str| build.and_then(|build| build.get(key));
    let context = get("context").or_else(|| root.get("context")).and_then(Node::as_str).unwrap_or(".");
    let context = beside(file, context).filter(|context| !context.is_empty()).map(|context| format!("{context}/"));
    let arguments = get("args").map(Node::entries).unwrap_or_default().iter();
    let options = Options {
        target: get("target").and_then(|target| Some(target.as_str()?.to_owned())),
        arguments: arguments.filter_map(|(name, value)| Some((name.clone(), replaced(value.as_str()?).text))).collect(),
        context: context.unwrap_or_default(),
    };
    let mut draft = containerfile(&path, &source, &options)?;
    for key in ["cacheFrom", "options"] {
        if let Some(node) = get(key) {
            draft.left.push(Left::new(file, node.line, &format!("build.{key}: {}", node.brief()), "it is a builder's"));
        }
    }
    Ok(draft)
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
            "image" | "dockerFile" | "context" => {}
            key if SILENT.contains(&key) => {}
            "features" => features::add(self, node),
            "containerEnv" | "remoteEnv" => self.variables(key, node),
            "mounts" => node.items().iter().for_each(|mount| options::mount(self, mount)),
            "forwardPorts" | "appPort" => self.ports(key, node),
            "onCreateCommand" | "updateContentCommand" | "postCreateCommand" => self.command(key, node),
            "remoteUser" => self.user(key, node),
            "containerUser" => {
                self.leave(
                    node.line,
                    &format!("{key}: {}", node.brief()),
                    "setup runs as root, sessions as `user` says",
                );
            }
            "runArgs" => options::run_args(self, node),
            "hostRequirements" => options::requirements(self, node),
            "init" => {}
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
        let mut commands = Vec::new();
        match &node.value {
            Value::Map(entries) => commands.extend(entries.iter().filter_map(|(_, node)| words(node))),
            _ => commands.extend(words(node)),
        }
        let commands: Vec<String> = commands.iter().map(|command| self.filled(key, node, command)).collect();
        if commands.is_empty() {
            return;
        }
        let setup = self.draft.recipe.tasks.entry("setup".to_owned()).or_insert_with(|| task(line("")));
        let Some(Command::Line(all)) = &mut setup.run else { return };
        for command in commands {
            all.push_str(if all.is_empty() { "" } else { " && " });
            all.push_str(&command);
        }
        self.draft.notes.insert(
            "tasks",
            "`envbox task setup` once after the first entering: it needs the project's files.".to_owned(),
        );
        if matches!(node.value, Value::Map(_)) {
            self.leave(node.line, key, "its commands run one after another, not at once");
        }
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
    match &node.value {
        Value::Scalar(line) => Some(line.clone()),
        Value::List(_) => Some(node.texts().iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")),
        _ => None,
    }
    .filter(|line| !line.is_empty())
}

/// A name for a cache, of a volume's.
fn volume(source: &str) -> String {
    name(&left::visible(source))
}
