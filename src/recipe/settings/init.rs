//! The init of a box.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::signal_number;
use crate::recipe::fault::instead;

/// What is process 1 of a box.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^(none|auto|/.*)$", "default" = "none", "examples" = ["auto", "/sbin/init"]))]
pub enum Init {
    /// envbox's own keeper: an application box.
    #[default]
    None,
    /// The image's init, wherever it is: a system box.
    Auto,
    /// This program of the image's: a system box.
    Program(String),
}

/// The text is no init.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no init{}, or an absolute path in the box", .0.escape_debug(), instead(.0, ["none", "auto"].into_iter()))]
pub struct ParseInitError(String);

impl TryFrom<String> for Init {
    type Error = ParseInitError;

    fn try_from(text: String) -> Result<Self, ParseInitError> {
        match text.as_str() {
            "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            path if path.starts_with('/') => Ok(Self::Program(text)),
            _ => Err(ParseInitError(text.chars().take(80).collect())),
        }
    }
}

impl From<Init> for String {
    fn from(init: Init) -> Self {
        match init {
            Init::None => "none".to_owned(),
            Init::Auto => "auto".to_owned(),
            Init::Program(path) => path,
        }
    }
}

/// Whether a text is a signal. An init is asked to end by those that mean nothing to others, such as systemd's `SIGRTMIN+3`.
///
/// # Errors
/// That it is none.
pub(in crate::recipe) fn stop_signal(text: &str) -> Result<(), String> {
    let shown = || text.chars().take(80).flat_map(char::escape_debug).collect::<String>();
    signal_number(text).map(drop).ok_or_else(|| format!("`{}` is no signal", shown()))
}
