//! How a project's asks are shown.

use std::time::{Duration, SystemTime};

use super::Wanted;
use crate::recipe::project::asks::{Ask, Group, What};
use crate::ui;

/// The kinds of asks, and the words above them.
const GROUPS: [(Group, &str); 3] = [
    (Group::Reach, "beyond the box and the project"),
    (Group::Run, "programs of its own"),
    (Group::Content, "what is in the box"),
];

/// What comes before the question: what is new, and in one line what was agreed to before.
pub(super) fn question(wanted: &Wanted, new: &[&Ask]) -> String {
    // A directory's name may have lines of its own, which are none of ours.
    let root = wanted.root.display().to_string().replace('\n', "\\n");
    let (asks, before) = match &wanted.agreed {
        None => ("asks for a box that comes with this", String::new()),
        Some(agreed) => {
            let age = ui::age(SystemTime::UNIX_EPOCH + Duration::from_secs(agreed.since));
            (
                "asks for more than you have agreed to",
                format!("\nagreed to before: {}, first {age} ago", things(agreed.asks.len())),
            )
        }
    };
    let is_cut = new.iter().any(|ask| ask.words.contains(" more characters)"));
    let all = if is_cut { "\n`envbox trust -v` shows what is cut here" } else { "" };
    format!("The project {root} {asks}:\n{}{all}{before}", groups(new))
}

/// Asks under the headings of their kinds, a line each; all packages are one, and so are all variables.
pub(super) fn groups(asks: &[&Ask]) -> String {
    let mut lines = Vec::new();
    for (group, heading) in GROUPS {
        let of_group: Vec<&Ask> = asks.iter().copied().filter(|ask| ask.what.group() == group).collect();
        if !of_group.is_empty() {
            lines.push(format!("  {heading}"));
        }
        let alone = of_group.iter().filter(|ask| together(&ask.what).is_none());
        lines.extend(alone.map(|ask| format!("    - {}", ask.words)));
        for heading in [VARIABLES, PACKAGES] {
            let words = of_group.iter().filter(|ask| together(&ask.what) == Some(heading));
            let words: Vec<&str> = words.map(|ask| ask.words.as_str()).collect();
            if !words.is_empty() {
                lines.push(format!("    - {heading}: {}", words.join(", ")));
            }
        }
    }
    lines.join("\n")
}

const VARIABLES: &str = "sets for all of them the variables";
const PACKAGES: &str = "installs by the distribution's package manager";

/// What comes before those that are shown on one line.
fn together(what: &What) -> Option<&'static str> {
    match what {
        What::Variable { .. } => Some(VARIABLES),
        What::Package { .. } => Some(PACKAGES),
        _ => None,
    }
}

/// A number of asks.
pub(super) fn things(number: usize) -> String {
    if number == 1 { "1 thing".to_owned() } else { format!("{number} things") }
}

/// A path as a shell's word.
pub(super) fn quoted(path: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "/._-+,:@%".contains(character);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell() {
        assert_eq!(quoted("/home/u/x-1.2"), "/home/u/x-1.2");
        assert_eq!(quoted("/a b/$(x)'y"), "'/a b/$(x)'\\''y'");
    }
}
