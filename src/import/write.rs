//! A draft as the YAML that a person would write: sections in a fixed order, short forms, comments only where they help.

use super::scalar::{is_block, scalar};
use super::{Draft, Left};
use crate::recipe::Text;
use crate::recipe::project::{As, Command, Copied, Probe, Project, Restart, Run, Service, Task};
use crate::recipe::settings::{Mount, Network};

/// Characters of a line that a list may take before it is written by the line.
const WIDTH: usize = 96;

/// A key, and what is written after it: on the same line, or on lines of its own.
type Field = (&'static str, Body);

enum Body {
    Line(String),
    Lines(Vec<String>),
}

impl Draft {
    /// The file's text.
    pub fn yaml(&self) -> String {
        let mut text: String = self.about.iter().map(|line| comment(line)).collect();
        let mut before = false;
        for (key, body) in sections(&self.recipe) {
            let note = self.notes.get(key);
            let apart = note.is_some() || matches!(body, Body::Lines(_)) || before;
            if apart && !text.is_empty() {
                text.push('\n');
            }
            text.extend(note.map(|note| comment(note)));
            before = note.is_some() || matches!(body, Body::Lines(_));
            lay(&mut text, key, body, 0);
        }
        text + &self.rest()
    }

    /// What could not be carried over, as comments.
    fn rest(&self) -> String {
        if self.left.is_empty() {
            return String::new();
        }
        let lines = self.left.iter().map(|left: &Left| comment(&format!("  {left}")));
        format!("\n# Not carried over, or not as it was:\n{}", lines.collect::<String>())
    }
}

fn comment(line: &str) -> String {
    format!("# {}\n", super::left::visible(line))
}

/// Writes a key and its body, this many characters from the left.
fn lay(text: &mut String, key: &str, body: Body, indent: usize) {
    let margin = " ".repeat(indent);
    match body {
        Body::Line(line) => text.push_str(&format!("{margin}{key}: {line}\n")),
        Body::Lines(lines) => {
            text.push_str(&format!("{margin}{key}:\n"));
            for line in lines {
                let blank = line.is_empty();
                text.push_str(&if blank { "\n".to_owned() } else { format!("{margin}  {line}\n") });
            }
        }
    }
}

fn sections(recipe: &Project) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut push = |key, body: Option<Body>| fields.extend(body.map(|body| (key, body)));
    let text = |text: &Option<Text>| text.as_ref().map(|text| Body::Line(scalar(text.as_str())));
    let word = |word: Option<String>| word.map(|word| Body::Line(scalar(&word)));
    push("from", text(&recipe.from));
    push("packages", list(recipe.packages.iter().map(|name| scalar(name.as_str())).collect()));
    push("copy", lines(recipe.copy.iter().map(|copied| item(&[map(copied_fields(copied))])).collect()));
    push("setup", lines(recipe.setup.iter().flat_map(setup).collect()));
    push("env", lines(recipe.env.iter().map(|(name, value)| format!("{}: {}", scalar(name), scalar(value))).collect()));
    push("home", word(recipe.home.map(plain)));
    push("share", list(recipe.share.iter().map(plain).collect()));
    push("mounts", lines(recipe.mounts.iter().map(|mount| item(&[map(mount_fields(mount))])).collect()));
    push("network", word(recipe.network.map(plain)));
    push("ports", list(recipe.ports.iter().map(|port| scalar(&port.to_string())).collect()));
    push("limits", (!recipe.limits.is_empty()).then(|| Body::Line(limits(recipe))));
    push("init", word(recipe.init.clone().map(String::from)));
    push("stop_signal", text(&recipe.stop_signal));
    push("shell", text(&recipe.shell));
    push("workdir", text(&recipe.workdir));
    push("user", text(&recipe.user));
    let tasks = recipe.tasks.iter().flat_map(|(name, task)| named(name, short(&task_fields(task), "run")));
    push("tasks", lines(tasks.collect()));
    let services =
        recipe.services.iter().flat_map(|(name, service)| named(name, short(&service_fields(service), "run")));
    push("services", lines(services.collect()));
    let variants = recipe.variants.iter().flat_map(|(name, variant)| {
        let mut block = String::new();
        for (key, body) in sections(variant) {
            lay(&mut block, key, body, 2);
        }
        let head = if block.is_empty() { format!("{}: {{}}", scalar(name)) } else { format!("{}:", scalar(name)) };
        std::iter::once(head).chain(block.lines().map(str::to_owned).collect::<Vec<_>>())
    });
    push("variants", lines(variants.collect()));
    fields
}

/// The word that stands for a value of few.
fn plain(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}

fn list(items: Vec<String>) -> Option<Body> {
    let line = format!("[{}]", items.join(", "));
    match items.len() {
        0 => None,
        _ if line.chars().count() <= WIDTH => Some(Body::Line(line)),
        _ => lines(items.into_iter().map(|text| format!("- {text}")).collect()),
    }
}

fn lines(lines: Vec<String>) -> Option<Body> {
    (!lines.is_empty()).then_some(Body::Lines(lines))
}

fn item(lines: &[String]) -> String {
    format!("- {}", lines.join("\n"))
}

