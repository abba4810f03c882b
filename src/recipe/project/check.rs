//! Whether a recipe is one: all that can be said of it without looking at anything else.

use std::collections::BTreeMap;

use super::faults::Faults;
use super::place::{Part, Way};
use super::words::{self, Checked};
use super::{Copied, Project, Run, needs, reach};
use crate::recipe::Fault;
use crate::recipe::settings::Init;
use crate::recipe::{Text, fault};

/// What says whether something is wrong with a text.
type Check = fn(&str) -> Checked;

/// What is wrong with a recipe's variants by themselves: their names, and what has no place in one.
pub(super) fn variants(project: &Project) -> Vec<Fault> {
    let mut faults = Faults::of("", &project.written, None);
    let all = Way::ROOT.key("variants");
    for (name, variant) in &project.variants {
        let way = all.key(name);
        faults.key(&way, words::name(name));
        for (key, empty) in [("variants", variant.variants.is_empty()), ("include", variant.include.is_empty())] {
            if !empty {
                faults.add(&way.key(key), Part::Key, format!("a variant has no `{key}` of its own"));
            }
        }
    }
    faults.sorted()
}

/// What is wrong with a recipe, or one of its variants, when all is laid over one another.
pub(super) fn whole(project: &Project, faults: &mut Faults<'_>) {
    let root = Way::ROOT;
    match &project.from {
        Some(from) => faults.value(&root.key("from"), words::from(from.as_str())),
        None => faults.add(&root, Part::Value, "the key `from` is missing: what the box is made of".to_owned()),
    }
    let packages = root.key("packages");
    for (index, package) in project.packages.iter().enumerate() {
        faults.value(&packages.item(index), words::package(package.as_str()));
    }
    for (index, copied) in project.copy.iter().enumerate() {
        copy(&root.key("copy").item(index), copied, faults);
    }
    for (index, step) in project.setup.iter().enumerate() {
        setup(&root.key("setup").item(index), step, faults);
    }
    env(&root, &project.env, faults);
    let texts: [(&str, &Option<Text>, Check); 3] = [
        ("shell", &project.shell, words::absolute),
        ("workdir", &project.workdir, words::absolute),
        ("user", &project.user, words::user),
    ];
    for (key, text, check) in texts {
        if let Some(text) = text {
            faults.value(&root.key(key), check(text.as_str()));
        }
    }
    if let Some(Init::Program(program)) = &project.init {
        faults.value(&root.key("init"), init(program));
    }
    reach::check(project, faults);
    needs::check(project, faults);
}

fn copy(way: &Way<'_>, copied: &Copied, faults: &mut Faults<'_>) {
    let from = copied.from.as_str();
    let is_url = from.contains("://");
    let checked = if is_url { words::url(from, copied.digest.is_some()) } else { words::in_project(from) };
    faults.value(&way.key("from"), checked);
    if !is_url && copied.digest.is_some() {
        let what = "`digest` is for a URL: what a file of the project has in it is known".to_owned();
        faults.add(&way.key("digest"), Part::Key, what);
    }
    faults.value(&way.key("to"), words::absolute(copied.to.as_str()));
    if let Some(mode) = &copied.mode {
        faults.value(&way.key("mode"), words::mode(mode.as_str()));
    }
}

fn setup(way: &Way<'_>, step: &Run, faults: &mut Faults<'_>) {
    faults.value(&way.key("run"), words::command(step.run.as_str()));
    env(way, &step.env, faults);
}

/// The variables of what is there.
pub(super) fn env(way: &Way<'_>, env: &BTreeMap<String, String>, faults: &mut Faults<'_>) {
    let all = way.key("env");
    for (name, value) in env {
        let way = all.key(name);
        faults.key(&way, words::variable(name));
        faults.value(&way, words::value(value));
    }
}

fn init(program: &str) -> Checked {
    if program.starts_with('/') {
        return words::absolute(program);
    }
    let instead = fault::instead(program, ["none", "auto"].into_iter());
    Err(format!("`{}` is no init{instead}, or an absolute path in the box", words::shown(program)))
}
