//! What a project's boxes are called.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::image::{Digest, Hasher};
use crate::recipe::{BoxName, ParseNameError};

/// Digits that tell the boxes of one name from one another.
const DIGITS: usize = 6;
/// Characters that are taken of the directory's name and of the variant's.
const LONGEST: usize = 28;
/// What a project is called whose directory's name has nothing that a box's name could have.
const NAMELESS: &str = "project";

/// The name of the box of a project, a variant and an image: `hello-ci-1a2b3c`. Another image, another box, so that each
/// branch has its own.
///
/// # Errors
/// None that could happen: the parts are made to be a name.
pub(super) fn of_box(root: &Path, variant: Option<&str>, image: &Digest) -> Result<BoxName, ParseNameError> {
    let mut hasher = Hasher::new();
    // No path has a null byte in it, so no two triples are the same bytes.
    for part in [root.as_os_str().as_bytes(), variant.unwrap_or_default().as_bytes(), image.as_bytes()] {
        hasher.update(part);
        hasher.update(b"\0");
    }
    let hex = hasher.finish().hex();
    let variant = variant.map(word).filter(|word| !word.is_empty());
    let variant = variant.map(|word| format!("-{word}")).unwrap_or_default();
    format!("{}{variant}-{}", directory(root), &hex[..DIGITS]).parse()
}

/// What a project's boxes take themselves for: the name of its directory.
///
/// # Errors
/// None that could happen, as above.
pub(super) fn of_host(root: &Path) -> Result<BoxName, ParseNameError> {
    directory(root).parse()
}

fn directory(root: &Path) -> String {
    let name = word(&root.file_name().unwrap_or_default().to_string_lossy());
    if name.is_empty() { NAMELESS.to_owned() } else { name }
}

/// As much of a text as a box's name can have: each run of other characters is one `-`, and none at the ends.
fn word(text: &str) -> String {
    let mut word = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' || (c == '.' && !word.is_empty()) {
            word.push(c);
        } else if !word.is_empty() && !word.ends_with('-') {
            word.push('-');
        }
    }
    word.truncate(LONGEST);
    word.trim_end_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(root: &str, variant: Option<&str>, image: &[u8]) -> String {
        of_box(Path::new(root), variant, &Digest::of(image)).unwrap().to_string()
    }

    fn stem(root: &str, variant: Option<&str>) -> String {
        let name = name(root, variant, b"x");
        name[..name.len() - DIGITS - 1].to_owned()
    }

    #[test]
    fn a_box_is_called_like_its_directory() {
        assert_eq!(stem("/home/al/hello", None), "hello");
        assert_eq!(stem("/home/al/hello", Some("ci")), "hello-ci");
        assert_eq!(stem("/home/al/my project (new)", None), "my-project-new");
        assert_eq!(stem("/home/al/.dot.files.", Some("ä")), "dot.files");
        assert_eq!(stem("/home/al/日本語", None), "project");
        assert_eq!(stem("/home/al/a\nb:c,d", None), "a-b-c-d");
        assert!(name(&format!("/{}", "x".repeat(200)), Some(&"y".repeat(200)), b"x").len() <= 64);
        assert_eq!(of_host(Path::new("/home/al/-my project-")).unwrap().as_str(), "my-project");
    }

    #[test]
    fn whatever_makes_another_box_makes_another_name() {
        let all = [
            name("/a/x", None, b"1"),
            name("/a/x", None, b"2"),
            name("/b/x", None, b"1"),
            name("/a/x", Some("1"), b"1"),
            name("/a/x", Some("é"), b"1"),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| other != one), "{all:?}");
        }
        assert_eq!(name("/a/x", None, b"1"), all[0]);
    }
}
