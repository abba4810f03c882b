//! Whether tasks and services can be run, and what they need is there.

use std::collections::BTreeMap;

use super::faults::Faults;
use super::place::{Part, Way};
use super::words;
use super::{Command, Probe, Project, Ready, Service, Task, check};
use crate::recipe::Text;
use crate::recipe::fault::instead;

/// What one thing of these names needs, by name.
type Needs<'a> = BTreeMap<&'a str, &'a [Text]>;

/// Checks tasks and services.
pub(super) fn check(project: &Project, faults: &mut Faults<'_>) {
    let (all_tasks, all_services) = (Way::ROOT.key("tasks"), Way::ROOT.key("services"));
    let tasks: Needs<'_> = project.tasks.iter().map(|(name, task)| (name.as_str(), &*task.needs)).collect();
    let services: Needs<'_> = project.services.iter().map(|(name, service)| (name.as_str(), &*service.needs)).collect();
    for (way, what, count) in [(all_tasks, "tasks", tasks.len()), (all_services, "services", services.len())] {
        if count > check::MOST {
            faults.add(&way, Part::Key, format!("there are more than {} {what}", check::MOST));
            return;
        }
    }
    for (name, one) in &project.tasks {
        let way = all_tasks.key(name);
        faults.key(&way, words::name(name));
        task(&way, one, faults);
        known(&way.key("needs"), "task", &one.needs, &tasks, faults);
        known(&way.key("services"), "service", &one.services, &services, faults);
    }
    for (name, one) in &project.services {
        let way = all_services.key(name);
        faults.key(&way, words::name(name));
        service(&way, one, faults);
        known(&way.key("needs"), "service", &one.needs, &services, faults);
    }
    for (way, what, needs) in [(all_tasks, "tasks", tasks), (all_services, "services", services)] {
        for cycle in cycles(&needs) {
            let way = way.key(cycle[0]);
            let what = format!("the {what} need one another: {} -> {}", cycle.join(" -> "), cycle[0]);
            faults.add(&way.key("needs"), Part::Value, what);
        }
    }
}

fn known(way: &Way<'_>, kind: &str, names: &[Text], all: &Needs<'_>, faults: &mut Faults<'_>) {
    for (index, name) in names.iter().enumerate().filter(|(_, name)| !all.contains_key(name.as_str())) {
        let instead = instead(name.as_str(), all.keys().copied());
        faults.add(
            &way.item(index),
            Part::Value,
            format!("there is no {kind} `{}`{instead}", words::shown(name.as_str())),
        );
    }
}

fn task(way: &Way<'_>, task: &Task, faults: &mut Faults<'_>) {
    if let Some(run) = &task.run {
        command(&way.key("run"), run, faults);
    }
    if let Some(about) = &task.about {
        faults.value(&way.key("about"), words::line(about));
    }
    common(way, &task.env, task.workdir.as_ref(), task.user.as_ref(), faults);
}

fn service(way: &Way<'_>, service: &Service, faults: &mut Faults<'_>) {
    command(&way.key("run"), &service.run, faults);
    if let Some(signal) = &service.stop_signal {
        faults.value(&way.key("stop_signal"), words::signal(signal.as_str()));
    }
    if let Some(Ready { probe, .. }) = &service.ready {
        let way = way.key("ready");
        match probe {
            Probe::Run(run) => command(&way.key("run"), run, faults),
            Probe::File(path) => faults.value(&way.key("file"), words::workdir(path)),
            Probe::Log(text) => faults.value(&way.key("log"), words::line(text)),
            Probe::Port(_) => {}
        }
    }
    common(way, &service.env, service.workdir.as_ref(), service.user.as_ref(), faults);
}

fn common(
    way: &Way<'_>,
    env: &BTreeMap<String, String>,
    workdir: Option<&Text>,
    user: Option<&Text>,
    faults: &mut Faults<'_>,
) {
    check::env(way, env, faults);
    if let Some(workdir) = workdir {
        faults.value(&way.key("workdir"), words::workdir(workdir.as_str()));
    }
    if let Some(user) = user {
        faults.value(&way.key("user"), words::user(user.as_str()));
    }
}

fn command(way: &Way<'_>, command: &Command, faults: &mut Faults<'_>) {
    match command {
        Command::Line(line) => faults.value(way, words::command(line)),
        Command::Words(all) => {
            faults.value(way, words::command(all.first().map_or("", String::as_str)));
            for (index, word) in all.iter().enumerate().skip(1) {
                faults.value(&way.item(index), words::argument(word));
            }
        }
    }
}

/// The cycles of what needs one another, each once, from the first of its names in the order of the alphabet.
fn cycles<'a>(needs: &Needs<'a>) -> Vec<Vec<&'a str>> {
    let mut found = Vec::new();
    let mut done = Vec::new();
    for name in needs.keys() {
        walk(name, needs, &mut Vec::new(), &mut done, &mut found);
    }
    found
}

/// Goes on from a name, by way of those in `path`.
fn walk<'a>(
    name: &'a str,
    needs: &Needs<'a>,
    path: &mut Vec<&'a str>,
    done: &mut Vec<&'a str>,
    found: &mut Vec<Vec<&'a str>>,
) {
    if let Some(begin) = path.iter().position(|other| *other == name) {
        found.push(path[begin..].to_vec());
        return;
    }
    if done.contains(&name) {
        return;
    }
    path.push(name);
    for next in needs.get(name).copied().unwrap_or_default() {
        walk(next.as_str(), needs, path, done, found);
    }
    path.pop();
    done.push(name);
}
