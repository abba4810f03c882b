//! Facts about the machine and the user, read once into a plain value.
//!
//! The only folder that reads the environment. It decides nothing: what follows from a fact is `plan`'s business.

mod apt;
mod cgroup;
mod colour;
mod dirs;
mod mounts;
mod passwd;
mod socket;
mod subid;
mod terminfo;
mod tools;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

pub use apt::AptMirror;
pub use cgroup::{Cgroups, Group, Manager, group, group_of};
pub use dirs::Dirs;
pub use mounts::{device_of, places};
pub use passwd::User;
pub use socket::{cookie, socket};
pub use subid::{NoSubIds, Range, SubIds, granted, mapped};
pub use tools::IdHelpers;

use crate::sys::id;

/// A fact about the host could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The account database knows no such user.
    #[error("user id {0} has no entry in the account database")]
    NoUser(u32),
    /// There is neither `HOME` nor a home in the account database.
    #[error("the home directory is unknown")]
    NoHome,
    /// The working directory is gone or cannot be reached.
    #[error("the working directory cannot be found")]
    NoWorkingDirectory {
        /// Why.
        source: io::Error,
    },
}

/// Everything envbox knows about where it runs.
#[derive(Debug, Clone)]
pub struct Host {
    /// The user.
    pub user: User,
    /// The supplementary groups.
    pub groups: Vec<u32>,
    /// The environment, byte for byte.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory as the user sees it: `PWD` where that names the same directory, with its symbolic links.
    pub cwd: PathBuf,
    /// Where envbox keeps its things.
    pub dirs: Dirs,
}

impl Host {
    /// Reads the facts. Opens two files at the most and runs nothing, unless the user is in neither of them.
    ///
    /// # Errors
    /// [`Error`].
    pub fn probe() -> Result<Self, Error> {
        let env = environment();
        let var = |name: &str| find(&env, name).filter(|value| !value.is_empty());
        let groups = id::groups().map_err(|source| Error::Read { path: "/proc/self/status".into(), source })?;
        let user = User::current(var("HOME"), var("SHELL"))?;
        let cwd = working_directory(var("PWD"))?;
        let dirs = Dirs::new(&user, &var);
        Ok(Self { user, groups, env, cwd, dirs })
    }

    /// Whether this user is the machine's own root, whom the kernel obeys, and not the root of a container: whoever owns the
    /// kernel's controls is (sysctl files belong to the root of the first user namespace, proc(5)).
    pub fn is_machines_root(&self) -> bool {
        self.user.uid == 0 && Path::new("/proc/sys/kernel").metadata().map_or(true, |found| found.uid() == 0)
    }

    /// The value of an environment variable.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        find(&self.env, name)
    }
}

/// The environment of this process, byte for byte.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

fn find<'a>(env: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    env.iter().find(|(key, _)| key.as_bytes() == name.as_bytes()).map(|(_, value)| value.as_os_str())
}

fn working_directory(pwd: Option<&OsStr>) -> Result<PathBuf, Error> {
    let identity = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino()));
    let logical = pwd.map(PathBuf::from).filter(|pwd| pwd.is_absolute());
    match (logical, identity(Path::new("."))) {
        (Some(logical), Ok(here)) if identity(&logical).is_ok_and(|there| there == here) => Ok(logical),
        // A directory that was deleted has no name any more but the one it went by.
        (gone, _) => std::env::current_dir()
            .or_else(|source| gone.ok_or(source))
            .map_err(|source| Error::NoWorkingDirectory { source }),
    }
}
