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
    let root = wanted.root.display();
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
    format!("The project {root} {asks}:\n{}{before}", groups(new))
}

/// Asks under the headings of their kinds, a line each; all packages are one.
pub(super) fn groups(asks: &[&Ask]) -> String {
    let mut lines = Vec::new();
    for (group, heading) in GROUPS {
        let of_group = asks.iter().copied().filter(|ask| ask.what.group() == group);
        let (packages, others): (Vec<&Ask>, Vec<&Ask>) =
            of_group.partition(|ask| matches!(ask.what, What::Package { .. }));
        if !packages.is_empty() || !others.is_empty() {
            lines.push(format!("  {heading}"));
        }
        lines.extend(others.iter().map(|ask| format!("    - {}", ask.words)));
        if !packages.is_empty() {
            let names: Vec<&str> = packages.iter().map(|ask| ask.words.as_str()).collect();
            lines.push(format!("    - installs by the distribution's package manager: {}", names.join(", ")));
        }
    }
    lines.join("\n")
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
