//! Node.js and Deno: scripts are tasks, the lock file says which program installs.

use serde_json::Value;

use super::{Files, add_step, add_task, add_test, cache};
use crate::import::{Draft, Left, free_name};

/// The major version that Debian 13 has.
const DEBIAN: u64 = 20;

/// A program that installs what a project asks for.
struct Manager {
    /// The lock file that is its own; empty for the one that is taken where there is none.
    lock: &'static str,
    program: &'static str,
    /// Where it keeps its downloads.
    kept: &'static str,
    /// How it is had, if not as a package of Debian's.
    had: Option<&'static str>,
    install: &'static str,
}

const NPM: Manager = Manager { lock: "", program: "npm", kept: "~/.npm", had: None, install: "npm install" };

const MANAGERS: &[Manager] = &[
    Manager {
        lock: "pnpm-lock.yaml",
        program: "pnpm",
        kept: "~/.local/share/pnpm",
        had: Some("npm install --global pnpm"),
        install: "pnpm install --frozen-lockfile",
    },
    Manager {
        lock: "yarn.lock",
        program: "yarn",
        kept: "~/.cache/yarn",
        had: Some("npm install --global yarn"),
        install: "yarn install --frozen-lockfile",
    },
    Manager { lock: "package-lock.json", install: "npm ci", ..NPM },
    NPM,
];

/// Scripts that npm runs by itself.
const HOOKS: [&str; 6] = ["preinstall", "install", "postinstall", "prepare", "prepublish", "prepublishOnly"];

/// What `package.json` says.
pub(super) fn more(text: &str, files: &Files<'_>, draft: &mut Draft) {
    let Some(manifest) = serde_json::from_str::<Value>(text).ok() else {
        return draft.left.push(Left::new("package.json", 0, "the file", "it is no JSON"));
    };
    let manager = MANAGERS.iter().find(|manager| files.has(manager.lock)).unwrap_or(&NPM);
    let Manager { program, kept, had, install, .. } = manager;
    draft.add_packages(["npm", "ca-certificates"]);
    if let Some(step) = had {
        add_step(draft, step);
    }
    cache(draft, program, kept);
    add_task(draft, "install", install);
    let scripts = manifest.get("scripts").and_then(Value::as_object);
    for script in scripts.into_iter().flat_map(|scripts| scripts.keys()) {
        if HOOKS.contains(&script.as_str()) {
            let why = format!("{program} runs it by itself, with the task `install`");
            draft.left.push(Left::new("package.json", 0, &format!("scripts.{script}"), why));
            continue;
        }
        let run = format!("{program} run {}", crate::import::quoted(script));
        match script.as_str() {
            "test" => add_test(draft, &run, install),
            other => {
                let name = free_name(&draft.recipe.tasks, other);
                add_task(draft, &name, &run);
            }
        }
    }
    let engine = manifest.get("engines").and_then(|engines| engines.get("node")?.as_str());
    if let Some(engine) = engine.filter(|engine| !is_met(engine)) {
        let why = format!("Debian 13 has Node.js {DEBIAN}: `from: docker.io/library/node:VERSION` has others");
        draft.left.push(Left::new("package.json", 0, &format!("engines.node {engine}"), why));
    }
}

/// Whether Debian's Node.js is one of those that are asked for, as far as that is seen at a glance.
fn is_met(engine: &str) -> bool {
    engine.split("||").any(|range| {
        let range = range.trim();
        let digits: String =
            range.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        let Ok(major) = digits.parse::<u64>() else { return true };
        if range.starts_with(">") { major <= DEBIAN } else { major == DEBIAN }
    })
}

/// What `deno.json` says.
pub(super) fn deno(text: &str, _: &Files<'_>, draft: &mut Draft) {
    let why = "Debian has no package of it: add the step that installs the version you want";
    draft.left.push(Left::new("deno.json", 0, "Deno itself", why));
    let Ok(manifest) = crate::import::jsonc::parse("deno.json", text) else { return };
    for (script, _) in manifest.get("tasks").map(crate::import::document::Node::entries).unwrap_or_default() {
        let name = free_name(&draft.recipe.tasks, script);
        add_task(draft, &name, &format!("deno task {}", crate::import::quoted(script)));
    }
}

#[cfg(test)]
mod tests {
    use super::is_met;

    #[test]
    fn engines_are_compared_by_their_major_version() {
        assert_eq!(["20", "^20.1", ">=18", "20.x", "*", "18 || 20"].map(is_met), [true; 6]);
        assert_eq!(["18", "^22", ">=22", "~16.3"].map(is_met), [false; 4]);
    }
}
