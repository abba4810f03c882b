//! The config of an image: what its layers are, and how a process in it wants to be run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ParseError, Platform};
use crate::image::Digest;

/// The config (image-spec, config.md). What envbox has no use for is left out; whoever hands an image on, hands on the
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// When it was made (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// What it is for.
    #[serde(flatten)]
    pub platform: Platform,
    /// How a process wants to be run.
    #[serde(default)]
    pub config: RunConfig,
    /// What the layers are.
    pub rootfs: RootFs,
    /// How they came about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
}

/// The layers, by the digests of their tar streams before compression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The DiffIDs, the lowest layer's first.
    pub diff_ids: Vec<Digest>,
}

/// One step of an image's making.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By what command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Whether it made no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// How the image wants a process to be run. Wishes, not orders: envbox never gives more rights than its user asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RunConfig {
    /// User, or user and group, by name or number: `app`, `33`, `app:www`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports it listens at: `80/tcp`.
    #[serde(deserialize_with = "keys", serialize_with = "as_keys", skip_serializing_if = "Vec::is_empty")]
    pub exposed_ports: Vec<String>,
    /// `NAME=value`.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// What comes before [`RunConfig::cmd`] or what takes its place.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The command, or the entry point's arguments.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Directories with data that is not part of the image.
    #[serde(deserialize_with = "keys", serialize_with = "as_keys", skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// Where to begin.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Notes.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The signal that asks it to end: `SIGTERM`, `15`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
}

impl RunConfig {
    /// Whether the image wants nothing in particular.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Config {
    /// Parses a config.
    ///
    /// # Errors
    /// [`ParseError::Json`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let config: Self = serde_json::from_slice(bytes).map_err(|error| ParseError::Json(error.to_string()))?;
        if config.rootfs.kind == "layers" {
            Ok(config)
        } else {
            Err(ParseError::Json("its `rootfs.type` is not `layers`".to_owned()))
        }
    }
}

/// Go writes an empty list as `null`.
fn or_empty<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A set, which Go writes as a map to empty structures.
fn keys<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let map: BTreeMap<String, serde::de::IgnoredAny> = or_empty(deserializer)?;
    Ok(map.into_keys().collect())
}

fn as_keys<S: serde::Serializer>(keys: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(keys.iter().map(|key| (key, BTreeMap::<String, String>::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":null,
        "Entrypoint":["/x"],"Volumes":{"/data":{}},"ExposedPorts":{"80/tcp":{}},"User":"app","Unknown":{"a":1}},
        "rootfs":{"type":"layers","diff_ids":[]},"history":[{"created_by":"x","empty_layer":true}]}"#;

    #[test]
    fn parses_what_go_writes() {
        let config = Config::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(config.config.entrypoint, ["/x"]);
        assert!(config.config.cmd.is_empty() && config.history[0].empty_layer);
        assert_eq!((&*config.config.volumes[0], &*config.config.exposed_ports[0]), ("/data", "80/tcp"));
        let again = serde_json::to_vec(&config).unwrap();
        assert_eq!(Config::parse(&again).unwrap(), config);
    }

    #[test]
    fn refuses_what_is_no_config() {
        for bad in ["{}", "[]", r#"{"architecture":"a","os":"linux","rootfs":{"type":"x","diff_ids":[]}}"#] {
            assert!(Config::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
