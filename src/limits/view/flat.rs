//! The flat-keyed files of a cgroup: a name and a number a line (Documentation/admin-guide/cgroup-v2.rst, "Format").

use std::collections::HashMap;

/// The values of one, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flat(HashMap<String, u64>);

impl Flat {
    pub(super) fn read(text: &str) -> Self {
        let pair = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        };
        Self(text.lines().filter_map(pair).collect())
    }

    /// The value of this name; 0 where a kernel has none.
    pub(super) fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }
}
