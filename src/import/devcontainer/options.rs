//! Mounts, arguments of `docker run`, and what the host should have.

use super::{Converter, volume};
use crate::import::document::{Node, Value};
use crate::recipe::settings::{At, Limits, Mount, Network};

/// A mount: `source=…,target=…,type=…`, or an object of the same.
pub(super) fn mount(converter: &mut Converter<'_>, node: &Node) {
    let fields: Vec<(String, String)> = match &node.value {
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.clone(), node.brief())).collect(),
        _ => {
            let fields = node.as_str().unwrap_or_default().split(',');
            fields
                .map(|field| field.split_once('=').unwrap_or((field, "true")))
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .collect()
        }
    };
    let get =
        |names: &[&str]| fields.iter().find(|(key, _)| names.contains(&key.as_str())).map(|(_, value)| value.clone());
    let from = get(&["source", "src"]).unwrap_or_default();
    let to = get(&["target", "destination", "dst"]).unwrap_or_default();
    let read_only = get(&["readonly", "ro"]).is_some_and(|value| value != "false");
    let from = converter.filled("mounts", node, &from);
    let to = converter.filled("mounts", node, &to);
    let made = At::try_from(to).map_err(|error| error.to_string()).and_then(|at| match get(&["type"]).as_deref() {
        Some("volume") | None => Ok(Mount::Cache { name: volume(&from), at }),
        Some("bind") if from.ends_with(".sock") => Err("sockets of the host's come in by `share`".to_owned()),
        Some("bind") => Ok(Mount::Bind { from, at, read_only }),
        Some("tmpfs") => Ok(Mount::Tmpfs { size: crate::recipe::settings::Size(512 << 20), at }),
        Some(_) => Err("no such kind of mount is known".to_owned()),
    });
    let taken = ["source", "src", "target", "destination", "dst", "readonly", "ro", "type"];
    for (key, value) in fields.iter().filter(|(key, _)| !taken.contains(&key.as_str())) {
        converter.leave(node.line, &format!("mounts: {key}={value}"), "a mount has no such option");
    }
    match made {
        Ok(mount) => converter.draft.recipe.mounts.push(mount),
        Err(why) => converter.leave(node.line, &format!("mounts: {}", node.brief()), why),
    }
}

/// Takes the arguments of `docker run` that have a counterpart.
pub(super) fn run_args(converter: &mut Converter<'_>, node: &Node) {
    let mut words = node.items().iter().peekable();
    while let Some(word) = words.next() {
        let text = word.brief();
        // A value is in the same word, or in the next, which begins no option then.
        let (flag, value) = match text.split_once('=') {
            Some((flag, value)) => (flag, value.to_owned()),
            None => {
                let next = words.next_if(|next| next.as_str().is_some_and(|next| !next.starts_with('-')));
                (text.as_str(), next.map(Node::brief).unwrap_or_default())
            }
        };
        if let Err(why) = run_arg(converter, word, flag, &value) {
            converter.leave(word.line, &format!("runArgs: {flag} {value}"), why);
        }
    }
}

fn run_arg(converter: &mut Converter<'_>, node: &Node, flag: &str, value: &str) -> Result<(), String> {
    let value = converter.filled("runArgs", node, value);
    let recipe = &mut converter.draft.recipe;
    match flag {
        "--network" | "--net" => {
            recipe.network = Some(match value.as_str() {
                "host" => Network::Host,
                "none" => Network::None,
                "bridge" | "private" => Network::Private,
                _ => return Err("it is a network of an engine's".to_owned()),
            });
        }
        "-e" | "--env" => {
            let (name, value) = value.split_once('=').ok_or("the host's value is not known to a recipe")?;
            recipe.env.insert(name.to_owned(), value.to_owned());
        }
        "-v" | "--volume" => {
            let (mount, differs) = crate::import::distrobox::volume(&value)?;
            recipe.mounts.push(mount);
            return differs.map_or(Ok(()), Err);
        }
        "-p" | "--publish" => recipe.ports.push(value.parse().map_err(|error| format!("{error}"))?),
        "--memory" | "-m" => {
            recipe.limits.memory = Some(value.to_uppercase().parse().map_err(|error| format!("{error}"))?);
        }
        "--cpus" => recipe.limits.cpus = Some(value.parse().map_err(|error| format!("{error}"))?),
        "--init" => return Err("the first process of a box collects the dead anyway".to_owned()),
        "--rm" => return Err("a box stays until `envbox remove`".to_owned()),
        "--cap-add" | "--privileged" => return Err("root of a box has all rights in it, and none outside".to_owned()),
        "--device" | "--gpus" => return Err("boxes see the devices that their user may use".to_owned()),
        _ => return Err("it is a container engine's".to_owned()),
    }
    Ok(())
}

/// What the host should have is what the box may have at the most: more it cannot ask for.
pub(super) fn requirements(converter: &mut Converter<'_>, node: &Node) {
    for (key, value) in node.entries() {
        let brief = value.brief();
        let limits: &mut Limits = &mut converter.draft.recipe.limits;
        let taken = match key.as_str() {
            "cpus" => brief.parse().map(|cpus| limits.cpus = Some(cpus)).map_err(|error| format!("{error}")),
            "memory" => {
                brief.to_uppercase().parse().map(|size| limits.memory = Some(size)).map_err(|error| format!("{error}"))
            }
            _ => Err("a box has what the host has".to_owned()),
        };
        if let Err(why) = taken {
            converter.leave(value.line, &format!("hostRequirements.{key}: {brief}"), why);
        }
    }
    if !converter.draft.recipe.limits.is_empty() {
        converter.draft.notes.insert(
            "limits",
            "What devcontainer.json requires of the host, as the most that the box takes.".to_owned(),
        );
    }
}