fn map(fields: Vec<(&'static str, String)>) -> String {
    let fields: Vec<String> = fields.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}

fn command(command: &Command) -> String {
    match command {
        Command::Line(line) => scalar(line),
        Command::Words(words) => format!("[{}]", words.iter().map(|word| scalar(word)).collect::<Vec<_>>().join(", ")),
    }
}

fn names(names: &[Text]) -> String {
    format!("[{}]", names.iter().map(|name| scalar(name.as_str())).collect::<Vec<_>>().join(", "))
}

fn variables(env: &std::collections::BTreeMap<String, String>) -> String {
    let fields: Vec<String> = env.iter().map(|(name, value)| format!("{}: {}", scalar(name), scalar(value))).collect();
    format!("{{{}}}", fields.join(", "))
}

fn copied_fields(copied: &Copied) -> Vec<(&'static str, String)> {
    let mut fields = vec![("from", scalar(copied.from.as_str())), ("to", scalar(copied.to.as_str()))];
    fields.extend(copied.digest.as_ref().map(|digest| ("digest", scalar(&digest.to_string()))));
    fields.extend(copied.mode.as_ref().map(|mode| ("mode", scalar(mode.as_str()))));
    fields
}

fn mount_fields(mount: &Mount) -> Vec<(&'static str, String)> {
    let (kind, what) = match mount {
        Mount::Bind { from, .. } => ("bind", scalar(from)),
        Mount::Cache { name, .. } => ("cache", scalar(name)),
        Mount::Tmpfs { size, .. } => ("tmpfs", scalar(&size.to_string())),
    };
    let mut fields = vec![(kind, what), ("at", scalar(mount.at().as_str()))];
    if let Mount::Bind { read_only: true, .. } = mount {
        fields.push(("read_only", "true".to_owned()));
    }
    fields
}

fn limits(recipe: &Project) -> String {
    let limits = &recipe.limits;
    let mut fields = Vec::new();
    fields.extend(limits.memory.map(|size| ("memory", scalar(&size.to_string()))));
    fields.extend(limits.swap.map(|size| ("swap", scalar(&size.to_string()))));
    fields.extend(limits.cpus.map(|cpus| ("cpus", cpus.to_string())));
    fields.extend(limits.pids.map(|pids| ("pids", pids.to_string())));
    fields.extend(limits.nofile.map(|nofile| ("nofile", nofile.to_string())));
    map(fields)
}

/// A setup step: the line alone where there is no more to say.
fn setup(run: &Run) -> Vec<String> {
    let text = run.run.as_str();
    let mut fields = Vec::new();
    if run.network == Network::Host {
        fields.push(("network", "host".to_owned()));
    }
    if run.by == As::User {
        fields.push(("as", "user".to_owned()));
    }
    if !run.env.is_empty() {
        fields.push(("env", variables(&run.env)));
    }
    if fields.is_empty() {
        let mut block = scalar_or_block(text, 2);
        block[0].insert_str(0, "- ");
        return block;
    }
    let mut block = scalar_or_block(text, 4);
    block[0].insert_str(0, "- run: ");
    block.extend(fields.into_iter().map(|(key, value)| format!("  {key}: {value}")));
    block
}

/// A text on one line, or a `|` and the text's lines, this far from the left.
fn scalar_or_block(text: &str, indent: usize) -> Vec<String> {
    if !is_block(text) {
        return vec![scalar(text)];
    }
    let margin = " ".repeat(indent);
    let head = if text.ends_with('\n') { "|" } else { "|-" };
    let below = text.trim_end_matches('\n').split('\n');
    let below = below.map(|line| if line.is_empty() { String::new() } else { format!("{margin}{line}") });
    std::iter::once(head.to_owned()).chain(below).collect()
}

/// The value of `main` alone where it is the only field; else a map.
fn short(fields: &[(&'static str, String)], main: &str) -> Vec<String> {
    match fields {
        [(key, value)] if *key == main => vec![value.clone()],
        _ => {
            let line = map(fields.to_vec());
            match line.chars().count() {
                ..=WIDTH => vec![line],
                _ => fields.iter().map(|(key, value)| format!("{key}: {value}")).collect(),
            }
        }
    }
}

fn named(name: &str, mut body: Vec<String>) -> Vec<String> {
    match body.len() {
        1 => vec![format!("{}: {}", scalar(name), body.remove(0))],
        _ => std::iter::once(format!("{}:", scalar(name))).chain(body.iter().map(|line| format!("  {line}"))).collect(),
    }
}

fn task_fields(task: &Task) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    fields.extend(task.run.as_ref().map(|run| ("run", command(run))));
    fields.extend(task.about.as_ref().map(|about| ("about", scalar(about))));
    fields.extend((!task.needs.is_empty()).then(|| ("needs", names(&task.needs))));
    fields.extend((!task.services.is_empty()).then(|| ("services", names(&task.services))));
    fields.extend((!task.env.is_empty()).then(|| ("env", variables(&task.env))));
    fields.extend(task.workdir.as_ref().map(|dir| ("workdir", scalar(dir.as_str()))));
    fields.extend(task.user.as_ref().map(|user| ("user", scalar(user.as_str()))));
    fields
}

fn service_fields(service: &Service) -> Vec<(&'static str, String)> {
    let mut fields = vec![("run", command(&service.run))];
    if let Some(ready) = &service.ready {
        fields.push((
            "ready",
            match &ready.probe {
                Probe::Run(run) => command(run),
                Probe::Port(port) => format!("{{port: {port}}}"),
                Probe::File(file) => format!("{{file: {}}}", scalar(file)),
                Probe::Log(text) => format!("{{log: {}}}", scalar(text)),
            },
        ));
    }
    if service.restart != Restart::default() {
        fields.push(("restart", scalar(&plain(service.restart))));
    }
    fields.extend((!service.needs.is_empty()).then(|| ("needs", names(&service.needs))));
    fields.extend((!service.env.is_empty()).then(|| ("env", variables(&service.env))));
    fields.extend(service.workdir.as_ref().map(|dir| ("workdir", scalar(dir.as_str()))));
    fields.extend(service.user.as_ref().map(|user| ("user", scalar(user.as_str()))));
    fields
}
