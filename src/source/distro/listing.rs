//! Which file is meant, where a recipe has a glob: the highest version among those that a list names.

use std::cmp::Ordering;

use debversion::Version;
use glob::{MatchOptions, Pattern};

use super::paths;
use crate::source::Error;

/// What can be no part of a file's name in any list. HTML's attributes, YAML's values and the columns of sums end there.
const ENDS: [char; 10] = ['"', '\'', '<', '>', '(', ')', '=', ',', '*', '\\'];

/// Whether a text is a glob, and not just a name.
pub(super) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The highest version among the paths in `list` that `pattern` matches. What kind of list it is does not matter: a
/// directory as a web server shows it, a file of sums, any text that has the paths in it as words.
///
/// # Errors
/// [`Error::NoFile`]; [`Error::Malformed`] if the glob is none.
pub(super) fn highest(pattern: &str, url: &str, list: &str) -> Result<String, Error> {
    let glob =
        Pattern::new(pattern).map_err(|error| Error::Malformed { url: pattern.to_owned(), what: error.to_string() })?;
    // A component of a path is not to match several of them.
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
    let words = list.split(|c: char| c.is_whitespace() || ENDS.contains(&c));
    let words = words.map(|word| word.strip_prefix("./").unwrap_or(word));
    let fitting = words.filter(|word| paths::is_relative(word) && glob.matches_with(word, options));
    fitting
        .max_by(|one, other| compare(one, other))
        .map(str::to_owned)
        .ok_or_else(|| Error::NoFile { url: url.to_owned(), pattern: pattern.to_owned() })
}

/// Compares names as Debian compares versions, numbers by their value. `_rc1` comes before the release, as `~rc1` does.
fn compare(one: &str, other: &str) -> Ordering {
    let version = |name: &str| Version {
        epoch: None,
        upstream_version: name.replace("_rc", "~rc").replace("_alpha", "~alpha").replace("_beta", "~beta"),
        debian_revision: None,
    };
    version(one).cmp(&version(other)).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(pattern: &str, list: &str) -> String {
        highest(pattern, "http://x/", list).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn in_lists_of_all_kinds() {
        let html = r#"<a href="../">..</a><a href="a-9.tar.gz">a-9.tar.gz</a> 2026-01-01 <a href='a-10.tar.gz'>a-..&gt;</a>
            <a href="http://evil/a-99.tar.gz">x</a> <a href="/a-98.tar.gz">x</a> <a href="a-97.tar.gz?x">"#;
        assert_eq!(chosen("a-*.tar.gz", html), "a-10.tar.gz");
        let yaml =
            "-\n  flavor: alpine-minirootfs\n  file: alpine-minirootfs-3.23.3-x86_64.tar.gz\n  file: other.tar.gz\n";
        assert_eq!(chosen("alpine-minirootfs-*-x86_64.tar.gz", yaml), "alpine-minirootfs-3.23.3-x86_64.tar.gz");
        let gentoo = "# Latest\n20260802T170000Z/stage3-amd64-openrc-20260802T170000Z.tar.xz 288000000\n";
        assert_eq!(
            chosen("*/stage3-amd64-openrc-*.tar.xz", gentoo),
            "20260802T170000Z/stage3-amd64-openrc-20260802T170000Z.tar.xz"
        );
        assert_eq!(chosen("void-*.tar.xz", "SHA256 (void-x86_64-20250202.tar.xz) = 00"), "void-x86_64-20250202.tar.xz");
        assert_eq!(chosen("a*", "00 *./a1\n11  ./a2\n"), "a2");
    }

    #[test]
    fn the_highest_version() {
        for (list, highest) in [
            ("a-24.04-base a-24.04.3-base a-24.04.10-base", "a-24.04.10-base"),
            ("a-3.23.0_rc2-x86_64 a-3.23.0-x86_64", "a-3.23.0-x86_64"),
            ("a-43-1.6 a-43-1.10 a-43-1.9", "a-43-1.10"),
            ("a-20250202 a-20241231", "a-20250202"),
        ] {
            assert_eq!(chosen("a-*", list), highest);
        }
    }

    #[test]
    fn what_is_not_there() {
        for list in ["", "b", "../a-1 a-1/../b http://x/a-1 a-1/b %2fa-1"] {
            assert!(chosen("a-*", list).contains("names nothing like a-*"), "{list}");
        }
        assert!(!is_glob("a.tar") && is_glob("a-*.tar") && is_glob("a[0-9]"));
    }
}
