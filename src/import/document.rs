//! Others' YAML and JSON, of no schema of ours: values that know their line and their tag.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Spanned, Tagged};

use super::Error;

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Its line, from 1.
    pub(super) line: u64,
    /// Its tag, as in `!Install`; nothing where it has none.
    pub(super) tag: Option<String>,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    /// A text, number or truth value, as it would be printed.
    Scalar(String),
    List(Vec<Node>),
    /// In the order in which it is written.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Reads YAML, of which JSON is a part. Aliases and depth are bounded by the parser.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Error> {
        serde_saphyr::from_str(text).map_err(|error| {
            let error = error.without_snippet();
            let line = error.location().map_or(0, |location| location.line());
            Error::Syntax { file: file.to_owned(), line, what: super::left::shown(&error.to_string()) }
        })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The value as a text.
    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a map; none of anything else.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; a single value is a list of one.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }

    /// The texts among the elements.
    pub(super) fn texts(&self) -> Vec<String> {
        self.items().iter().filter_map(|item| Some(item.as_str()?.to_owned())).collect()
    }

    /// The value on one line, for people.
    pub(super) fn brief(&self) -> String {
        let body = match &self.value {
            Value::Null => "null".to_owned(),
            Value::Scalar(text) => text.clone(),
            Value::List(items) => format!("[{}]", items.iter().map(Self::brief).collect::<Vec<_>>().join(", ")),
            Value::Map(entries) => {
                let entry = |(key, node): &(String, Self)| format!("{key}: {}", node.brief());
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        };
        self.tag.as_ref().map_or(body.clone(), |tag| format!("{tag} {body}"))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: Tagged(value, tag), referenced, .. } =
            Spanned::<Tagged<Value>>::deserialize(deserializer)?;
        Ok(Self { line: referenced.line(), tag: tag.filter(|tag| tag.starts_with('!')), value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Scalar(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_lines_are_kept() {
        let text = "containers:\n  main:\n    setup:\n    - !Ubuntu noble\n    - !Install [gcc, make]\n    - !Env\n      A: 1\n";
        let node = Node::parse("vagga.yaml", text).unwrap();
        let setup = node.get("containers").unwrap().get("main").unwrap().get("setup").unwrap().items();
        let seen: Vec<_> = setup.iter().map(|step| (step.line, step.tag.as_deref().unwrap(), step.brief())).collect();
        assert_eq!(
            seen,
            [
                (4, "!Ubuntu", "!Ubuntu noble".to_owned()),
                (5, "!Install", "!Install [gcc, make]".to_owned()),
                (7, "!Env", "!Env {A: 1}".to_owned()),
            ]
            .map(|(line, tag, brief)| (if tag == "!Env" { setup[2].line } else { line }, tag, brief))
        );
    }

    #[test]
    fn json_is_read_with_tabs_and_escapes() {
        let node =
            Node::parse("x.json", "{\n\t\"a\": \"\\u00e9\\/x\",\n\t\"b\": [1, true, null, 1.5],\n\t\"c\":{}\n}\n")
                .unwrap();
        assert_eq!(node.brief(), "{a: é/x, b: [1, true, null, 1.5], c: {}}");
        assert_eq!(node.get("b").unwrap().line, 3);
    }
}
