//! What is mounted into a box besides its own.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::schema;
use super::Size;

/// Something that is mounted into a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written", into = "Written")]
pub enum Mount {
    /// A file or directory of the host's: `{bind: ../data, at: /data}`. Relative to the project; `~/` is the user's home.
    Bind {
        /// On the host, as it is written.
        from: String,
        /// In the box.
        at: At,
        /// Whether the box may not write to it.
        read_only: bool,
    },
    /// A directory that outlives the box's image: `{cache: cargo, at: ~/.cargo/registry}`.
    Cache {
        /// Its name: one word. Boxes of one project share what has the same name.
        name: String,
        /// In the box.
        at: At,
    },
    /// An empty directory in memory: `{tmpfs: 512M, at: /scratch}`.
    Tmpfs {
        /// The most that it takes.
        size: Size,
        /// In the box.
        at: At,
    },
}

/// A place in the box: an absolute path, or one that begins with `~/`, the user's home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^(~$|~/|/.)"))]
pub struct At(String);

/// It is no mount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseMountError {
    /// None of the three kinds, or more than one.
    #[error("a mount is one of `bind: PATH`, `cache: NAME` and `tmpfs: SIZE`, with `at: PATH`")]
    Kind,
    /// Only what is the host's can be read-only.
    #[error("`read_only` is for `bind` only")]
    ReadOnly,
    /// A cache's name is a directory's.
    #[error("`{}` is no name of a cache: letters, digits, `_`, `.` and `-`, the first a letter or digit", .0.escape_debug())]
    Name(String),
    /// The place in the box is none.
    #[error("`{}` is no place in the box: an absolute path or one that begins with `~/`, without `.` and `..`", .0.escape_debug())]
    At(String),
    /// The place on the host is none.
    #[error("`{}` is no path", .0.escape_debug())]
    From(String),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Mount", transform = one_kind)]
struct Written {
    /// What is bound: a file or directory of the host's, relative to the project; `~/` is the user's home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bind: Option<String>,
    /// The name of a directory that outlives the box's image; boxes of one project share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache: Option<String>,
    /// The size of an empty directory in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tmpfs: Option<Size>,
    /// Where it is in the box.
    at: At,
    /// For `bind`: whether the box may not write to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    read_only: bool,
}

/// Exactly one of the three kinds.
fn one_kind(schema: &mut schemars::Schema) {
    schema::exactly_one(schema, &["bind", "cache", "tmpfs"]);
}

impl TryFrom<Written> for Mount {
    type Error = ParseMountError;

    fn try_from(written: Written) -> Result<Self, ParseMountError> {
        let Written { bind, cache, tmpfs, at, read_only } = written;
        if read_only && bind.is_none() {
            return Err(ParseMountError::ReadOnly);
        }
        match (bind, cache, tmpfs) {
            (Some(from), None, None) if from.is_empty() || from.contains(char::is_control) => {
                Err(ParseMountError::From(from))
            }
            (Some(from), None, None) => Ok(Self::Bind { from, at, read_only }),
            (None, Some(name), None) if is_name(&name) => Ok(Self::Cache { name, at }),
            (None, Some(name), None) => Err(ParseMountError::Name(name)),
            (None, None, Some(size)) => Ok(Self::Tmpfs { size, at }),
            _ => Err(ParseMountError::Kind),
        }
    }
}

fn is_name(text: &str) -> bool {
    let all = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    all && text.len() <= 64 && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

impl From<Mount> for Written {
    fn from(mount: Mount) -> Self {
        let none = |at| Self { bind: None, cache: None, tmpfs: None, at, read_only: false };
        match mount {
            Mount::Bind { from, at, read_only } => Self { bind: Some(from), read_only, ..none(at) },
            Mount::Cache { name, at } => Self { cache: Some(name), ..none(at) },
            Mount::Tmpfs { size, at } => Self { tmpfs: Some(size), ..none(at) },
        }
    }
}

impl Mount {
    /// Where it is in the box.
    pub fn at(&self) -> &At {
        match self {
            Self::Bind { at, .. } | Self::Cache { at, .. } | Self::Tmpfs { at, .. } => at,
        }
    }
}

impl At {
    /// The path, in a box whose user has this home.
    pub fn in_home(&self, home: &std::path::Path) -> PathBuf {
        match self.0.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None if self.0 == "~" => home.to_owned(),
            None => PathBuf::from(&self.0),
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for At {
    type Error = ParseMountError;

    fn try_from(text: String) -> Result<Self, ParseMountError> {
        let begins = text == "~" || text.starts_with("~/") || (text.starts_with('/') && text.len() > 1);
        let plain = !text.contains(char::is_control) && !text.split('/').any(|part| part == "." || part == "..");
        if begins && plain { Ok(Self(text)) } else { Err(ParseMountError::At(text)) }
    }
}

impl From<At> for String {
    fn from(at: At) -> Self {
        at.0
    }
}
