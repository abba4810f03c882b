//! Where something of a recipe stands, in whichever of its files.
//!
//! Values carry no places: most are never asked for one. A fault names the way to its value, and only then the files are
//! read once more, for the places in them.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use crate::recipe::{Place, yaml};

/// A file that a recipe was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// What it is called in faults.
    pub(super) file: String,
    /// All of it.
    pub(super) text: Arc<str>,
}

/// The way to a value of a recipe: keys, and indices of lists.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    before: Option<&'a Self>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Item(usize),
}

impl<'a> Way<'a> {
    /// The whole recipe.
    pub(super) const ROOT: Way<'static> = Way { before: None, step: Step::Root };

    /// To the value of a key of the map here.
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self { before: Some(self), step: Step::Key(key) }
    }

    /// To a value of the list here.
    pub(super) fn item(&'a self, index: usize) -> Self {
        Self { before: Some(self), step: Step::Item(index) }
    }

    fn steps(&self) -> Vec<Step<'a>> {
        let mut steps = Vec::new();
        let mut way = Some(self);
        while let Some(Way { before, step }) = way {
            steps.push(*step);
            way = *before;
        }
        steps.pop();
        steps.reverse();
        steps
    }
}

/// What of the place that a way leads to is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The key of the value.
    Key,
    /// The value.
    Value,
}

/// The files of a recipe, or of one of its variants, each laid over those before it.
#[derive(Debug)]
pub(super) struct Outlines(Vec<(String, Outline)>);

impl Outlines {
    /// Reads the files again. `variant` is the one that is laid over them.
    pub(super) fn of(files: &[Written], variant: Option<&str>) -> Self {
        let read = |written: &Written| (written.file.clone(), yaml::read(&written.text).unwrap_or_default());
        let mut all: Vec<(String, Outline)> = files.iter().map(read).collect();
        let laid = variant.and_then(|name| {
            let of = |(file, outline): &(String, Outline)| {
                Some((file.clone(), outline.child("variants")?.child(name)?.clone()))
            };
            all.iter().rev().find_map(of)
        });
        all.extend(laid);
        Self(all)
    }

    /// The file and the place. What is not there, as it follows from something shorter, is where that is.
    pub(super) fn find(&self, way: &Way<'_>, part: Part) -> (&str, Place) {
        let steps = way.steps();
        let best = (1..=steps.len()).rev().find_map(|length| self.exact(&steps[..length], part));
        let last = self.0.last().map_or("", |(file, _)| file);
        best.unwrap_or((last, Place::default()))
    }

    fn exact(&self, steps: &[Step<'_>], part: Part) -> Option<(&str, Place)> {
        // The lists of the files are one list, that of the lowest first.
        if let [Step::Key(key), Step::Item(index), rest @ ..] = steps {
            let mut index = *index;
            for (file, outline) in &self.0 {
                let Some(list) = outline.child(key) else { continue };
                match list.items.get(index) {
                    Some(item) => return Some((file, item.at(rest, part)?)),
                    None => index -= list.items.len(),
                }
            }
            return None;
        }
        self.0.iter().rev().find_map(|(file, outline)| Some((file.as_str(), outline.at(steps, part)?)))
    }
}

/// A node of a document: where it stands, and what is in it.
#[derive(Debug, Clone, Default)]
struct Outline {
    key: Place,
    place: Place,
    entries: Vec<(String, Self)>,
    items: Vec<Self>,
}

impl Outline {
    fn child(&self, key: &str) -> Option<&Self> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, child)| child)
    }

    fn at(&self, steps: &[Step<'_>], part: Part) -> Option<Place> {
        match steps {
            [] if part == Part::Key && self.key.line > 0 => Some(self.key),
            [] => Some(self.place),
            [Step::Key(key), rest @ ..] => self.child(key)?.at(rest, part),
            [Step::Item(index), rest @ ..] => self.items.get(*index)?.at(rest, part),
            [Step::Root, rest @ ..] => self.at(rest, part),
        }
    }
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: Inside(outline), referenced, .. } = Spanned::<Inside>::deserialize(deserializer)?;
        Ok(Self { place: referenced.into(), ..outline })
    }
}

/// A node whose own place is not known yet.
struct Inside(Outline);

impl<'de> Deserialize<'de> for Inside {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Inside;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Inside, E> {
        Ok(Inside(Outline::default()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Inside, E> {
        Ok(Inside(Outline::default()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Inside, E> {
        Ok(Inside(Outline::default()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Inside, E> {
        Ok(Inside(Outline::default()))
    }

    fn visit_str<E>(self, _: &str) -> Result<Inside, E> {
        Ok(Inside(Outline::default()))
    }

    fn visit_unit<E>(self) -> Result<Inside, E> {
        Ok(Inside(Outline::default()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Inside, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Inside(Outline { items, ..Outline::default() }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inside, A::Error> {
        let mut entries = Vec::new();
        while let Some(Spanned { value: key, referenced, .. }) = map.next_key::<Spanned<String>>()? {
            let child: Outline = map.next_value()?;
            entries.push((key, Outline { key: referenced.into(), ..child }));
        }
        Ok(Inside(Outline { entries, ..Outline::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[&str]) -> Vec<Written> {
        let named = |(index, text): (usize, &&str)| Written { file: format!("{index}"), text: Arc::from(*text) };
        texts.iter().enumerate().map(named).collect()
    }

    #[test]
    fn places_of_keys_values_and_items_in_all_files() {
        let all = files(&["a: [x, y]\nm: {k: v}\n", "a:\n  - z\nvariants:\n  ci: {a: [w], m: {l: 1}}\n"]);
        let outlines = Outlines::of(&all, Some("ci"));
        let (root, a, m) = (Way::ROOT, Way::ROOT.key("a"), Way::ROOT.key("m"));
        let find = |way: &Way<'_>, part| {
            let (file, place) = outlines.find(way, part);
            format!("{file}{place}")
        };
        assert_eq!(find(&a.item(1), Part::Value), "0:1:8");
        assert_eq!(find(&a.item(2), Part::Value), "1:2:5");
        assert_eq!(find(&a.item(3), Part::Value), "1:4:12");
        assert_eq!(find(&m.key("k"), Part::Key), "0:2:5");
        assert_eq!(find(&m.key("k"), Part::Value), "0:2:8");
        assert_eq!(find(&m.key("l"), Part::Value), "1:4:23");
        assert_eq!(find(&m.key("k").key("deeper"), Part::Value), "0:2:8");
        assert_eq!(find(&root.key("none"), Part::Value), "1");
    }
}
