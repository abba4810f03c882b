//! What is wrong with a recipe.

use std::fmt;

use serde_saphyr::Error as YamlError;
use serde_saphyr::budget::BudgetBreach;

use super::text::Place;

/// One thing that is wrong in a recipe, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{place}: {what}")]
pub struct Fault {
    /// The recipe's file, as a user knows it.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub what: String,
}

impl Fault {
    /// The text is no YAML, or not of the schema.
    pub(super) fn of_yaml(file: &str, error: &YamlError) -> Self {
        let error = error.without_snippet();
        let place = error.location().map(Place::from).unwrap_or_default();
        let what = misread(error).unwrap_or_else(|| other(error));
        Self { file: file.to_owned(), place, what }
    }
}

/// Brings faults into the order of their files, each once.
pub(super) fn sort(faults: &mut Vec<Fault>) {
    faults.sort_by(|a, b| (&a.file, a.place, &a.what).cmp(&(&b.file, b.place, &b.what)));
    faults.dedup();
}

/// What is said of what somebody is likely to write.
fn misread(error: &YamlError) -> Option<String> {
    Some(match error {
        YamlError::SerdeUnknownField { field, expected, .. } => {
            format!("there is no key `{}` here{}", field.escape_debug(), instead(field, expected.iter().copied()))
        }
        YamlError::SerdeUnknownVariant { variant, expected, .. } => {
            let instead = instead(variant, expected.iter().copied());
            format!("`{}` is not known here{instead}", variant.escape_debug())
        }
        YamlError::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        YamlError::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{}` stands here twice", key.escape_debug())
        }
        YamlError::SerdeInvalidType { unexpected, expected, .. } => {
            let quotes = ["boolean", "integer", "floating"].iter().any(|kind| unexpected.starts_with(kind));
            let hint = if quotes { ": text that looks like one is put in quotes" } else { "" };
            let unexpected = if unexpected == "unit value" { "nothing" } else { unexpected };
            format!("{expected} is expected here, and this is {}{hint}", unexpected.escape_debug())
        }
        YamlError::Unexpected { expected, .. } => {
            let known = KINDS.iter().find(|(yaml, _)| yaml == expected);
            format!("{} is expected here", known.map_or(*expected, |(_, plain)| plain))
        }
        YamlError::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => "one word is expected here".to_owned(),
        YamlError::NullIntoString { .. } => r#"there is no text here; an empty one is `""`"#.to_owned(),
        YamlError::InvalidBooleanStrict { .. } => "`true` or `false` is expected here".to_owned(),
        YamlError::InvalidScalar { ty, .. } if ty.starts_with(['u', 'i']) => {
            "a whole number is expected here".to_owned()
        }
        YamlError::InvalidScalar { ty: "floating point", .. } => "a number is expected here".to_owned(),
        YamlError::Budget { breach: BudgetBreach::Documents { .. }, .. } | YamlError::MultipleDocuments { .. } => {
            "a second document begins here, and a file has one".to_owned()
        }
        YamlError::Budget { breach: BudgetBreach::Depth { .. }, .. } => "this is nested too deeply".to_owned(),
        YamlError::Budget { .. }
        | YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. } => "there is more in the file than is ever needed".to_owned(),
        YamlError::AliasError { error, .. } => misread(error)?,
        YamlError::Eof { .. } => "the file ends too early".to_owned(),
        _ => return None,
    })
}

/// YAML's names for what may stand somewhere.
const KINDS: [(&str, &str); 3] =
    [("string scalar", "text"), ("sequence start", "a list"), ("mapping start", "a map of keys and values")];

/// What the reader of YAML says itself, without the place, which is said already.
fn other(error: &YamlError) -> String {
    let said = error.to_string();
    let bare = said.rsplit_once(" at line ").map_or(said.as_str(), |(bare, _)| bare);
    bare.chars()
        .flat_map(|c| c.is_control().then(|| c.escape_debug()).map_or_else(|| vec![c], Iterator::collect))
        .collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => Ok(()),
            line => write!(f, ":{line}:{}", self.column),
        }
    }
}

/// What stands for a word that is not known: the nearest of those that are, or all of them.
pub(super) fn instead<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let distance = |candidate: &&str| strsim::damerau_levenshtein(word, candidate);
    match known.iter().copied().min_by_key(distance) {
        Some(nearest) if distance(&nearest) <= nearest.len().max(word.len()).div_ceil(3) => {
            format!("; `{nearest}` is")
        }
        Some(_) => format!("; there are: {}", known.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_or_all_of_them() {
        let of = |word| instead(word, ["tarball", "debian", "oci", "lxc"].into_iter());
        assert_eq!(of("tarbal"), "; `tarball` is");
        assert_eq!(of("debain"), "; `debian` is");
        assert_eq!(of("wget"), "; there are: tarball, debian, oci, lxc");
        assert_eq!(instead("x", [].into_iter()), "");
    }
}
