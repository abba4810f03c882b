//! What a task's or a service's command is, as words for execve(2).

use std::ffi::OsString;

use crate::recipe::project::Command;

/// The words of a command, with further arguments. A line is for the shell, which stops at the first command that fails
/// (`-e`); the arguments stand for its `$@`, or are added at its end where it does not mention them.
pub(in crate::commands) fn words(command: &Command, arguments: &[OsString]) -> Vec<OsString> {
    let mut words: Vec<OsString> = match command {
        Command::Words(words) => words.iter().map(OsString::from).collect(),
        Command::Line(line) => {
            let line = match arguments.is_empty() || mentions_arguments(line) {
                true => line.clone(),
                false => format!("{} \"$@\"", line.trim_end()),
            };
            ["/bin/sh", "-e", "-c", &line, "sh"].map(OsString::from).to_vec()
        }
    };
    words.extend_from_slice(arguments);
    words
}

/// Whether a shell would put its arguments somewhere: `$@`, `$*`, `$#`, `$1`, also in braces, and not where they are quoted.
fn mentions_arguments(line: &str) -> bool {
    let mut chars = line.chars().peekable();
    let (mut single, mut double) = (false, false);
    while let Some(c) = chars.next() {
        match c {
            '\'' if !double => single = !single,
            _ if single => {}
            '"' => double = !double,
            '\\' => drop(chars.next()),
            '$' => {
                let braced = chars.next_if_eq(&'{').is_some();
                let positional = |c: &char| matches!(c, '@' | '*' | '1'..='9') || (!braced && *c == '#');
                if chars.peek().is_some_and(positional) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str, arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let words = words(&Command::Line(line.into()), &arguments);
        words.into_iter().skip(3).map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn arguments_go_where_the_line_has_them() {
        assert_eq!(of("cargo test", &[]), ["cargo test", "sh"]);
        assert_eq!(of("cargo test\n", &["a b", "$c"]), ["cargo test \"$@\"", "sh", "a b", "$c"]);
        assert_eq!(of("echo \"$1\" | cat", &["x"]), ["echo \"$1\" | cat", "sh", "x"]);
        assert_eq!(words(&Command::Words(vec!["a".into()]), &["b".into()]), ["a", "b"]);
    }

    #[test]
    fn what_mentions_arguments() {
        for line in ["x $@", "x \"$*\"", "[ $# -gt 1 ]", "x ${1:-y}", "x ${@}", "x '$y' $2", "\"it's $1\""] {
            assert!(mentions_arguments(line), "{line}");
        }
        for line in ["x", "awk '{print $1}'", "x \\$1", "x $HOME ${y} $0 $? $$", "x ${#y}", "x $", "x ${"] {
            assert!(!mentions_arguments(line), "{line}");
        }
    }
}
