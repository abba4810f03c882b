//! What the words of a project's recipe have to look like: each function says what is wrong with one.

use std::path::{Component, Path, PathBuf};

use url::Url;

use crate::image::accounts::UserSpec;

/// Whether something is wrong, and what.
pub(super) type Checked = Result<(), String>;

/// Bytes at the most in a name: a box's is made of a variant's.
const LONGEST_NAME: usize = 32;

/// Bytes at the most in a word or a path (limits.h, `PATH_MAX`).
const LONGEST: usize = 4095;

/// Signals that ask a program to end, or to do something that it takes for that (signal(7)).
const SIGNALS: [&str; 10] = ["TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2", "WINCH", "PWR", "CONT"];

/// The name of a task, a service or a variant: a word on a command line, and part of a box's name.
pub(super) fn name(text: &str) -> Checked {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let all = text.bytes().all(|byte| letter(byte) || b"._-".contains(&byte));
    if all && text.bytes().next().is_some_and(letter) && text.len() <= LONGEST_NAME {
        return Ok(());
    }
    let rule = "lower-case letters, digits, `.`, `_` and `-`, the first a letter or digit";
    Err(format!("`{}` is no name: up to {LONGEST_NAME} {rule}", shown(text)))
}

/// The name of a variable.
pub(super) fn variable(text: &str) -> Checked {
    let bad = text.is_empty() || text.len() > LONGEST || text.contains('=') || text.contains(char::is_control);
    if bad { Err(format!("`{}` cannot be a variable's name", shown(text))) } else { Ok(()) }
}

/// The value of a variable.
pub(super) fn value(text: &str) -> Checked {
    if text.contains('\0') { Err("a variable's value cannot have a NUL character in it".to_owned()) } else { Ok(()) }
}

/// A command line, or a word of one: a person has to see all of it.
pub(super) fn command(text: &str) -> Checked {
    if text.trim().is_empty() {
        return Err("the command is empty".to_owned());
    }
    argument(text)
}

/// An argument of a command.
pub(super) fn argument(text: &str) -> Checked {
    match text.chars().find(|c| hides(*c) && !matches!(c, '\n' | '\t')) {
        Some(c) => Err(format!("there is a character in the command that hides what it is: `{}`", c.escape_unicode())),
        None => Ok(()),
    }
}

/// Text for people, of one line.
pub(super) fn line(text: &str) -> Checked {
    if text.contains(hides) { Err(format!("`{}` is not one line of text", shown(text))) } else { Ok(()) }
}

/// A package, as all package managers write them: name, version, architecture, group.
pub(super) fn package(text: &str) -> Checked {
    let all = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+:=~@/-^%".contains(&byte));
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'@');
    if all && first && !text.contains("//") && text.len() <= 256 {
        return Ok(());
    }
    Err(format!(
        "`{}` is no package: one word of letters, digits and `._+:=~@/-^%`, the first a letter or digit",
        shown(text)
    ))
}

/// What a box is made of.
pub(super) fn from(text: &str) -> Checked {
    if text.is_empty() || text.len() > LONGEST || text.starts_with('-') || text.contains(|c: char| c == ' ' || hides(c))
    {
        return Err(format!("`{}` is no recipe, no image and no file", shown(text)));
    }
    if text.contains("://") {
        return Ok(());
    }
    in_project(text)
}

/// A path of the project's, relative to its root.
pub(super) fn inside(text: &str) -> Checked {
    let bad = text.is_empty() || text.len() > LONGEST || text.starts_with(['/', '~']) || text.contains(hides);
    if bad {
        return Err(format!("`{}` is no path in the project, relative to its root", shown(text)));
    }
    Ok(())
}

/// The same, which really stays there.
pub(super) fn in_project(text: &str) -> Checked {
    inside(text)?;
    normal(Path::new(text)).map(drop).ok_or_else(|| format!("`{}` is outside of the project", shown(text)))
}

/// A path without `.` and `..`; nothing where it leaves the directory that it is relative to.
pub(super) fn normal(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir if plain.pop() => {}
            _ => return None,
        }
    }
    Some(plain)
}

/// An absolute path in the box.
pub(super) fn absolute(text: &str) -> Checked {
    let strange =
        text.len() > LONGEST || text.contains(hides) || text.split('/').any(|part| matches!(part, "." | ".."));
    if !text.starts_with('/') || strange {
        return Err(format!("`{}` is no absolute path in the box, without `.` and `..`", shown(text)));
    }
    Ok(())
}

/// Where a task begins: in the project, or anywhere in the box.
pub(super) fn workdir(text: &str) -> Checked {
    if text.starts_with('/') { absolute(text) } else { in_project(text) }
}

