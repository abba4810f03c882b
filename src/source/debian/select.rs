//! Which packages make a Debian: the required ones, those asked for, and all they depend on.

use std::collections::{BTreeMap, VecDeque};

use super::index::{Index, Stanza};
use super::relation::{self, Relation};
use crate::source::Error;

/// Chosen before other alternatives. `usrmerge | usr-is-merged`: the first would bring Perl in to convert a tree that is
/// merged from the beginning.
const PREFERRED: [&str; 1] = ["usr-is-merged"];

/// The required packages, the `wanted` ones, and the closure over what they depend on, by name.
pub(super) fn select<'a>(index: &Index<'a>, wanted: &[&str], suite: &str) -> Result<Vec<Stanza<'a>>, Error> {
    let mut selection = Selection { index, chosen: BTreeMap::new(), queue: VecDeque::new(), choices: VecDeque::new() };
    for name in index.required().iter().chain(wanted) {
        let stanza = index
            .get(name)
            .or_else(|| index.providers(name).next().map(|(stanza, _)| stanza))
            .ok_or_else(|| Error::NoPackage { name: (*name).to_owned(), suite: suite.to_owned() })?;
        selection.choose(*stanza);
    }
    selection.close()?;
    let chosen: Vec<Stanza<'a>> = selection.chosen.into_values().collect();
    check_conflicts(&chosen)?;
    Ok(chosen)
}

struct Selection<'i, 'a> {
    index: &'i Index<'a>,
    chosen: BTreeMap<&'a str, Stanza<'a>>,
    /// Chosen, and their dependencies not yet looked at.
    queue: VecDeque<Stanza<'a>>,
    /// Dependencies that leave a choice, and whose they are. They wait until all that leave none are met, so that the
    /// order of the packages does not decide.
    choices: VecDeque<(Stanza<'a>, Vec<Relation<'a>>)>,
}

