//! `box.yaml`: what a box is, applied at each start.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::settings::{Home, Init, Limits, Mount, Network, Port, Share, stop_signal};
use super::{BoxName, Fault, Place, schema};

/// What the file is called in a box's directory.
const FILE: &str = "box.yaml";

/// The configuration of a box. The file is the source of truth: nothing of it is baked into the box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "box.yaml")]
pub struct BoxConfig {
    /// What the box was made from: a recipe, a tarball. For people; the image itself is recorded by digest.
    pub from: String,
    /// Which overlay file system holds the box together.
    #[serde(default)]
    pub overlay: Overlay,
    /// The host name inside; the box's own name where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("pattern" = schema::BOX_NAME))]
    pub hostname: Option<BoxName>,
    /// The shell for `enter`; the user's own, or the best there is, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<PathBuf>,
    /// Environment variables that every program in the box gets, over those of the caller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::variables")]
    pub env: BTreeMap<String, String>,
    /// How much of the user's home the box sees.
    #[serde(default, skip_serializing_if = "is_default")]
    pub home: Home,
    /// What of the user's session on the host the box may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub share: Vec<Share>,
    /// What is mounted into the box.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Which network the box has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub network: Network,
    /// Ports of the host that lead into the box.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    /// How much of the machine the box may use.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// What is process 1 of the box.
    #[serde(default, skip_serializing_if = "is_default")]
    pub init: Init,
    /// Whether programs in the box may make boxes, containers and sandboxes of their own: user namespaces.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub nesting: bool,
    /// The signal that ends the init of a system box, `SIGRTMIN+3`; that of the image, or of the init, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "signal")]
    pub stop_signal: Option<String>,
    /// Where sessions begin that are started where the box sees nothing: an absolute path in the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<PathBuf>,
    /// Who sessions are, if not the user: `USER[:GROUP]` of the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The project that the box belongs to, if it does. Its directory is bound into the box at its own path, and its recipe
    /// is what this file is written from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Origin>,
    /// Seconds that the box stays up after the last process in it has ended.
    #[serde(default = "default_linger")]
    pub linger: u32,
    /// Whether the box is only there for one command, and goes with the envbox that made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
}

/// The project that a box belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The directory with the recipe in it; absolute, and no link.
    pub root: PathBuf,
    /// Which of the recipe's variants it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_yes(value: &bool) -> bool {
    *value
}

/// A signal's name or number, as it stands there.
fn signal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.as_deref().map_or(Ok(()), stop_signal).map_err(D::Error::custom)?;
    Ok(text)
}

fn default_linger() -> u32 {
    60
}

/// Which overlay file system to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overlay {
    /// The kernel's where it works, else fuse-overlayfs.
    #[default]
    Auto,
    /// The kernel's own.
    Kernel,
    /// fuse-overlayfs(1).
    Fuse,
}

impl BoxConfig {
    /// A box with everything as it is by default.
    pub fn new(from: String) -> Self {
        Self {
            from,
            overlay: Overlay::Auto,
            hostname: None,
            shell: None,
            env: BTreeMap::new(),
            home: Home::default(),
            share: Vec::new(),
            mounts: Vec::new(),
            network: Network::default(),
            ports: Vec::new(),
            limits: Limits::default(),
            init: Init::default(),
            nesting: true,
            stop_signal: None,
            workdir: None,
            user: None,
            project: None,
            linger: default_linger(),
            ephemeral: false,
        }
    }

    /// Parses `box.yaml`.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let config: Self = super::yaml::read(text).map_err(|error| Fault::of_yaml(FILE, &error))?;
        let bad = config.env.keys().find(|name| name.is_empty() || name.contains(['=', '\0']));
        match bad {
            Some(name) => {
                let what = format!("`{}` cannot be a variable's name", name.escape_debug());
                Err(Fault { file: FILE.to_owned(), place: Place::default(), what })
            }
            None => Ok(config),
        }
    }

    /// The file's text.
    pub fn to_yaml(&self) -> String {
        // A plain structure of strings and numbers has no value that YAML cannot express.
        serde_saphyr::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut config = BoxConfig::new("debian: #x".into());
        config.env.insert("A".into(), "line\nline `$x` \"q\" ü".into());
        config.shell = Some("/bin/zsh".into());
        assert_eq!(BoxConfig::parse(&config.to_yaml()).unwrap(), config);
    }

    #[test]
    fn little_is_needed_and_typos_are_named() {
        let config = BoxConfig::parse("from: debian\n").unwrap();
        assert_eq!(config, BoxConfig::new("debian".into()));
        for (line, said) in [
            ("shel: /bin/sh", "box.yaml:2:1: there is no key `shel` here; `shell` is"),
            ("init: atuo", "box.yaml:2:7: `atuo` is no init; `auto` is, or an absolute path in the box"),
            ("stop_signal: 99", "box.yaml:2:14: `99` is no signal"),
            ("stop_signal: SIGNONE", "box.yaml:2:14: `SIGNONE` is no signal"),
            ("linger: -1", "box.yaml:2:9: "),
            ("env: {'A=B': c}", "box.yaml: `A=B` cannot be a variable's name"),
        ] {
            let error = BoxConfig::parse(&format!("from: debian\n{line}\n")).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
        assert!(BoxConfig::parse("").is_err());
    }
}
