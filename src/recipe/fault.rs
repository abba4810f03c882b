//! What is wrong with a recipe.

use std::fmt;

use serde_saphyr::Error as YamlError;

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
        let what = match error {
            YamlError::SerdeUnknownField { field, expected, .. } => {
                format!("there is no key `{}` here{}", field.escape_debug(), instead(field, expected.iter().copied()))
            }
            YamlError::SerdeUnknownVariant { variant, expected, .. } => {
                let instead = instead(variant, expected.iter().copied());
                format!("`{}` is not known here{instead}", variant.escape_debug())
            }
            YamlError::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
            other => other.to_string(),
        };
        Self { file: file.to_owned(), place, what }
    }
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
