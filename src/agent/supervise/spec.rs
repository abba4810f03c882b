//! What is asked of the supervisor: services as plain data, made by envbox outside from the project's recipe.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::recipe::project::Restart;

/// A question, with all that is needed to answer it. It is handed on as an open file, however long it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The services that are meant; none stands for all.
    pub names: BTreeSet<String>,
    /// All services of the recipe.
    pub services: BTreeMap<String, Spec>,
    /// Who services are that have no user of their own.
    pub caller: Caller,
}

/// The user, as processes in the box are them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The login name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The home directory.
    pub home: PathBuf,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// Variables, over those of the box.
    pub env: BTreeMap<String, String>,
    /// Where it begins.
    pub workdir: PathBuf,
    /// Whether it begins in `/` where it may not go there: a user of the box's need not be let into the home of the caller.
    pub or_top: bool,
    /// Who it is, if not the caller: `USER[:GROUP]`.
    pub user: Option<String>,
    /// Services that have to be ready before.
    pub needs: BTreeSet<String>,
    /// How one knows that it is ready.
    pub ready: Option<Ready>,
    /// What happens when it ends.
    pub restart: Restart,
    /// The number of the signal that asks it to end.
    pub stop_signal: i32,
    /// Seconds it has to end before it is killed.
    pub stop_time: u32,
}

/// How one knows that a service is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// What is tried.
    pub probe: Probe,
    /// Seconds between two tries at the most.
    pub every: u32,
    /// Seconds after which it has failed.
    pub within: u32,
}

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// This program succeeds.
    Run(Vec<String>),
    /// Somebody listens on this TCP port.
    Port(u16),
    /// This file is there.
    File(PathBuf),
    /// This text has been printed.
    Log(String),
}

/// Bytes of a question at the most.
const LONGEST: u64 = 4 << 20;

impl Ask {
    /// Reads a question from its file, from the beginning, wherever others are in it.
    ///
    /// # Errors
    /// read(2)'s; `InvalidData` for what is none.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let length = usize::try_from(size).ok().filter(|_| size <= LONGEST).ok_or(io::ErrorKind::InvalidData)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        let ask: Self = serde_json::from_slice(&bytes)?;
        // Names become those of files.
        let good = ask.names.iter().chain(ask.services.keys()).all(|name| is_name(name));
        if good { Ok(ask) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// The services that are meant, and all that they need.
    ///
    /// # Errors
    /// A sentence that names the one that is not there.
    pub(super) fn needed(&self) -> Result<BTreeSet<String>, String> {
        let mut open: Vec<&String> =
            if self.names.is_empty() { self.services.keys().collect() } else { self.names.iter().collect() };
        let mut all = BTreeSet::new();
        while let Some(name) = open.pop() {
            let spec = self.services.get(name).ok_or_else(|| format!("there is no service `{name}`"))?;
            if all.insert(name.clone()) {
                open.extend(&spec.needs);
            }
        }
        Ok(all)
    }
}

/// Bytes of a name at the most.
const LONGEST_NAME: usize = 64;

/// Whether a service may be called that: letters, digits, `.`, `_` and `-`, beginning with a letter or a digit.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.len() <= LONGEST_NAME && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_file_names() {
        assert!(["db", "a.b-c_1", "0"].into_iter().all(is_name));
        assert!(!["", ".", "..", "-x", "a/b", "a b", "ä", &"x".repeat(65)].into_iter().any(is_name));
    }

    #[test]
    fn a_question_survives_its_file() {
        let ask = Ask { names: ["db".to_owned()].into(), ..Ask::default() };
        let file = |text: &str| crate::sys::file::in_memory("ask", text.as_bytes()).unwrap();
        assert_eq!(Ask::read(&file(&serde_json::to_string(&ask).unwrap())).unwrap(), ask);
        let bad = Ask { names: ["../db".to_owned()].into(), ..Ask::default() };
        assert!(Ask::read(&file(&serde_json::to_string(&bad).unwrap())).is_err());
        assert!(Ask::read(&file("{}")).is_err());
    }
}
