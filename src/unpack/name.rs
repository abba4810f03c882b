//! Names in archives: bytes that somebody else chose.

use std::fmt;

/// A name made fit for a terminal: what is not printable is escaped, and length is cut.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(String);

/// Characters shown of a name.
const SHOWN: usize = 200;

impl Shown {
    pub(super) fn new(name: &[u8]) -> Self {
        // Control characters, and those that change the direction of text, could make a name look like another.
        let escape =
            |c: char| if c.is_control() || is_bidi(c) { c.escape_unicode().to_string() } else { c.to_string() };
        let mut shown: String = String::from_utf8_lossy(name).chars().take(SHOWN).map(escape).collect();
        if name.len() > SHOWN {
            shown.push('…');
        }
        Self(shown)
    }
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

/// The name as a path beneath the root: leading `/` and every `.` gone; empty for the root itself. `strip` components are
/// taken off the front; `None` where there are no more.
///
/// # Errors
/// Which rule the name breaks.
pub(super) fn clean(name: &[u8], strip: usize) -> Result<Option<Vec<u8>>, &'static str> {
    if name.is_empty() {
        return Err("its name is empty");
    }
    if name.contains(&0) {
        return Err("its name has a NUL byte in it");
    }
    let mut path = Vec::with_capacity(name.len());
    let mut skipped = 0;
    for component in name.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".") {
        if component == b".." {
            return Err("its name has `..` in it");
        }
        if skipped < strip {
            skipped += 1;
            continue;
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(component);
    }
    Ok((strip == 0 || !path.is_empty()).then_some(path))
}

/// Directory and last component of a cleaned path.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_beneath() {
        let cleaned = |name: &str| clean(name.as_bytes(), 0).map(|path| String::from_utf8(path.unwrap()).unwrap());
        for (name, path) in
            [("a/b", "a/b"), ("./a//b/", "a/b"), ("/etc/passwd", "etc/passwd"), ("./", ""), ("/", ""), ("...", "...")]
        {
            assert_eq!(cleaned(name), Ok(path.to_owned()), "{name}");
        }
        for name in ["", "..", "a/../b", "/..", "a/..", "a\0b"] {
            assert!(cleaned(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn stripping() {
        let strip = |name: &str, n| clean(name.as_bytes(), n).unwrap().map(|path| String::from_utf8(path).unwrap());
        assert_eq!(strip("./root/etc/x", 1), Some("etc/x".into()));
        assert_eq!(strip("./root/", 1), None);
        assert_eq!(strip("version", 1), None);
    }

    #[test]
    fn nothing_shown_reaches_the_terminal_raw() {
        assert_eq!(Shown::new(b"a\x1b[31m\n\xff").to_string(), "a\\u{1b}[31m\\u{a}\u{fffd}");
        assert_eq!(Shown::new("x\u{202e}y".as_bytes()).to_string(), "x\\u{202e}y");
        assert_eq!(Shown::new(&[b'x'; 5000]).to_string().chars().count(), SHOWN + 1);
    }
}
