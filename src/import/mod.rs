//! From what a project has to an `envbox.yaml`: what stands in it, what others' files ask for, and what of that could not be
//! carried over. Pure: texts in, a [`Draft`] out; nothing is run, fetched or opened.

pub mod containerfile;
mod detect;
mod devcontainer;
mod distrobox;
mod document;
mod jsonc;
mod left;
mod scalar;
mod vagga;
mod write;

use std::collections::BTreeMap;

pub use detect::{Detected, detect};
pub use devcontainer::devcontainer;
pub use distrobox::distrobox;
pub use left::Left;
pub use vagga::vagga;

use crate::recipe::Text;
use crate::recipe::project::{Command, Copied, Project, Run, Service};
use crate::recipe::settings::Network;

/// What boxes are made of where nothing says otherwise: the stable Debian, by its number, so that a release changes nothing.
pub const BASE: &str = "debian:13";

/// Bytes at the most in a file that is read: the largest that people write by hand has some 100 KiB.
pub const LARGEST: u64 = 1 << 20;

/// Characters of a name at the most: more, a task or a variant may not have.
const LONGEST_NAME: usize = 32;

/// Reads a file of the project by its path relative to the root; nothing if there is none that can be read.
pub type Read<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// An `envbox.yaml` to be.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What it says.
    pub recipe: Project,
    /// Lines for people at its top.
    pub about: Vec<String>,
    /// A line for people above a section, by the section's key.
    pub notes: BTreeMap<&'static str, String>,
    /// What could not be carried over.
    pub left: Vec<Left>,
}

/// A file cannot be carried over at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not what its name says.
    #[error("{file}:{line}: {what}")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1; 0 where it is not known.
        line: u64,
        /// What is wrong there.
        what: String,
    },
    /// There is nothing in it to make a box of.
    #[error("{file}: {what}")]
    Empty {
        /// The file.
        file: String,
        /// What is missing.
        what: String,
    },
}

impl Draft {
    /// The draft with another's recipe laid over it: what both say once, the other's single values first.
    #[must_use]
    pub fn with(mut self, over: Self) -> Self {
        self.recipe = over.recipe.over(self.recipe);
        self.recipe.packages = each_once(std::mem::take(&mut self.recipe.packages));
        self.about.extend(over.about);
        self.notes.extend(over.notes);
        self.left.extend(over.left);
        self
    }

    /// Adds packages that are not there yet.
    fn add_packages<S: AsRef<str>>(&mut self, names: impl IntoIterator<Item = S>) {
        for name in names {
            if !self.recipe.packages.iter().any(|known| known.as_str() == name.as_ref()) {
                self.recipe.packages.push(text(name.as_ref()));
            }
        }
    }
}

fn each_once(texts: Vec<Text>) -> Vec<Text> {
    let mut once: Vec<Text> = Vec::new();
    for text in texts {
        if !once.iter().any(|known| known.as_str() == text.as_str()) {
            once.push(text);
        }
    }
    once
}

fn text(text: impl Into<String>) -> Text {
    Text::from(text.into())
}

/// A setup step as root, with the host's network.
fn online(run: impl Into<String>) -> Run {
    Run { network: Network::Host, ..offline(run) }
}

/// A setup step as root, without a network.
fn offline(run: impl Into<String>) -> Run {
    Run { run: text(run), by: crate::recipe::project::As::Root, network: Network::None, env: BTreeMap::new() }
}

fn copied(from: &str, to: &str) -> Copied {
    Copied { from: text(from), to: text(to), digest: None, mode: None }
}

fn line(line: impl Into<String>) -> Command {
    Command::Line(line.into())
}

fn service(run: Command) -> Service {
    Service {
        run,
        ready: None,
        restart: crate::recipe::project::Restart::default(),
        needs: Vec::new(),
        env: BTreeMap::new(),
        workdir: None,
        user: None,
        stop_signal: None,
        stop_time: 10,
    }
}

/// What a base is called in an `envbox.yaml`: a distribution that envbox knows by its recipe, any other image with the
/// registry that goes without saying for others.
fn base(image: &str) -> String {
    let first = image.split('/').next().unwrap_or(image);
    let named = image.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let official = image.strip_prefix("docker.io/library/").unwrap_or(image);
    if !official.contains(['/', '@']) {
        let plain = official.strip_suffix("-slim").unwrap_or(official);
        if plain.contains(':') && crate::recipe::Catalogue::new([]).find(plain).is_ok() {
            return plain.to_owned();
        }
        return format!("docker.io/library/{official}");
    }
    if named { image.to_owned() } else { format!("docker.io/{image}") }
}

/// Whether a base has Debian's packages, as far as its name says.
fn is_debian(from: &str) -> bool {
    from.starts_with("debian:")
}

/// A word for the shell, quoted if need be.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A text as one word of letters, digits and hyphens, for the name of a cache, a task or a variant.
fn name(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let mut name = words.join("-");
    name.truncate(LONGEST_NAME);
    if name.is_empty() { "data".to_owned() } else { name.trim_end_matches('-').to_owned() }
}

/// The name of a new entry: with a number where another text has become the same name.
fn free_name<V>(taken: &BTreeMap<String, V>, text: &str) -> String {
    let plain = name(text);
    let numbered = (2..).map(|number: u32| {
        let end = format!("-{number}");
        let begin: String = plain.chars().take(LONGEST_NAME - end.len()).collect();
        begin + &end
    });
    let mut free = std::iter::once(plain.clone()).chain(numbered).filter(|name| !taken.contains_key(name));
    free.next().unwrap_or_default()
}

/// What stands above boxes of which none is the recipe itself.
fn apart(boxes: &BTreeMap<String, Project>) -> String {
    let first = boxes.keys().next().map_or("", String::as_str);
    format!("Each is a box of its own: `envbox enter {first}`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_named_so_that_nobody_guesses() {
        for (image, from) in [
            ("debian:bookworm-slim", "debian:bookworm"),
            ("debian:12", "debian:12"),
            ("docker.io/library/alpine:3.20", "alpine:3.20"),
            ("debian", "docker.io/library/debian"),
            ("node:20-slim", "docker.io/library/node:20-slim"),
            ("user/app:1", "docker.io/user/app:1"),
            ("quay.io/x/y", "quay.io/x/y"),
            ("localhost/x", "localhost/x"),
        ] {
            assert_eq!(base(image), from, "{image}");
        }
    }

    #[test]
    fn no_name_is_taken_twice() {
        let mut taken = BTreeMap::new();
        for text in ["a:b", "a-b", "A b", &"x".repeat(40), &"x".repeat(50)] {
            taken.insert(free_name(&taken, text), ());
        }
        let long = format!("{}-2", "x".repeat(30));
        assert_eq!(
            taken.keys().map(String::as_str).collect::<Vec<_>>(),
            ["a-b", "a-b-2", "a-b-3", &long, &"x".repeat(32)]
        );
    }

    #[test]
    fn names_are_words() {
        assert_eq!(["/var/lib/x", "..", "A b\u{1b}c"].map(name), ["var-lib-x", "data", "a-b-c"]);
        assert_eq!(["a.b", "", "it's"].map(quoted), ["a.b", "''", r"'it'\''s'"]);
    }
}
