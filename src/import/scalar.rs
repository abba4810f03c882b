//! Texts as YAML scalars.

use std::fmt::Write as _;

/// Words that YAML 1.1 or 1.2 takes for something else than a text.
const WORDS: [&str; 11] = ["", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// Whether a character may stand in a file as it is: no control, and nothing that turns the direction of writing.
pub(super) fn is_plain(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns && c != '\u{feff}' && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// A text on one line: plain where that is safe in block and flow, else in quotes.
pub(super) fn scalar(text: &str) -> String {
    if is_safe(text) {
        return text.to_owned();
    }
    if text.chars().all(is_plain) {
        return match text.contains(['\\', '"']) {
            true => format!("'{}'", text.replace('\'', "''")),
            false => format!("\"{text}\""),
        };
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '"' | '\\' => quoted.extend(['\\', c]),
            c if is_plain(c) => quoted.push(c),
            // Writing to a String does not fail.
            c => drop(write!(quoted, "\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a text may go below a `|` as it is.
pub(super) fn is_block(text: &str) -> bool {
    let lines = text.trim_end_matches('\n');
    let printable = lines.chars().all(|c| c == '\n' || c == '\t' || is_plain(c));
    let indented = lines.starts_with([' ', '\t', '\n']);
    lines.contains('\n') && printable && !indented && !text.ends_with("\n\n")
}

/// An amount, as in `512M`: nothing takes that for a number.
fn is_amount(text: &str) -> bool {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
    digits.len() + 1 == text.len() && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_safe(text: &str) -> bool {
    if is_amount(text) {
        return true;
    }
    let number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) && !text.contains(['/', ' ']);
    let begins = text.starts_with(|c: char| c.is_alphanumeric() || "/._~".contains(c)) && !text.starts_with("~ ");
    let inside = text.chars().all(|c| is_plain(c) && !"{}[],\"'\\`".contains(c));
    let ends = !text.ends_with([' ', ':']) && !text.contains(": ") && !text.contains(" #");
    let word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    begins && inside && ends && !number && !word && !text.starts_with("---") && !text.starts_with("...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_written_is_read() {
        let texts = [
            "a",
            "",
            "~",
            "~/.cargo",
            "true",
            "No",
            "1",
            "1.5",
            "-x",
            "a: b",
            "a #b",
            "a:",
            "x{",
            "it's",
            "say \"x\"",
            "a\\b",
            "C:\\ \"q\" 'r'",
            "a\nb",
            "\u{1b}[31m",
            "x\u{202e}y",
            "größe",
            "\u{85}",
            "  x",
            "x ",
            "&a",
            "*a",
            "!t",
            "@x",
            "- a",
            "? a",
            "0x1f",
            "12e3",
            "...",
            ".inf",
            "2001-01-01",
            "8080:80",
            "512M",
            "5MM",
            "M",
            "cargo test --all",
            "<<",
            "=",
            "| x",
            "%a",
            "\u{feff}x",
        ];
        for text in texts {
            let yaml = format!("k: {}\nl: [{}]\n", scalar(text), scalar(text));
            #[derive(serde::Deserialize)]
            struct Read {
                k: String,
                l: Vec<String>,
            }
            let read: Read = serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
            assert_eq!((read.k.as_str(), read.l), (text, vec![text.to_owned()]), "{yaml}");
        }
    }
}
