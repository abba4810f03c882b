//! What a project needs, by the files in it.

mod databases;
mod node;
mod python;
mod rust;
mod table;

use crate::recipe::project::Task;
use crate::recipe::settings::{At, Mount};

use super::{Draft, Read, line, online, text};

/// What was seen in a project, and the recipe for it.
#[derive(Debug, Clone, Default)]
pub struct Detected {
    /// What was seen, for people: `Rust (Cargo.toml)`.
    pub seen: Vec<String>,
    /// The recipe.
    pub draft: Draft,
}

/// A file name that says of which kind a project is, and what that kind needs.
struct Kind {
    /// The file's name in the project's root; `*.cabal` for any with this ending.
    file: &'static str,
    /// What it is called.
    title: &'static str,
    /// Debian's packages.
    packages: &'static [&'static str],
    /// Name and place of a cache that outlives the image.
    cache: Option<(&'static str, &'static str)>,
    /// Tasks, each with its line.
    tasks: &'static [(&'static str, &'static str)],
    /// What else the file's text says.
    more: Option<fn(&str, &Files<'_>, &mut Draft)>,
}

/// The files of the project.
struct Files<'a> {
    names: &'a [String],
    read: &'a Read<'a>,
}

impl Files<'_> {
    fn has(&self, name: &str) -> bool {
        self.named(name).is_some()
    }

    /// The file of this name, or the first with the ending.
    fn named(&self, name: &str) -> Option<&str> {
        let mut names = self.names.iter().map(String::as_str);
        match name.strip_prefix('*') {
            Some(ending) => names.find(|known| known.ends_with(ending) && known.len() > ending.len()),
            None => names.find(|known| *known == name),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.read)(self.named(name)?)
    }
}

/// Looks at the names of what is in the project's root, and into the files that say more.
pub fn detect(names: &[String], read: &Read<'_>) -> Detected {
    let files = Files { names, read };
    let mut found = Detected::default();
    found.draft.recipe.from = Some(text(super::BASE));
    for kind in table::KINDS {
        let Some(name) = files.named(kind.file) else { continue };
        let title = format!("{} ({})", kind.title, super::left::shown(name));
        if found.seen.iter().any(|seen| seen.starts_with(&format!("{} (", kind.title))) {
            continue;
        }
        found.seen.push(title);
        apply(kind, &files, &mut found.draft);
    }
    databases::add(&files, &mut found);
    if found.draft.recipe.setup.iter().any(|step| step.network == crate::recipe::settings::Network::Host) {
        found
            .draft
            .notes
            .insert("setup", "Each step is a layer; `network: host` is for those that download.".to_owned());
    }
    found
}

fn apply(kind: &Kind, files: &Files<'_>, draft: &mut Draft) {
    draft.add_packages(kind.packages);
    if let Some((name, at)) = kind.cache {
        cache(draft, name, at);
    }
    for (name, run) in kind.tasks {
        add_task(draft, name, run);
    }
    if let (Some(more), Some(text)) = (kind.more, files.text(kind.file)) {
        more(&text, files, draft);
    }
}

/// Adds a cache, unless something is there already.
fn cache(draft: &mut Draft, name: &str, at: &str) {
    let Ok(at) = At::try_from(at.to_owned()) else { return };
    if !draft.recipe.mounts.iter().any(|mount| *mount.at() == at) {
        draft.recipe.mounts.push(Mount::Cache { name: name.to_owned(), at });
        draft.notes.insert("mounts", "Downloads that outlive the image.".to_owned());
    }
}

/// Adds a task, unless there is one of the name.
fn add_task(draft: &mut Draft, name: &str, run: &str) {
    draft.recipe.tasks.entry(name.to_owned()).or_insert_with(|| Task::from(line(run)));
}

/// Adds the tests. What the project installs by `install` comes before, so that a clone is one command away from them.
fn add_test(draft: &mut Draft, run: &str, install: &str) {
    let tasks = &mut draft.recipe.tasks;
    let installs = tasks.get("install").is_some_and(|task| task.run == Some(line(install)));
    let mut test = Task::from(line(run));
    test.needs.extend(installs.then(|| text("install")));
    tasks.entry("test".to_owned()).or_insert(test);
}

/// Adds a setup step that downloads, unless it is there.
fn add_step(draft: &mut Draft, run: &str) {
    if !draft.recipe.setup.iter().any(|step| step.run.as_str() == run) {
        draft.recipe.setup.push(online(run));
    }
}
