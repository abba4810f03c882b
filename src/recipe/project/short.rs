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
    /// The map that says all of it.
    type Long: for<'de> Deserialize<'de>;

    /// What is expected in its place, for whoever wrote something else.
    const EXPECTED: &'static str;

    /// The value that a command alone stands for, and where that stands; nothing if it can't be a list of words.
    fn short(command: Command, place: Place) -> Option<Self>;

    /// The value that a map stands for.
    ///
    /// # Errors
    /// What contradicts itself in it.
    fn long(long: Self::Long) -> Result<Self, String>;
}

/// What is written.
enum Form<L> {
    Short(Command),
    Long(L),
}

/// Reads a value in either form.
pub(super) fn either<'de, T: Short, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let Spanned { value, referenced, .. } = Spanned::<Either<T>>::deserialize(deserializer)?;
    match value.0 {
        Form::Short(command) => T::short(command, referenced.into())
            .ok_or_else(|| D::Error::custom(format_args!("{} is expected here", T::EXPECTED))),
        Form::Long(long) => T::long(long).map_err(D::Error::custom),
    }
}

struct Either<T: Short>(Form<T::Long>);

impl<'de, T: Short> Deserialize<'de> for Either<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Forms(PhantomData))
    }
}

struct Forms<T>(PhantomData<T>);

impl<'de, T: Short> Visitor<'de> for Forms<T> {
    type Value = Either<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, line: &str) -> Result<Either<T>, E> {
        Ok(Either(Form::Short(Command::Line(line.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, words: A) -> Result<Either<T>, A::Error> {
        let words = Vec::deserialize(SeqAccessDeserializer::new(words))?;
        Ok(Either(Form::Short(Command::Words(words))))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Either<T>, A::Error> {
        Ok(Either(Form::Long(T::Long::deserialize(MapAccessDeserializer::new(map))?)))
    }
}
