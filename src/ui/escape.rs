//! Making untrusted text safe to show.

use std::borrow::Cow;

/// The text with its control characters made visible, line feeds excepted: a file name in an image may carry terminal
/// escapes (CVE-2003-0063 and its many successors), or turn the direction of writing around to hide what it is
/// (CVE-2021-42574).
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// The same for what must stay on one line.
pub(super) fn escape_line(text: &str) -> String {
    escape(text).replace('\n', "\\n")
}

fn is_unsafe(character: char) -> bool {
    let turns_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    turns_direction || (character.is_control() && character != '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_become_visible() {
        assert_eq!(escape("a\u{1b}]0;title\u{7}b\rc\td\u{9b}"), "a\\u{1b}]0;title\\u{7}b\\rc\\td\\u{9b}");
        assert_eq!(escape("x\u{202e}gpj.exe"), "x\\u{202e}gpj.exe");
        assert_eq!(escape_line("a\nb"), "a\\nb");
    }

    #[test]
    fn text_stays_what_it_is() {
        let text = "größe\n日本語 ~/x";
        assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
    }
}
