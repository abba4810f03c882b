//! A container: its base, what is set up in it, its variables.

use super::Converter;
use super::steps::step;
use super::volumes::volumes;
use crate::import::document::Node;
use crate::recipe::project::Project;

/// Keys that have no counterpart, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("uids", "a box has a map of its own"),
    ("gids", "a box has a map of its own"),
    ("image-cache-url", "an image goes to a registry: `envbox image push`"),
    ("auto-clean", "`envbox gc` frees what nothing needs"),
    ("resolv-conf-path", "a box has a resolv.conf that follows the host's"),
    ("hosts-file-path", "a box has a hosts file that follows the host's"),
];

/// The box of a container; `all` are those that it may go on from.
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
        match key.as_str() {
            "setup" => {}
            "environ" => recipe.env.extend(converter.pairs(&format!("{container}.{key}"), node)),
            "volumes" => volumes(converter, &mut recipe, container, node),
            key => {
                let why = WITHOUT.iter().find(|(known, _)| *known == key).map(|(_, why)| *why);
                let what = format!("{container}.{key}: {}", node.brief());
                converter.leave(node.line, &what, why.unwrap_or("there is no such key in an envbox.yaml"));
            }
        }
    }
    recipe
}

/// Containers within containers at the most.
const DEPTH: usize = 8;

fn steps(converter: &mut Converter<'_>, recipe: &mut Project, setup: &[Node], all: &[(String, Node)], depth: usize) {
    for one in setup {
        let other = (one.tag.as_deref() == Some("!Container")).then(|| one.as_str()).flatten();
        let below = other.and_then(|other| all.iter().find(|(name, _)| name == other));
        match below {
            Some((name, node)) if depth < DEPTH => {
                let below = node.get("setup").map(Node::items).unwrap_or_default();
                // What is not carried over of it is listed where it stands, as a box of its own.
                let mut quiet = Converter { file: converter.file, left: Vec::new() };
                recipe.env.extend(node.get("environ").map(|env| quiet.pairs(name, env)).unwrap_or_default());
                steps(&mut quiet, recipe, below, all, depth + 1);
            }
            _ => step(converter, recipe, one),
        }
    }
}
