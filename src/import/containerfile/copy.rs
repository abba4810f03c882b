//! `COPY` and `ADD`.

use super::convert::Converter;
use super::expand::{body, words};
use super::lex::Instruction;
use crate::import::{copied, offline, quoted, text};

/// Endings of archives that `ADD` unpacks.
const ARCHIVES: [&str; 8] = [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst"];

impl Converter<'_> {
    /// Takes a `COPY` or `ADD` into the recipe, or lists it.
    pub(super) fn copy(&mut self, instruction: &Instruction) {
        if let Some(stage) = instruction.flag("from") {
            let why = format!("it copies from `{}`, and an envbox.yaml makes one image", stage.escape_debug());
            return self.leave(instruction, why);
        }
        let mut paths = instruction.json();
        let paths = paths.get_or_insert_with(|| words(&instruction.rest, &self.values(), instruction.escape));
        let Some(to) = paths.pop().filter(|_| !paths.is_empty()) else {
            return self.leave(instruction, "it does not say from where to where");
        };
        let directory = to.ends_with('/') || to.ends_with("/.") || to == "." || paths.len() > 1;
        let place = self.path(&to);
        let place = if directory && place != "/" { format!("{place}/") } else { place };
        self.notes(instruction);
        for from in paths.clone() {
            match self.matches(&from) {
                Some(names) => names.iter().for_each(|name| self.one_copy(instruction, name, &place)),
                None => self.one_copy(instruction, &from, &place),
            }
        }
    }

    /// The names in the project's root that a pattern means; nothing for what is none, or means no such name.
    fn matches(&self, from: &str) -> Option<Vec<String>> {
        let pattern = from.trim_start_matches("./");
        if !self.options.context.is_empty() || pattern.contains(['/', '[', '\\']) || !pattern.contains(['*', '?']) {
            return None;
        }
        let all = self.options.names.iter().filter(|name| is_match(pattern.as_bytes(), name.as_bytes()));
        let names: Vec<String> = all.cloned().collect();
        (!names.is_empty()).then_some(names)
    }

    /// Says what is different from a builder's copying.
    fn notes(&mut self, instruction: &Instruction) {
        for (name, value) in &instruction.flags {
            let why = match name.as_str() {
                "chmod" | "link" | "checksum" => continue,
                "chown" => "the files are root's in the image",
                "exclude" => "all of it is copied",
                _ => "no such flag is known here",
            };
            self.leave(instruction, format!("--{}={}: {why}", name.escape_debug(), value.escape_debug()));
        }
    }

    fn one_copy(&mut self, instruction: &Instruction, from: &str, to: &str) {
        if let Some(document) = instruction.heredocs.iter().find(|document| opens(from, &document.name)) {
            let text = if document.expands { body(&document.body, &self.values()) } else { document.body.clone() };
            let file = if to.ends_with('/') { format!("{to}{}", document.name) } else { to.to_owned() };
            return self.write(instruction, &file, &document.name, &text);
        }
        let is_url = from.starts_with("http://") || from.starts_with("https://");
        if instruction.word == "ADD"
            && (from.starts_with("git@") || from.contains(".git#") || is_url && from.ends_with(".git"))
        {
            return self.leave(instruction, "it is a repository: `git clone` in a step of `setup` gets it");
        }
        if instruction.word == "ADD" && !is_url && ARCHIVES.iter().any(|ending| from.ends_with(ending)) {
            return self.leave(instruction, "it unpacks an archive: `copy` it and unpack it in a step of `setup`");
        }
        if from.contains(['*', '?', '[']) {
            return self.leave(instruction, "it is a pattern: `copy` takes files and directories by name");
        }
        if !is_url && from.split('/').any(|part| part == "..") {
            return self.leave(instruction, "it leads out of the project");
        }
        let path = from.trim_start_matches("./").trim_matches('/');
        let source = match path {
            "" | "." if self.options.context.is_empty() => {
                self.leave(instruction, "the whole project is part of the image, and any change in it makes it anew, whatever .dockerignore says; it is in the box at its own path anyway");
                ".".to_owned()
            }
            "" | "." => self.options.context.trim_end_matches('/').to_owned(),
            _ if is_url => from.to_owned(),
            path => format!("{}{path}", self.options.context),
        };
        let mut copy = copied(&source, to);
        let octal = |mode: &&str| matches!(mode.len(), 3..=4) && mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        copy.mode = instruction.flag("chmod").filter(octal).map(text);
        if instruction.flag("chmod").is_some() && copy.mode.is_none() {
            self.leave(instruction, "`mode` is three or four octal digits");
        }
        if let Some(digest) =
            instruction.flag("checksum").filter(|digest| digest.parse::<crate::image::Digest>().is_err())
        {
            self.leave(instruction, format!("`{}` is no digest that is known here", digest.escape_debug()));
        }
        copy.digest = instruction.flag("checksum").and_then(|digest| digest.parse().ok());
        if !self.seen.is_empty() {
            self.leave(instruction, "`copy` comes before `setup`: the commands above it see these files already");
        }
        self.draft.recipe.copy.push(copy);
    }

    /// A step that writes a text of the file's into the image.
    fn write(&mut self, instruction: &Instruction, file: &str, mark: &str, text: &str) {
        let (dir, file) = (file.rsplit_once('/').map_or("", |(dir, _)| dir), quoted(file));
        let make = if dir.is_empty() { String::new() } else { format!("mkdir -p {}\n", quoted(dir)) };
        let mode = instruction.flag("chmod").map(|mode| format!("chmod {} {file}\n", quoted(mode))).unwrap_or_default();
        self.draft.recipe.setup.push(offline(format!("{make}cat > {file} <<'{mark}'\n{text}{mark}\n{mode}")));
    }
}

/// Whether a name is what a pattern of `*` and `?` means (Go's filepath.Match).
fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if is_match(rest, name) => true,
        (Some((b'*', _)), Some((_, name))) => is_match(pattern, name),
        (Some((b'?', rest)), Some((_, name))) => is_match(rest, name),
        (Some((one, rest)), Some((other, name))) => one == other && is_match(rest, name),
        _ => false,
    }
}

/// Whether a word of the instruction is what opens the text of this name.
fn opens(word: &str, name: &str) -> bool {
    let bare = word.strip_prefix("<<").map(|rest| rest.trim_start_matches('-').trim_matches(['"', '\'']));
    bare == Some(name)
}
