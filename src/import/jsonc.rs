//! JSON as editors write it: with comments and with commas before closing brackets.

use std::iter::Peekable;
use std::str::Chars;

use super::document::Node;
use super::{Error, left};

/// Reads it. What is no JSON besides is refused, though YAML would take it.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, Error> {
    let plain = plain(text);
    serde_json::from_str::<serde::de::IgnoredAny>(&plain).map_err(|error| Error::Syntax {
        file: file.to_owned(),
        line: u64::try_from(error.line()).unwrap_or(0),
        what: left::shown(&error.to_string()),
    })?;
    Node::parse(file, &plain)
}

/// The text with blanks in place of comments and of commas that nothing follows, so that every line keeps its number.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    // Where the last comma stands that nothing but blanks have followed.
    let mut comma = None;
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('/', Some('/')) => while chars.next_if(|c| *c != '\n').is_some() {},
            ('/', Some('*')) => comment(&mut chars, &mut plain),
            ('}' | ']', _) => {
                if let Some(at) = comma.take() {
                    plain.replace_range(at..=at, " ");
                }
                plain.push(c);
            }
            (c, _) => {
                match c {
                    ',' => comma = Some(plain.len()),
                    c if c.is_whitespace() => {}
                    _ => comma = None,
                }
                plain.push(c);
                if c == '"' {
                    string(&mut chars, &mut plain);
                }
            }
        }
    }
    plain
}

/// Goes past a comment from its second character, and keeps its ends of lines.
fn comment(chars: &mut Peekable<Chars<'_>>, plain: &mut String) {
    // `/*/` does not end itself.
    chars.next();
    let mut last = ' ';
    for c in chars.by_ref() {
        plain.extend((c == '\n').then_some(c));
        if (last, c) == ('*', '/') {
            break;
        }
        last = c;
    }
    plain.push(' ');
}

/// Takes what follows the quote that begins a string.
fn string(chars: &mut Peekable<Chars<'_>>, plain: &mut String) {
    while let Some(c) = chars.next() {
        plain.push(c);
        match c {
            '\\' => plain.extend(chars.next()),
            '"' => break,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_lines_stay() {
        let text = "{ // one\n /* two\n three */ \"a\": \"http://x/*y*/\", // four\n \"b\": [1, 2, ], }\n";
        let node = parse("x", text).unwrap();
        assert_eq!((node.brief(), node.get("b").unwrap().line), ("{a: http://x/*y*/, b: [1, 2]}".to_owned(), 4));
        for bad in ["{a: 1}", "{\"a\": }", "{\"a\" 1}", "", "{\"a\": \"x", "/* x", "[,]x"] {
            assert!(parse("x", bad).is_err(), "{bad}");
        }
    }
}