impl<'a> Selection<'_, 'a> {
    fn choose(&mut self, stanza: Stanza<'a>) {
        if self.chosen.insert(stanza.name, stanza).is_none() {
            self.queue.push_back(stanza);
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        loop {
            if let Some(stanza) = self.queue.pop_front() {
                self.follow(stanza)?;
            } else if let Some((stanza, group)) = self.choices.pop_front() {
                self.decide(&stanza, &group)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Meets the dependencies of a package that leave no choice, and puts the others off.
    fn follow(&mut self, stanza: Stanza<'a>) -> Result<(), Error> {
        for field in ["Pre-Depends", "Depends"] {
            let text = stanza.field(field).unwrap_or_default();
            let groups = relation::groups(text).ok_or_else(|| unsatisfied(&stanza, text))?;
            for group in groups {
                match (group.as_slice(), self.index.get(group[0].name)) {
                    ([only], Some(found)) if only.accepts(found.version) => self.choose(*found),
                    _ => self.choices.push_back((stanza, group)),
                }
            }
        }
        Ok(())
    }

    /// Takes the first alternative that there is, unless one has been chosen already.
    fn decide(&mut self, stanza: &Stanza<'a>, group: &[Relation<'a>]) -> Result<(), Error> {
        if group.iter().any(|relation| self.chosen.values().any(|chosen| meets(chosen, relation))) {
            return Ok(());
        }
        let (first, others): (Vec<_>, Vec<_>) = group.iter().partition(|relation| PREFERRED.contains(&relation.name));
        let found = first.into_iter().chain(others).find_map(|relation| self.candidate(relation));
        let text = || group.iter().map(|relation| relation.text).collect::<Vec<_>>().join(" | ");
        self.choose(found.ok_or_else(|| unsatisfied(stanza, &text()))?);
        Ok(())
    }

    fn candidate(&self, relation: &Relation<'a>) -> Option<Stanza<'a>> {
        let real = self.index.get(relation.name).filter(|stanza| relation.accepts(stanza.version));
        let mut providers = self.index.providers(relation.name);
        real.or_else(|| providers.find(|(_, version)| relation.accepts_provided(*version)).map(|(stanza, _)| stanza))
            .copied()
    }
}

fn meets(stanza: &Stanza<'_>, relation: &Relation<'_>) -> bool {
    (stanza.name == relation.name && relation.accepts(stanza.version))
        || stanza.provides().any(|(name, version)| name == relation.name && relation.accepts_provided(version))
}

fn unsatisfied(stanza: &Stanza<'_>, dependency: &str) -> Error {
    Error::Unsatisfied { package: stanza.name.to_owned(), dependency: dependency.to_owned() }
}

/// A resolver would look for another selection; the base of a release has no conflicts, so one means a broken archive or
/// packages asked for that exclude each other.
fn check_conflicts(chosen: &[Stanza<'_>]) -> Result<(), Error> {
    for stanza in chosen {
        for field in ["Conflicts", "Breaks"] {
            let text = stanza.field(field).unwrap_or_default();
            let groups = relation::groups(text).ok_or_else(|| unsatisfied(stanza, text))?;
            for relation in groups.iter().flatten() {
                let mut others = chosen.iter().filter(|other| other.name != stanza.name);
                if let Some(other) = others.find(|other| meets(other, relation)) {
                    return Err(Error::Conflict {
                        package: stanza.name.to_owned(),
                        other: other.name.to_owned(),
                        relation: format!("{field}: {}", relation.text),
                    });
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(line: &str) -> String {
        let (name, fields) = line.split_once(';').unwrap_or((line, ""));
        let fields: String = fields.split(';').map(|field| format!("{}\n", field.trim())).collect();
        format!("Package: {name}\nArchitecture: all\nVersion: 1\n{fields}\n")
    }

    fn chosen(packages: &[&str], wanted: &[&str]) -> Result<Vec<String>, Error> {
        let text: String = packages.iter().map(|line| package(line)).collect();
        let texts = [text.replace("\n\n\n", "\n\n")];
        let index = Index::build(&texts, "amd64");
        Ok(select(&index, wanted, "test")?.iter().map(|stanza| stanza.name.to_owned()).collect())
    }

    #[test]
    fn the_closure() {
        let archive = ["base;Essential: yes;Pre-Depends: libc", "libc;Depends: data", "data", "apt;Depends: libc", "x"];
        assert_eq!(chosen(&archive, &["apt"]).unwrap(), ["apt", "base", "data", "libc"]);
        assert!(matches!(chosen(&archive, &["nope"]), Err(Error::NoPackage { .. })));
    }

    #[test]
    fn a_choice_waits_for_what_leaves_none() {
        let archive = ["a;Depends: b | c", "b", "c", "z;Depends: c"];
        assert_eq!(chosen(&archive, &["a", "z"]).unwrap(), ["a", "c", "z"]);
        assert_eq!(chosen(&archive, &["a"]).unwrap(), ["a", "b"]);
    }

    #[test]
    fn a_tree_that_is_merged_needs_no_merging() {
        let archive = ["init;Depends: usrmerge | usr-is-merged", "usrmerge;Depends: perl", "perl", "usr-is-merged"];
        assert_eq!(chosen(&archive, &["init"]).unwrap(), ["init", "usr-is-merged"]);
        assert_eq!(chosen(&archive[..3], &["init"]).unwrap(), ["init", "perl", "usrmerge"]);
    }

    #[test]
    fn virtual_packages() {
        let archive = ["base;Depends: awk", "gawk;Provides: awk", "mawk;Provides: awk;Priority: required"];
        assert_eq!(chosen(&archive, &["base"]).unwrap(), ["base", "mawk"]);
        assert_eq!(chosen(&archive[..2], &["base"]).unwrap(), ["base", "gawk"]);
        let versioned = ["a;Depends: v (>= 2)", "p;Provides: v", "q;Provides: v (= 2)"];
        assert_eq!(chosen(&versioned, &["a"]).unwrap(), ["a", "q"]);
    }

    #[test]
    fn what_cannot_be_met() {
        let Err(Error::Unsatisfied { package, dependency }) = chosen(&["a;Depends: b (>= 2) | c", "b"], &["a"]) else {
            panic!("it was met")
        };
        assert_eq!((package.as_str(), dependency.as_str()), ("a", "b (>= 2) | c"));
    }

    #[test]
    fn conflicts() {
        let archive = ["a;Conflicts: v;Provides: v", "b;Provides: v", "c;Breaks: a (<< 1)"];
        assert_eq!(chosen(&archive, &["a", "c"]).unwrap(), ["a", "c"]);
        assert!(matches!(chosen(&archive, &["a", "b"]), Err(Error::Conflict { .. })));
    }
}
