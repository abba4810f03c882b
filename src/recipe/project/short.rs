//! Values that have a short form, a line or a list of words, besides the map that says all of it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::command::Command;
use crate::recipe::Place;

/// A value with a short form.
pub(super) trait Short: Sized {
    /// What is expected in its place, for whoever wrote something else.
    const EXPECTED: &'static str;

    /// The value that a command alone stands for, and where that stands; nothing if it can't be a list of words.
    fn short(command: Command, place: Place) -> Option<Self>;

    /// Reads the map that says all of it.
    ///
    /// # Errors
    /// It is none, or what is in it contradicts itself.
    fn long<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error>;
}

/// What is written.
enum Form<T> {
    Short(Command),
    Long(T),
}

/// Reads a value in either form.
pub(super) fn either<'de, T: Short, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let Spanned { value, referenced, .. } = Spanned::<Form<T>>::deserialize(deserializer)?;
    let expected = || D::Error::custom(format_args!("{} is expected here", T::EXPECTED));
    match value {
        Form::Short(command) => T::short(command, referenced.into()).ok_or_else(expected),
        Form::Long(value) => Ok(value),
    }
}

impl<'de, T: Short> Deserialize<'de> for Form<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Forms(PhantomData))
    }
}

struct Forms<T>(PhantomData<T>);

impl<'de, T: Short> Visitor<'de> for Forms<T> {
    type Value = Form<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, line: &str) -> Result<Form<T>, E> {
        Ok(Form::Short(Command::Line(line.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, words: A) -> Result<Form<T>, A::Error> {
        Command::deserialize(SeqAccessDeserializer::new(words)).map(Form::Short)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Form<T>, A::Error> {
        T::long(MapAccessDeserializer::new(map)).map(Form::Long)
    }
}
