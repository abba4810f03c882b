//! Texts of a recipe, with the place where they stand.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// A text of a recipe, and where it stands, so that whatever is wrong with it can be said there. `${NAME}` in it stands for
/// a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    text: String,
    place: Place,
}

/// A place in a file, counted from 1; 0 where it is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The character of the line.
    pub column: u64,
}

impl Text {
    /// A text that stands there.
    pub(super) fn at(text: String, place: Place) -> Self {
        Self { text, place }
    }

    /// The text as the recipe has it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it begins.
    pub fn place(&self) -> Place {
        self.place
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self { text, place: Place::default() }
    }
}

impl From<serde_saphyr::Location> for Place {
    fn from(location: serde_saphyr::Location) -> Self {
        Self { line: location.line(), column: location.column() }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self::at(value, referenced.into()))
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Text")
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_knows_its_place() {
        let texts: Vec<Text> = serde_saphyr::from_str("- a\n-  'b c'\n- 3.20\n").unwrap();
        let seen: Vec<_> = texts.iter().map(|text| (text.as_str(), text.place().line, text.place().column)).collect();
        assert_eq!(seen, [("a", 1, 3), ("b c", 2, 4), ("3.20", 3, 3)]);
    }
}
