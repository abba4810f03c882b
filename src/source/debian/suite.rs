//! The names of suites.

use std::fmt;

use crate::source::Error;

/// Names that move on from release to release. Who asks for `testing` wants just that.
const ALIASES: [&str; 3] = ["stable", "oldstable", "oldoldstable"];

/// A suite of a package archive, by a name that the archive uses: a codename (`trixie`, `noble`), an alias (`stable`), or
/// that of what goes with one (`trixie-security`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Suite(String);

impl Suite {
    /// From a name. Whether there is such a suite, the archive knows best.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] if it can be no suite's name, or would lead out of the archive's directory of suites.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-+.".contains(&byte);
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if name.len() > 100 || !begins || !name.bytes().all(allowed) {
            return Err(Error::UnknownSuite { name: name.escape_debug().to_string() });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name in the archive.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The suite to follow in a box: an alias for a release becomes that release's codename, so that the box does not turn
    /// into the next release by itself.
    pub(super) fn followed(&self, codename: &str) -> String {
        if ALIASES.contains(&self.0.as_str()) { codename.to_owned() } else { self.0.clone() }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_suites() {
        for name in ["stable", "trixie", "noble-updates", "kali-rolling", "excalibur", "rc-buggy"] {
            assert_eq!(Suite::parse(name).unwrap().as_str(), name);
        }
        for text in
            ["", "Bookworm", "../etc", "trixie/", "/trixie", "buster/updates", "a b", "é", "x\u{1b}", "-x", "a?b"]
        {
            assert!(matches!(Suite::parse(text), Err(Error::UnknownSuite { .. })), "{text}");
        }
    }

    #[test]
    fn what_a_box_follows() {
        let followed = |name: &str| Suite::parse(name).unwrap().followed("code");
        assert_eq!(followed("stable"), "code");
        assert_eq!(followed("testing"), "testing");
        assert_eq!(followed("sid"), "sid");
    }
}
