//! A Containerfile's text as instructions: comments, continued lines, the escape directive, heredocs, flags.

use crate::import::Error;

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    /// The line that it begins on, from 1.
    pub(super) line: u64,
    /// What it is, in capitals.
    pub(super) word: String,
    /// Its `--name=value` flags.
    pub(super) flags: Vec<(String, String)>,
    /// What follows the flags, on one line.
    pub(super) rest: String,
    /// All that follows the word, as it is shown.
    pub(super) all: String,
    /// Texts that follow it line by line.
    pub(super) heredocs: Vec<Heredoc>,
    /// The character that quotes the next one: `\`, or what the file's directive says.
    pub(super) escape: char,
}

/// A text between a line with `<<NAME` and one with the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heredoc {
    /// What ends it.
    pub(super) name: String,
    /// Whether variables in it stand for their values: not if the name is quoted.
    pub(super) expands: bool,
    /// Its lines, each with its end.
    pub(super) body: String,
}

impl Instruction {
    /// The value of a flag.
    pub(super) fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The words of the JSON form: `["a", "b"]`; nothing for anything else.
    pub(super) fn json(&self) -> Option<Vec<String>> {
        serde_json::from_str(&self.rest).ok()
    }
}

/// Instructions at the most: no image has more layers than some hundred.
const MOST: usize = 10_000;

/// The lines of the file that are not read yet, with their numbers.
type Lines<'a> = Box<dyn Iterator<Item = (u64, &'a str)> + 'a>;

/// Reads the instructions.
///
/// # Errors
/// A heredoc has no end; there are too many instructions.
pub(super) fn lex(file: &str, text: &str) -> Result<Vec<Instruction>, Error> {
    let text = text.trim_start_matches('\u{feff}');
    let escape = escape(text);
    let mut lines: Lines<'_> = Box::new((1..).zip(text.lines()));
    let mut found = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() || is_comment(line) {
            continue;
        }
        let fault = |what: String| Error::Syntax { file: file.to_owned(), line: number, what };
        let mut instruction = split(number, &joined(line, &mut lines, escape), escape);
        if ["RUN", "COPY", "ADD"].contains(&instruction.word.as_str()) {
            for opening in openings(&instruction.rest) {
                let heredoc = heredoc(&opening, &mut lines);
                let unended = || fault(format!("the text that ends with `{}` has no end", opening.name.escape_debug()));
                instruction.heredocs.push(heredoc.ok_or_else(unended)?);
            }
        }
        if found.len() == MOST {
            return Err(fault(format!("there are more than {MOST} instructions")));
        }
        found.push(instruction);
    }
    Ok(found)
}

/// A line with those that it goes on in.
fn joined(line: &str, lines: &mut Lines<'_>, escape: char) -> String {
    let mut whole = line.trim_start().to_owned();
    while let Some(before) = whole.trim_end().strip_suffix(escape) {
        whole = before.to_owned();
        // Comments and empty lines within an instruction are as if they were not there.
        let Some((_, next)) = lines.find(|(_, line)| !is_comment(line) && !line.trim().is_empty()) else { break };
        // What a shell is given stands on one line: the blank keeps words apart that the margin did.
        whole.push_str(next);
    }
    whole
}

/// The text that an opening begins; nothing if it does not end.
fn heredoc(opening: &Opening, lines: &mut Lines<'_>) -> Option<Heredoc> {
    let mut body = String::new();
    for (_, line) in lines {
        let line = if opening.strips { line.trim_start_matches('\t') } else { line };
        if line == opening.name {
            return Some(Heredoc { name: opening.name.clone(), expands: opening.expands, body });
        }
        body.push_str(line);
        body.push('\n');
    }
    None
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// The escape character: directives are the comments before all else.
fn escape(text: &str) -> char {
    let directives = text.lines().map_while(|line| line.trim().strip_prefix('#')?.split_once('='));
    let mut values = directives.filter(|(name, _)| name.trim().eq_ignore_ascii_case("escape"));
    if values.next().is_some_and(|(_, value)| value.trim() == "`") { '`' } else { '\\' }
}

fn split(line: u64, whole: &str, escape: char) -> Instruction {
    let (word, rest) = whole.trim().split_once(char::is_whitespace).unwrap_or((whole.trim(), ""));
    let all = rest.trim().to_owned();
    let mut rest = rest.trim();
    let mut flags = Vec::new();
    let takes = ["FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"].contains(&word.to_ascii_uppercase().as_str());
    while let Some(flag) = rest.strip_prefix("--").filter(|_| takes) {
        let (flag, after) = flag.split_once(char::is_whitespace).unwrap_or((flag, ""));
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        flags.push((name.to_ascii_lowercase(), value.to_owned()));
        rest = after.trim_start();
    }
    let (word, rest) = (word.to_ascii_uppercase(), rest.to_owned());
    Instruction { line, word, flags, rest, all, heredocs: Vec::new(), escape }
}

/// What begins a heredoc.
struct Opening {
    name: String,
    expands: bool,
    /// Whether tabs before its lines are taken away.
    strips: bool,
}

/// The heredocs that a line opens.
fn openings(rest: &str) -> Vec<Opening> {
    let mut found = Vec::new();
    for word in rest.split_whitespace() {
        // A file descriptor may stand before it; `<<<` is another thing.
        let Some(name) = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<") else { continue };
        let (name, strips) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
        let bare = name.trim_matches(['"', '\'']);
        if !bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
            found.push(Opening { name: bare.to_owned(), expands: bare.len() == name.len(), strips });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_instructions() {
        let text = "# syntax=docker/dockerfile:1\nfrom --platform=linux/amd64 debian AS x\n\nRUN a && \\\n  # why\n\n  b\\\nc\n\
                    RUN <<EOF\nx\n  y\nEOF\nCOPY <<-'A' <<B /to/\n\ta\nA\nb\nB\nCMD [\"a\", \"b c\"]\n";
        let found = lex("Containerfile", text).unwrap();
        let seen: Vec<_> = found.iter().map(|one| (one.line, one.word.as_str(), one.rest.as_str())).collect();
        assert_eq!(
            seen,
            [
                (2, "FROM", "debian AS x"),
                (4, "RUN", "a &&   bc"),
                (9, "RUN", "<<EOF"),
                (13, "COPY", "<<-'A' <<B /to/"),
                (18, "CMD", "[\"a\", \"b c\"]"),
            ]
        );
        assert_eq!(found[0].flag("platform"), Some("linux/amd64"));
        assert_eq!(found[2].heredocs[0].body, "x\n  y\n");
        let two: Vec<_> =
            found[3].heredocs.iter().map(|doc| (doc.name.as_str(), doc.expands, doc.body.as_str())).collect();
        assert_eq!(two, [("A", false, "a\n"), ("B", true, "b\n")]);
        assert_eq!(found[4].json().unwrap(), ["a", "b c"]);
        assert!(lex("Containerfile", "RUN <<EOF\nx\n").is_err());
    }

    #[test]
    fn the_escape_directive_is_heeded() {
        let found = lex("Containerfile", "# escape=`\nRUN a `\n b\\\nRUN c").unwrap();
        assert_eq!(found.iter().map(|one| one.rest.as_str()).collect::<Vec<_>>(), ["a  b\\", "c"]);
    }
}