/// A user of the box, and perhaps a group.
pub(super) fn user(text: &str) -> Checked {
    text.parse::<UserSpec>().map(drop).map_err(|error| error.to_string())
}

/// A URL to fetch a file from. What comes without TLS has to have a digest.
pub(super) fn url(text: &str, has_digest: bool) -> Checked {
    let url = Url::parse(text).ok().filter(|url| url.has_host() && !text.contains(|c: char| c == ' ' || hides(c)));
    let Some(url) = url else { return Err(format!("`{}` is no URL", shown(text))) };
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => {
            Err("a URL with a password in it is one that everyone can read".to_owned())
        }
        "https" => Ok(()),
        "http" if has_digest => Ok(()),
        "http" => Err(format!("`{}` comes without TLS: it needs a `digest`", shown(text))),
        _ => Err(format!("`{}` is no URL of https or http", shown(text))),
    }
}

/// Permission bits.
pub(super) fn mode(text: &str) -> Checked {
    let octal = text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let bits = if octal { u32::from_str_radix(text, 8).ok() } else { None };
    match bits {
        Some(bits) if bits <= 0o7777 && text.len() >= 3 => Ok(()),
        _ => Err(format!("`{}` are no permission bits in octal, like \"0755\"", shown(text))),
    }
}

/// A signal that ends a service.
pub(super) fn signal(text: &str) -> Checked {
    if SIGNALS.contains(&text.strip_prefix("SIG").unwrap_or(text)) {
        return Ok(());
    }
    Err(format!("`{}` is no signal that ends a service; there are: {}", shown(text), SIGNALS.join(", ")))
}

/// Whether a terminal shows something else than the character: a control character, or one that turns the direction of
/// those around it (CVE-2021-42574).
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text as it can be shown.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_good_and_what_is_not() {
        type Check = fn(&str) -> Checked;
        let long = "x".repeat(5000);
        let table: [(Check, &[&str], &[&str]); 13] = [
            (name, &["a", "0", "test-all", "a.b_c"], &["", "A", "-a", "a b", "ü", "a/b", "\u{1b}", &long]),
            (variable, &["A", "a.b", "LC_ALL"], &["", "A=B", "A\n", "A\0"]),
            (value, &["", "x\ny"], &["\0"]),
            (command, &["make", "a\n\tb"], &["", " \n", "a\u{1b}[m", "a\u{202e}b", "a\r"]),
            (line, &["Runs it", ""], &["a\nb", "\u{7}"]),
            (
                package,
                &["gcc-12", "g++", "lib:i386", "x=1.2~3+b1", "x/stable", "@dev-tools", "x=~1"],
                &["", "-y", "a b", "a;b", "$(x)", "`x`", "a|b", "https://x/y.rpm", "/x.deb", "./x.deb", "a\n", &long],
            ),
            (
                from,
                &["debian:12", "ghcr.io/a/b@sha256:x", "https://example.org/x.tar", "./envbox.yaml"],
                &["", "-x", "a b", "/etc", "~/x", "../x/envbox.yaml", "a\u{1b}", &long],
            ),
            (in_project, &["x", ".", "a/../b", "tools/"], &["", "/x", "~/x", "..", "a/../../b", "x\u{1b}"]),
            (absolute, &["/", "/opt/x/"], &["", "x", "/../x", "/a/./b", "/a\n", "~/x"]),
            (workdir, &["x", "/srv"], &["../x", "/../x", ""]),
            (user, &["root", "0", "app:www"], &["", "a b", "-x", "a:b:c"]),
            (mode, &["755", "0755", "4755", "0000"], &["", "7", "888", "77777", "rwx", "0o755"]),
            (signal, &["TERM", "SIGINT"], &["", "term", "SEGV", "SIG"]),
        ];
        for (index, (check, good, bad)) in table.into_iter().enumerate() {
            good.iter().for_each(|text| assert_eq!(check(text), Ok(()), "{index}"));
            for text in bad {
                let said = check(text).unwrap_err();
                assert!(!said.contains(char::is_control) && said.len() < 600, "{index} {text:?}: {said}");
            }
        }
    }

    #[test]
    fn urls_are_fetched_over_tls_or_with_a_digest() {
        assert!(url("https://example.org/x", false).is_ok() && url("http://example.org/x", true).is_ok());
        for bad in
            ["http://example.org/x", "ftp://example.org/x", "file:///etc/passwd", "https://", "https://a:b@host/"]
        {
            assert!(url(bad, false).is_err(), "{bad}");
        }
    }
}
