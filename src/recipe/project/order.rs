//! In which order things that need one another come.

use std::collections::BTreeMap;

use super::super::Text;
use super::super::fault::instead;

/// There is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoOrder {
    /// Something needs itself, by way of others: each needs the next, and the last is the first again.
    #[error("`{}` needs itself", .0.iter().map(|name| name.escape_debug().to_string()).collect::<Vec<_>>().join("` needs `"))]
    Cycle(Vec<String>),
    /// There is nothing of that name.
    #[error("there is no {what} `{}`{}{instead}", name.escape_debug(), by(needed_by.as_deref()))]
    Unknown {
        /// What it would be: `task`, `service`.
        what: &'static str,
        /// The name.
        name: String,
        /// Who needs it.
        needed_by: Option<String>,
        /// The nearest of the names that there are, or all of them, as the end of a sentence.
        instead: String,
    },
}

fn by(needed_by: Option<&str>) -> String {
    needed_by.map(|by| format!(", which `{}` needs", by.escape_debug())).unwrap_or_default()
}

/// What is needed for `wanted`, and that itself: each once, everything after what it needs. What needs nothing of one another
/// comes in the order in which it is named.
///
/// # Errors
/// [`NoOrder`]. `what` is what the things are called there.
pub fn order<'a, T>(
    what: &'static str,
    all: &'a BTreeMap<String, T>,
    wanted: impl IntoIterator<Item = &'a str>,
    needs: impl Fn(&'a T) -> &'a [Text],
) -> Result<Vec<&'a str>, NoOrder> {
    let mut ordered: Vec<&str> = Vec::new();
    let mut done: BTreeMap<&str, bool> = BTreeMap::new();
    for first in wanted {
        // Not by recursion: how long a chain is, somebody else decides.
        let mut path = vec![visit(what, all, first, None, &needs)?];
        done.entry(path[0].0).or_insert(false);
        if done[path[0].0] {
            continue;
        }
        while let Some((name, rest)) = path.last_mut() {
            let name = *name;
            let Some((next, others)) = rest.split_first() else {
                done.insert(name, true);
                ordered.push(name);
                path.pop();
                continue;
            };
            *rest = others;
            let next = visit(what, all, next.as_str(), Some(name), &needs)?;
            match done.get(next.0) {
                Some(true) => {}
                Some(false) => return Err(cycle(&path, next.0)),
                None => {
                    done.insert(next.0, false);
                    path.push(next);
                }
            }
        }
    }
    Ok(ordered)
}

/// Something on the way, and what of its needs has not been looked at.
type Visit<'a> = (&'a str, &'a [Text]);

fn visit<'a, T>(
    what: &'static str,
    all: &'a BTreeMap<String, T>,
    name: &str,
    needed_by: Option<&str>,
    needs: impl Fn(&'a T) -> &'a [Text],
) -> Result<Visit<'a>, NoOrder> {
    match all.get_key_value(name) {
        Some((name, found)) => Ok((name, needs(found))),
        None => Err(NoOrder::Unknown {
            what,
            name: name.to_owned(),
            needed_by: needed_by.map(str::to_owned),
            instead: instead(name, all.keys().map(String::as_str)),
        }),
    }
}

fn cycle(path: &[Visit<'_>], again: &str) -> NoOrder {
    let names = path.iter().map(|(name, _)| *name).skip_while(|name| *name != again);
    NoOrder::Cycle(names.chain([again]).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(graph: &[(&str, &[&str])], wanted: &[&str]) -> Result<Vec<String>, String> {
        let all: BTreeMap<String, Vec<Text>> = graph
            .iter()
            .map(|(name, needs)| ((*name).to_owned(), needs.iter().map(|need| (*need).to_owned().into()).collect()))
            .collect();
        order("task", &all, wanted.iter().copied(), Vec::as_slice)
            .map(|names| names.into_iter().map(str::to_owned).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_once_and_after_what_it_needs() {
        let graph: [(&str, &[&str]); 5] =
            [("all", &["test", "lint"]), ("test", &["build"]), ("lint", &["build"]), ("build", &[]), ("other", &[])];
        assert_eq!(of(&graph, &["all"]).unwrap(), ["build", "test", "lint", "all"]);
        assert_eq!(of(&graph, &["lint", "test", "lint"]).unwrap(), ["build", "lint", "test"]);
        assert_eq!(of(&graph, &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn cycles_are_named_in_full() {
        let graph: [(&str, &[&str]); 4] = [("a", &["b"]), ("b", &["c"]), ("c", &["d", "b"]), ("d", &[])];
        assert_eq!(of(&graph, &["a"]).unwrap_err(), "`b` needs `c` needs `b` needs itself");
        assert_eq!(of(&[("a", &["a"])], &["a"]).unwrap_err(), "`a` needs `a` needs itself");
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert_eq!(of(&[("a", &["x"])], &["a"]).unwrap_err(), "there is no task `x`, which `a` needs; `a` is");
        assert_eq!(of(&[("bcd", &[])], &["xyz"]).unwrap_err(), "there is no task `xyz`; there are: bcd");
    }

    #[test]
    fn a_chain_of_any_length() {
        let names: Vec<String> = (0..50_000).map(|n| format!("t{n:05}")).collect();
        let all: BTreeMap<String, Vec<Text>> =
            names.iter().zip(1..).map(|(name, next)| (name.clone(), vec![format!("t{next:05}").into()])).collect();
        let mut all = all;
        all.insert("t50000".into(), Vec::new());
        assert_eq!(order("task", &all, ["t00000"], Vec::as_slice).unwrap().len(), 50_001);
    }
}
