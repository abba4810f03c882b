//! One instruction after another becomes a part of the recipe.

use std::collections::BTreeSet;

use super::Options;
use super::expand::{Values, one, unknown, words};
use super::lex::Instruction;
use crate::import::{Draft, Left, is_debian, line, name, text};
use crate::recipe::project::{Command, Task};
use crate::recipe::settings::{At, Mount};

/// What programs are found in where the image says nothing, as the builder has it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Instructions in which the builder, and not the shell, puts variables in place.
const EXPANDED: [&str; 7] = ["ENV", "ARG", "COPY", "ADD", "WORKDIR", "USER", "VOLUME"];

/// Instructions that have no counterpart, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("LABEL", "an image of envbox's has no labels"),
    ("MAINTAINER", "an image of envbox's has no labels"),
    ("HEALTHCHECK", "`ready` of a service says how one knows that it is"),
    ("STOPSIGNAL", "`stop_signal` of a service names the signal"),
    ("ONBUILD", "it is for images that are made of this one"),
];

/// The recipe so far, and what holds at this line of the file.
pub(super) struct Converter<'a> {
    /// The file's name.
    pub(super) file: &'a str,
    /// What else was said.
    pub(super) options: &'a Options,
    /// The recipe so far.
    pub(super) draft: Draft,
    globals: Values,
    /// Names of `ARG`s.
    pub(super) asked: BTreeSet<String>,
    /// `ARG`s that have a value.
    pub(super) arguments: Values,
    /// What `ENV` has said.
    pub(super) env: Values,
    /// The working directory.
    pub(super) workdir: String,
    /// All working directories: each is made, whether a command runs in it or not.
    dirs: Vec<String>,
    /// Directories that a step has made.
    pub(super) made: BTreeSet<String>,
    /// Who commands run as, if not root.
    pub(super) user: Option<String>,
    /// What `SHELL` has said.
    pub(super) shell: Option<Vec<String>>,
    /// The setup steps that are `RUN`s, and the variables that they see.
    pub(super) seen: Vec<(usize, Values)>,
    entrypoint: Option<Command>,
    command: Option<Command>,
}

impl<'a> Converter<'a> {
    /// Nothing is read yet.
    pub(super) fn new(file: &'a str, options: &'a Options, globals: Values) -> Self {
        Self {
            file,
            options,
            draft: Draft::default(),
            asked: globals.keys().cloned().collect(),
            globals,
            arguments: Values::new(),
            env: Values::new(),
            workdir: "/".to_owned(),
            dirs: Vec::new(),
            made: BTreeSet::new(),
            user: None,
            shell: None,
            seen: Vec::new(),
            entrypoint: None,
            command: None,
        }
    }

    /// Takes the image that all begins with.
    pub(super) fn base(&mut self, image: &str, from: &Instruction) {
        let usable =
            !image.is_empty() && !image.contains(char::is_whitespace) && image != "scratch" && !image.ends_with(':');
        let base = if usable { crate::import::base(image) } else { crate::import::BASE.to_owned() };
        if !usable {
            self.leave(from, format!("it names no image to begin with: {base} is taken"));
        }
        for (name, value) in &from.flags {
            let why =
                if name == "platform" { "a box has the machine's own platform" } else { "no such flag is known here" };
            self.leave(from, format!("--{}={}: {why}", name.escape_debug(), value.escape_debug()));
        }
        if is_debian(&base) && base != image {
            self.leave(
                from,
                format!("`{base}` is built from Debian's own archive; `docker.io/library/{image}` is the image"),
            );
        }
        self.draft.recipe.from = Some(text(base));
    }

    /// Lists an instruction.
    pub(super) fn leave(&mut self, instruction: &Instruction, why: impl Into<String>) {
        self.draft.left.push(Left::instruction(self.file, instruction, why));
    }

    /// Takes an instruction into the recipe, or lists it.
    pub(super) fn instruction(&mut self, instruction: &Instruction) {
        if EXPANDED.contains(&instruction.word.as_str()) {
            for name in unknown(&instruction.rest, &self.values(), instruction.escape) {
                self.leave(instruction, format!("${name} has no value in this file, and is taken to be empty"));
            }
        }
        match instruction.word.as_str() {
            "RUN" => self.run(instruction),
            "COPY" | "ADD" => self.copy(instruction),
            "ARG" => self.argument(instruction),
            "ENV" => self.variables(instruction),
            "WORKDIR" => {
                self.workdir = self.path(&self.one(instruction));
                self.dirs.push(self.workdir.clone());
            }
            "USER" => self.user(instruction),
            "SHELL" => match instruction.json() {
                Some(words) if !words.is_empty() => self.shell = Some(words),
                _ => self.leave(instruction, "it is no list of words"),
            },
            "ENTRYPOINT" => self.entrypoint = Some(command(instruction)),
            "CMD" => self.command = Some(command(instruction)),
            "VOLUME" => self.volumes(instruction),
            "EXPOSE" => self.leave(
                instruction,
                "with the host's network every port is open; with `network: private`, `ports` leads to one",
            ),
            word => {
                let why = WITHOUT.iter().find(|(known, _)| *known == word).map(|(_, why)| *why);
                self.leave(instruction, why.unwrap_or("no such instruction is known"));
            }
        }
    }

