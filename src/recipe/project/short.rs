//! Values that have a short form, a line or a list of words, besides the map that says all of it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::tasks::Command;

/// A value with a short form.
pub(super) trait Short: Sized {
    /// The map that says all of it.
    type Long: for<'de> Deserialize<'de>;

    /// What is expected in its place, for whoever wrote something else.
    const EXPECTED: &'static str;

    /// The value that a command alone stands for; nothing if it can't be a list of words.
    fn short(command: Command) -> Option<Self>;

    /// The value that a map stands for.
    ///
    /// # Errors
    /// What contradicts itself in it.
    fn long(long: Self::Long) -> Result<Self, String>;
}

/// Reads a value in either form.
pub(super) fn either<'de, T: Short, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Either<T>(PhantomData<T>);

    impl<'de, T: Short> Visitor<'de> for Either<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }

        fn visit_str<E: Error>(self, line: &str) -> Result<T, E> {
            T::short(Command::Line(line.to_owned())).ok_or_else(|| E::custom(T::EXPECTED))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, words: A) -> Result<T, A::Error> {
            let words = Vec::deserialize(SeqAccessDeserializer::new(words))?;
            T::short(Command::Words(words)).ok_or_else(|| A::Error::custom(T::EXPECTED))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::long(T::Long::deserialize(MapAccessDeserializer::new(map))?).map_err(A::Error::custom)
        }
    }

    deserializer.deserialize_any(Either(PhantomData))
}
