//! The names of Debian's suites.

use std::fmt;

use crate::source::Error;

/// Releases by number; those whose numbers are not yet used in URLs are here too.
const RELEASES: [(&str, &str); 5] =
    [("11", "bullseye"), ("12", "bookworm"), ("13", "trixie"), ("14", "forky"), ("15", "duke")];
/// Names that move on from release to release.
const ALIASES: [&str; 4] = ["stable", "oldstable", "oldoldstable", "testing"];

/// A suite of Debian's archive, by a name that the archive uses: a codename (`trixie`, `sid`) or an alias (`stable`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Suite(String);

impl Suite {
    /// From what a user writes: nothing or `stable`, a number (`12`), a codename, `testing`, `sid` or `unstable`. A
    /// codename that this program does not know is taken as it is: the archive knows best, and will say so.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] if it can be no suite's name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let numbered = RELEASES.iter().find(|(number, _)| *number == text).map(|(_, codename)| *codename);
        let name = match text {
            "" => "stable",
            "unstable" => "sid",
            _ => numbered.unwrap_or(text),
        };
        let plausible = name.len() > 2 && name.bytes().all(|byte| byte.is_ascii_lowercase());
        if !plausible {
            return Err(Error::UnknownSuite { name: text.to_owned() });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name in the archive.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// All that [`Suite::parse`] knows, for people.
    pub fn known() -> String {
        let releases = RELEASES.iter().take(4).map(|(number, codename)| format!("{codename} ({number})"));
        releases.chain(ALIASES.iter().chain(&["sid"]).map(ToString::to_string)).collect::<Vec<_>>().join(", ")
    }

    /// The name to follow in a box: an alias for a release becomes that release's codename, so that the box does not turn
    /// into the next release by itself. Who asks for `testing` wants just that.
    pub(super) fn followed(&self, codename: &str) -> String {
        if self.0 == "testing" || !ALIASES.contains(&self.0.as_str()) { self.0.clone() } else { codename.to_owned() }
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
    fn what_users_write() {
        for (text, name) in [
            ("", "stable"),
            ("stable", "stable"),
            ("11", "bullseye"),
            ("12", "bookworm"),
            ("bookworm", "bookworm"),
            ("13", "trixie"),
            ("sid", "sid"),
            ("unstable", "sid"),
            ("testing", "testing"),
            ("notyetnamed", "notyetnamed"),
        ] {
            assert_eq!(Suite::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_can_be_no_suite() {
        for text in ["99", "12.5", "Bookworm", "../etc", "trixie/", "a b", "é"] {
            let error = Suite::parse(text).unwrap_err();
            assert!(error.hint().unwrap().contains("bookworm (12)"), "{text}");
        }
    }

    #[test]
    fn what_a_box_follows() {
        let followed = |name: &str| Suite::parse(name).unwrap().followed("code");
        assert_eq!(followed("stable"), "code");
        assert_eq!(followed("testing"), "testing");
        assert_eq!(followed("sid"), "sid");
        assert_eq!(followed("13"), "trixie");
    }
}
