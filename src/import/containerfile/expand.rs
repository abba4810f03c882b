//! Variables and quotes in instructions, as the builder reads them.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// The values that variables have at a place of the file.
pub(super) type Values = BTreeMap<String, String>;

/// Bytes at the most in a text with its variables in place: what grows beyond is cut.
const LONGEST: usize = 64 << 10;

/// The words of a text with variables in place and quotes taken away.
pub(super) fn words(text: &str, values: &Values, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return words;
        }
        words.push(word(&mut chars, values, escape, true));
    }
}

/// A text as one word.
pub(super) fn one(text: &str, values: &Values, escape: char) -> String {
    word(&mut text.chars().peekable(), values, escape, false)
}

/// The variables of a text that have no value and no alternative.
pub(super) fn unknown(text: &str, values: &Values, escape: char) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('$').filter(|(at, _)| !text[..*at].ends_with(escape)) {
        let after = text[at + 1..].trim_start_matches('{');
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, rest) = after.split_at(end);
        let alternative = text[at + 1..].starts_with('{') && rest.starts_with([':', '-', '+']);
        if !name.is_empty() && !alternative && !values.contains_key(name) && !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
    found
}

/// The text with nothing but its variables in place: of a heredoc.
pub(super) fn body(text: &str, values: &Values) -> String {
    let mut found = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'$') => found.extend(chars.next()),
            '$' => variable(&mut chars, values, '\\', &mut found, 0),
            c => found.push(c),
        }
    }
    found
}

fn word(chars: &mut Peekable<Chars<'_>>, values: &Values, escape: char, stops: bool) -> String {
    let mut found = String::new();
    while let Some(c) = chars.next_if(|c| !(stops && c.is_whitespace())) {
        match c {
            '\'' => found.extend(chars.by_ref().take_while(|c| *c != '\'')),
            '"' => {
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    match c {
                        '$' => variable(chars, values, escape, &mut found, 0),
                        c if c == escape => match chars.next() {
                            Some(next @ ('"' | '$')) => found.push(next),
                            Some(next) if next == escape => found.push(next),
                            next => found.extend(std::iter::once(c).chain(next)),
                        },
                        c => found.push(c),
                    }
                }
            }
            '$' => variable(chars, values, escape, &mut found, 0),
            c if c == escape => found.extend(chars.next()),
            c => found.push(c),
        }
    }
    found
}

/// What a `$` begins: `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME:+word}`, and both without the colon.
fn variable(chars: &mut Peekable<Chars<'_>>, values: &Values, escape: char, found: &mut String, depth: usize) {
    let mut name = String::new();
    let braced = chars.next_if_eq(&'{').is_some();
    while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
        name.push(c);
    }
    if name.is_empty() && !braced {
        return found.push('$');
    }
    let value = values.get(&name).map(String::as_str);
    let meant = if braced { alternative(chars, value, values, escape, depth) } else { value.unwrap_or("").to_owned() };
    if found.len() + meant.len() <= LONGEST {
        found.push_str(&meant);
    }
}

fn alternative(
    chars: &mut Peekable<Chars<'_>>,
    value: Option<&str>,
    values: &Values,
    escape: char,
    depth: usize,
) -> String {
    let colon = chars.next_if_eq(&':').is_some();
    let kind = chars.next();
    let mut other = String::new();
    if kind != Some('}') {
        while let Some(c) = chars.next().filter(|c| *c != '}') {
            match c {
                // Nobody nests more deeply than this.
                '$' if depth < 8 => variable(chars, values, escape, &mut other, depth + 1),
                c if c == escape => other.extend(chars.next()),
                c => other.push(c),
            }
        }
    }
    let given = value.filter(|value| !colon || !value.is_empty());
    match kind {
        Some('-') => given.map_or(other, str::to_owned),
        Some('+') => given.map(|_| other).unwrap_or_default(),
        _ => value.unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stand_for_their_values() {
        let values = Values::from([("A".into(), "1".into()), ("E".into(), String::new())]);
        for (text, meant) in [
            ("$A${A}x", "11x"),
            ("${B:-2} ${E:-3} ${E-4} ${A:-5}", "2 3  1"),
            ("${A:+y}${B:+z}", "y"),
            ("${B:-${A}b}", "1b"),
            (r"\$A '$A' $", "$A $A $"),
            (r#""$A \" \n""#, r#"1 " \n"#),
            ("${A", "1"),
            ("${", ""),
            ("'", ""),
        ] {
            assert_eq!(one(text, &values, '\\'), meant, "{text}");
        }
        assert_eq!(words(r#"a="b c" d\ e '' "#, &values, '\\'), ["a=b c", "d e", ""]);
        assert_eq!(unknown("$A $X ${Y} ${Z:-1} \\$B $X", &values, '\\'), ["X", "Y"]);
        assert_eq!(body("$A \\$A \"x\"\n", &values), "1 $A \"x\"\n");
    }
}
