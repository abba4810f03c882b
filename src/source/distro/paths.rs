//! Names of files that come from lists, and so from outside.

/// Whether a text is a path that stays below the directory it is relative to, and means in a URL what it says: components
/// of visible characters, none of them `.` or `..`, and nothing that begins a query, a fragment or an escape.
pub(in crate::source) fn is_relative(path: &str) -> bool {
    let visible = |c: char| c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric();
    !path.is_empty()
        && path.len() <= 512
        && path.chars().all(|c| visible(c) && !matches!(c, '\\' | '?' | '#' | '%'))
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        // `host:port/…` or `scheme:…` at the beginning would make another URL of it.
        && !path.split('/').next().is_some_and(|first| first.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_nowhere_else() {
        for good in ["a.tar.xz", "sub/a.tar", "Fedora-43-1.6.oci.tar.xz", "a~b+c_d@e", "x/y:z", "ä"] {
            assert!(is_relative(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "../a", "a/../b", "./a", "http://x/a", "x:y", "a?b", "a#b", "a%2fb", "a\\b"]
        {
            assert!(!is_relative(bad), "{bad}");
        }
        assert!(!is_relative("a\u{1b}[31m") && !is_relative("a\nb") && !is_relative(&"a".repeat(513)));
    }
}
