//! `RUN`: packages where it installs nothing else than them, a setup step otherwise.

use super::apt::installed;
use super::convert::Converter;
use super::lex::Instruction;
use crate::import::{offline, online, quoted};

/// Words after a `;` that do not begin a command of their own.
const INNER: [&str; 9] = ["do", "then", "else", "elif", "fi", "done", "esac", ";", "}"];

impl Converter<'_> {
    /// Takes a `RUN` into the recipe.
    pub(super) fn run(&mut self, instruction: &Instruction) {
        let text = Self::script(instruction);
        if text.trim().is_empty() {
            return self.leave(instruction, "it runs nothing");
        }
        if self.install(instruction, &text) {
            return;
        }
        self.flags(instruction);
        if let Some(user) = self.user.clone() {
            self.leave(instruction, format!("it runs as root, not as {}", user.escape_debug()));
        }
        if goes_on(&text) {
            self.leave(
                instruction,
                "a command in it that fails ends the step, where a builder's shell goes on after `;`",
            );
        }
        let text = match &self.shell {
            Some(words) if instruction.json().is_none() => {
                let words: Vec<String> = words.iter().chain([&text]).map(|word| quoted(word)).collect();
                words.join(" ")
            }
            _ => text,
        };
        let text = match self.workdir.clone() {
            root if root == "/" => text,
            workdir => {
                self.make(&workdir);
                format!("cd {}\n{text}", quoted(&workdir))
            }
        };
        let mut step = if instruction.flag("network") == Some("none") { offline(text) } else { online(text) };
        step.env = self
            .arguments
            .iter()
            .filter(|(name, _)| !self.env.contains_key(*name))
            .map(|(a, b)| (a.clone(), b.clone()))
            .collect();
        self.seen.push((self.draft.recipe.setup.len(), self.env.clone()));
        self.draft.recipe.setup.push(step);
    }

    /// Adds the step that makes a directory, unless there is one.
    pub(super) fn make(&mut self, dir: &str) {
        if dir != "/" && self.made.insert(dir.to_owned()) {
            self.draft.recipe.setup.push(offline(format!("mkdir -p {}", quoted(dir))));
        }
    }

    /// What the shell is given.
    fn script(instruction: &Instruction) -> String {
        if let Some(words) = instruction.json() {
            return words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        }
        match instruction.heredocs.as_slice() {
            [] => instruction.rest.clone(),
            // Alone on the line it is the script itself.
            [document] if instruction.rest.split_whitespace().count() == 1 => {
                let end = &document.name;
                match document.body.strip_prefix("#!") {
                    // Its own first line says what runs it.
                    Some(_) => format!(
                        "cat > /tmp/script <<'{end}'\n{}{end}\nchmod 0700 /tmp/script\n/tmp/script",
                        document.body
                    ),
                    // Its variables are the shell's, which has what `ARG` and `ENV` say.
                    None => document.body.trim_end_matches('\n').to_owned(),
                }
            }
            documents => {
                let below = documents.iter().map(|document| format!("\n{}{}", document.body, document.name));
                std::iter::once(instruction.rest.clone()).chain(below).collect()
            }
        }
    }

    /// Takes a line that installs packages and does nothing else, where no step comes before it.
    fn install(&mut self, instruction: &Instruction, text: &str) -> bool {
        let first = self.draft.recipe.setup.is_empty() && self.draft.recipe.copy.is_empty();
        // A package manager's cache is kept in any case; what else is mounted is not.
        let kept = |(name, value): &(String, String)| name == "mount" && value.contains("type=cache");
        let plain = self.shell.is_none() && instruction.flags.iter().all(kept);
        let Some(found) = installed(text).filter(|_| first && plain && self.user.is_none()) else { return false };
        self.draft.add_packages(&found.packages);
        if found.recommends {
            self.leave(instruction, "packages are installed without those that they recommend");
        }
        true
    }

    fn flags(&mut self, instruction: &Instruction) {
        for (name, value) in &instruction.flags {
            let why = match (name.as_str(), value.as_str()) {
                ("network", "none" | "default" | "host") => continue,
                ("mount", cache) if cache.contains("type=cache") => {
                    "the cache is not there, and what it would keep is in the layer"
                }
                ("mount", tmpfs) if tmpfs.contains("type=tmpfs") => "it is a directory of the image instead",
                ("mount", bind) if bind.contains("type=bind") || !bind.contains("type=") => {
                    "what is bound is not there: `copy` brings it"
                }
                ("mount", _) => "a step has no secrets and no agent",
                _ => "no such flag is known here",
            };
            self.leave(instruction, format!("--{}={}: {why}", name.escape_debug(), value.escape_debug()));
        }
    }
}

/// Whether a shell without `-e` would go on after a failure in it.
fn goes_on(text: &str) -> bool {
    let stops = text.split([';', '&', '\n']).next().is_some_and(|first| {
        let first = first.trim();
        first.strip_prefix("set -").is_some_and(|options| options.contains('e'))
    });
    let mut quote = None;
    let mut ends = Vec::new();
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, ';' | '\n') => ends.push(at + 1),
            _ => {}
        }
    }
    let begins = |at: &usize| {
        let next = text[*at..].trim_start();
        let word = next.split([' ', ';', '\n', '\t']).next().unwrap_or_default();
        !next.is_empty() && !INNER.contains(&word) && !next.starts_with(';')
    };
    !stops && ends.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::goes_on;

    #[test]
    fn a_line_of_several_commands_goes_on_after_a_failure() {
        assert_eq!(["a; b", "a\nb", "set -x; a"].map(goes_on), [true; 3]);
        assert_eq!(["a && b", "if a; then b; fi", "echo 'a; b'", "set -eux; a; b", "a;"].map(goes_on), [false; 5]);
    }
}
