//! What the texts of a recipe have to look like.

use std::path::Path;

use url::Url;

use super::keyrings;
use crate::image::{Digest, Reference};

/// Stands for the name of the file that was chosen, which is not known before a list has been fetched.
pub(super) const FILE: &str = "${file}";

/// What a text has to be, once its variables are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Anything.
    Any,
    /// One word, as it stands in a URL, a list or a command.
    Word,
    /// A URL.
    Url,
    /// The URL of a directory.
    Directory,
    /// A path relative to a directory's URL.
    File,
    /// The same, which may have [`FILE`] in it.
    Beside,
    /// A glob of such paths.
    Glob,
    /// An image at a registry.
    Image,
    /// A digest.
    Digest,
    /// The name of a keyring, a file, or a URL.
    Keyring,
    /// An OpenPGP key's fingerprint.
    Fingerprint,
    /// A public key of minisign(1).
    Minisign,
    /// A path in the box.
    Path,
}

impl Form {
    /// Says what is wrong with a text.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        let shown = text.escape_debug();
        let good = match self {
            Self::Any => true,
            Self::Word => !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control()),
            Self::Url | Self::Directory => return check_url(text, self == Self::Directory),
            Self::File => text == "./" || is_relative(text),
            Self::Beside => is_relative(&text.replace(FILE, "file")),
            Self::Glob => {
                glob::Pattern::new(text).map_err(|error| format!("`{shown}` is no glob: {error}"))?;
                is_relative(text)
            }
            Self::Image => return text.parse().map(|_: Reference| ()).map_err(|error| error.to_string()),
            Self::Digest => return text.parse().map(|_: Digest| ()).map_err(|error| format!("`{shown}`: {error}")),
            Self::Keyring => return check_keyring(text),
            Self::Fingerprint => text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Self::Minisign => {
                text.len() == 56 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
            }
            Self::Path => text.starts_with('/') && !text.split('/').any(|part| part == ".."),
        };
        if good { Ok(()) } else { Err(format!("`{shown}` is not {}", self.wanted())) }
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Any => "a text",
            Self::Word => "one word",
            Self::Url | Self::Directory => "a URL",
            Self::File | Self::Beside | Self::Glob => "a path relative to the directory, without `..`",
            Self::Image => "an image at a registry",
            Self::Digest => "a digest",
            Self::Keyring => "a keyring",
            Self::Fingerprint => "a fingerprint of 40 hexadecimal digits",
            Self::Minisign => "a public key of minisign, which has 56 characters",
            Self::Path => "an absolute path",
        }
    }
}

fn check_url(text: &str, directory: bool) -> Result<(), String> {
    let shown = text.escape_debug();
    let url = Url::parse(text).map_err(|error| format!("`{shown}` is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{shown}` is neither http:// nor https://"));
    }
    if directory && !text.ends_with('/') {
        return Err(format!("`{shown}` does not end in `/`, as a directory does"));
    }
    if text.contains(FILE) {
        return Err(format!("`{shown}` cannot have {FILE}: it is known only later"));
    }
    Ok(())
}

fn check_keyring(text: &str) -> Result<(), String> {
    if Path::new(text).is_absolute() || keyrings::bytes(text).is_some() {
        return Ok(());
    }
    if text.starts_with("https://") {
        return check_url(text, false);
    }
    let known: Vec<&str> = keyrings::names().collect();
    let known = known.join(", ");
    Err(format!(
        "there is no keyring `{}`: {known}, the absolute path of a file, or an https:// URL",
        text.escape_debug()
    ))
}

/// Whether it names something below a directory, and nothing else.
fn is_relative(text: &str) -> bool {
    let name = |part: &str| !part.is_empty() && part != "." && part != "..";
    let printable = text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"\\?#:$".contains(c));
    printable && text.split('/').all(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad_ones() {
        let hex = "a".repeat(40);
        let key = format!("RW{}", "a".repeat(54));
        let cases: [(Form, &[&str], &[&str]); 9] = [
            (Form::Url, &["https://a.b/c", "http://a/"], &["a.b/c", "ftp://a/", "https://", "file:///etc"]),
            (Form::Directory, &["https://a.b/c/"], &["https://a.b/c", "https://a.b/${file}/"]),
            (Form::File, &["a", "a/b-1.tar", "./"], &["", "/a", "../a", "a/../b", "a b", "https://a/b", "${file}"]),
            (Form::Beside, &["${file}.sha256", "SUMS"], &["../${file}", "${other}"]),
            (Form::Glob, &["a-*-x.tar", "*/b", "[0-9]x"], &["a[", "../*", "***"]),
            (Form::Image, &["docker.io/library/a:1", "a"], &["A B", "a:b c"]),
            (Form::Fingerprint, &[&hex], &["", "aa", "g".repeat(40).leak()]),
            (Form::Minisign, &[&key], &["RW", "-".repeat(56).leak()]),
            (Form::Path, &["/etc/x"], &["etc/x", "/a/../b"]),
        ];
        for (form, good, bad) in cases {
            for text in good {
                assert_eq!(form.check(text), Ok(()), "{form:?}");
            }
            for text in bad {
                assert!(form.check(text).is_err(), "{form:?} {text}");
            }
        }
    }

    #[test]
    fn keyrings_are_known_or_files() {
        assert_eq!(Form::Keyring.check("debian"), Ok(()));
        assert_eq!(Form::Keyring.check("/etc/my.pgp"), Ok(()));
        assert_eq!(Form::Keyring.check("https://example.org/my.asc"), Ok(()));
        assert!(Form::Keyring.check("http://example.org/my.asc").is_err());
        assert!(Form::Keyring.check("my.pgp").unwrap_err().contains("debian"));
    }
}