    /// What variables stand for at this line: `ENV` goes before `ARG`.
    pub(super) fn values(&self) -> Values {
        let mut values = self.arguments.clone();
        values.extend(self.env.clone());
        values.entry("PATH".to_owned()).or_insert_with(|| PATH.to_owned());
        values
    }

    fn one(&self, instruction: &Instruction) -> String {
        one(&instruction.rest, &self.values(), instruction.escape)
    }

    /// A path in the image, from the working directory.
    pub(super) fn path(&self, path: &str) -> String {
        let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.workdir) };
        let mut parts: Vec<&str> = Vec::new();
        for part in whole.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }

    fn argument(&mut self, instruction: &Instruction) {
        for word in words(&instruction.rest, &self.values(), instruction.escape) {
            let (name, default) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            self.asked.insert(name.clone());
            let given = self.options.arguments.get(&name).cloned();
            match given.or(default).or_else(|| self.globals.get(&name).cloned()) {
                Some(value) => drop(self.arguments.insert(name, value)),
                None => self.leave(instruction, "it has no value; `--build-arg NAME=VALUE` gives it one"),
            }
        }
    }

    fn variables(&mut self, instruction: &Instruction) {
        let values = self.values();
        let words = words(&instruction.rest, &values, instruction.escape);
        // The old form: one name, and all that follows it is the value.
        let old = words.first().is_some_and(|first| !first.contains('='));
        let pairs: Vec<(String, String)> = if old {
            let (name, value) = instruction.rest.split_once(char::is_whitespace).unwrap_or((&instruction.rest, ""));
            vec![(name.to_owned(), one(value.trim(), &values, instruction.escape))]
        } else {
            words.iter().filter_map(|word| word.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
        };
        let of_path = instruction.rest.contains("$PATH") || instruction.rest.contains("${PATH");
        if of_path && !self.env.contains_key("PATH") {
            self.leave(instruction, format!("PATH is taken to be {PATH}, whatever the image below says"));
        }
        for (name, value) in pairs {
            if !self.seen.is_empty() && !self.env.contains_key(&name) {
                self.leave(instruction, format!("{} is set for the steps above it as well", name.escape_debug()));
            }
            self.env.insert(name, value);
        }
    }

    fn user(&mut self, instruction: &Instruction) {
        let user = self.one(instruction);
        let is_root = ["root", "0", "root:root", "0:0", ""].contains(&user.as_str());
        self.user = (!is_root).then_some(user);
    }

    fn volumes(&mut self, instruction: &Instruction) {
        let paths = instruction.json();
        let paths = paths.unwrap_or_else(|| words(&instruction.rest, &self.values(), instruction.escape));
        for path in paths {
            let path = self.path(&path);
            match At::try_from(path.clone()) {
                Ok(at) => {
                    self.draft.recipe.mounts.push(Mount::Cache { name: name(&path), at });
                    self.leave(instruction, format!("{}: what the image has there is hidden", path.escape_debug()));
                }
                Err(error) => self.leave(instruction, error.to_string()),
            }
        }
    }

    /// The draft, with what is only known at the end.
    pub(super) fn finish(mut self) -> Draft {
        for dir in std::mem::take(&mut self.dirs) {
            self.make(&dir);
        }
        for (step, seen) in &self.seen {
            let differs = seen.iter().filter(|(name, value)| self.env.get(*name) != Some(*value));
            self.draft.recipe.setup[*step].env.extend(differs.map(|(name, value)| (name.clone(), value.clone())));
        }
        let recipe = &mut self.draft.recipe;
        if let Some(command) = joined(self.entrypoint, self.command) {
            recipe.tasks.insert("run".to_owned(), Task::from(from(&self.workdir, command)));
        }
        recipe.env = self.env;
        recipe.user = self.user.map(text);
        recipe.workdir = (self.workdir != "/").then(|| text(self.workdir));
        self.draft
    }
}

fn command(instruction: &Instruction) -> Command {
    instruction.json().map_or_else(|| line(instruction.rest.clone()), Command::Words)
}

/// The entry point with the command as its arguments; one that is a line takes none.
fn joined(entrypoint: Option<Command>, command: Option<Command>) -> Option<Command> {
    let full = |command: &Command| match command {
        Command::Line(line) => !line.is_empty(),
        Command::Words(words) => !words.is_empty(),
    };
    match (entrypoint.filter(full), command.filter(full)) {
        (Some(Command::Words(mut words)), Some(Command::Words(arguments))) => {
            words.extend(arguments);
            Some(Command::Words(words))
        }
        (Some(Command::Words(mut words)), Some(Command::Line(line))) => {
            words.extend(["/bin/sh".to_owned(), "-c".to_owned(), line]);
            Some(Command::Words(words))
        }
        (entrypoint, command) => entrypoint.or(command),
    }
}

/// The command, begun in a directory of the image.
fn from(workdir: &str, command: Command) -> Command {
    if workdir == "/" {
        return command;
    }
    let command = match command {
        Command::Line(line) => line,
        Command::Words(words) => {
            format!("exec {}", words.iter().map(|word| crate::import::quoted(word)).collect::<Vec<_>>().join(" "))
        }
    };
    line(format!("cd {} && {command}", crate::import::quoted(workdir)))
}
