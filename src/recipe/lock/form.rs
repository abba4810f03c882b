//! What the texts of a lock have to look like: some become paths, URLs and arguments of programs.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::recipe::form::Form;

/// Characters at the most in any of them.
const LONGEST: usize = 4096;

/// Whether something that is copied comes from a server.
pub(super) fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn checked<'de, D: Deserializer<'de>>(deserializer: D, what: &str, good: fn(&str) -> bool) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() <= LONGEST && good(&text) {
        return Ok(text);
    }
    let start: String = text.chars().take(80).collect();
    Err(D::Error::custom(format!("`{}` is not {what}", start.escape_debug())))
}

fn made_of(text: &str, more: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(char::from(byte)))
}

/// The name of a package, of any distribution. It becomes an argument and part of a file's name.
pub(super) fn is_name(text: &str) -> bool {
    made_of(text, "+-._@") && !text.starts_with(['-', '.'])
}

pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, "the name of a package", is_name)
}

pub(super) fn is_version(text: &str) -> bool {
    made_of(text, "+-.~:_^") && !text.starts_with('-')
}

pub(super) fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, "the version of a package", is_version)
}

/// Whether what is put behind the address of a directory stays below it: whoever fetches takes `%2e%2e` for `..`, and a
/// backslash for a slash (WHATWG URL, "double-dot URL path segment").
pub fn stays_below(rest: &str) -> bool {
    let plain = rest.to_ascii_lowercase().replace("%2e", ".");
    let climbs = plain.split('/').any(|part| matches!(part, "." | ".."));
    !climbs && !plain.contains(['\\', '?', '#']) && !plain.contains("%2f") && !plain.contains("%5c")
}

/// A path below an archive (`Filename:` of a Packages file).
pub(super) fn deb<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, "the path of a package below its archive, without `..`", |text| {
        made_of(text, "+-.~:_/%") && text.split('/').all(|part| !part.is_empty()) && stays_below(text)
    })
}

pub(super) fn is_word(text: &str) -> bool {
    made_of(text, "+-._") && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

pub(super) fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, "a word", is_word)
}

pub(super) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Word(#[serde(deserialize_with = "word")] String);
    Ok(Vec::<Word>::deserialize(deserializer)?.into_iter().map(|Word(word)| word).collect())
}

/// One line of anything.
pub(super) fn line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, "one line of text", |text| !text.is_empty() && !text.contains(char::is_control))
}

pub(super) fn lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Line(#[serde(deserialize_with = "line")] String);
    Ok(Vec::<Line>::deserialize(deserializer)?.into_iter().map(|Line(line)| line).collect())
}

/// A URL that a path can be put behind.
pub(super) fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, "a URL", |text| {
        let plain = !text.contains(|c: char| c.is_control() || c.is_whitespace());
        plain && Form::Url.check(text).is_ok()
    })
}

pub(super) fn some_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    url(deserializer).map(Some)
}

pub(super) fn some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    name(deserializer).map(Some)
}

pub(super) fn some_line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    line(deserializer).map(Some)
}

pub(super) fn image<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, "an image at a registry by its digest: NAME@sha256:…", |text| {
        text.contains("@sha256:") && Form::Image.check(text).is_ok()
    })
}
