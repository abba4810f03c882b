//! What runs in a box, and with what around it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::boot::shells;
use super::env;
use crate::host::Host;
use crate::recipe::{BoxConfig, BoxName};

/// What a session plan is made from.
#[derive(Debug, Clone)]
pub struct SessionRequest<'a> {
    /// The box's name.
    pub name: &'a BoxName,
    /// Its configuration.
    pub config: &'a BoxConfig,
    /// Who asks, from where, with what environment.
    pub host: &'a Host,
    /// The program and its arguments; none for the user's shell.
    pub command: &'a [OsString],
    /// A working directory in the box that was asked for by name.
    pub workdir: Option<&'a Path>,
    /// Whether to start in the home instead of the caller's working directory.
    pub at_home: bool,
    /// Whether standard input and output are a terminal.
    pub terminal: bool,
    /// Directories of the host's that no box sees.
    pub hidden: &'a [PathBuf],
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPlan {
    /// What to run.
    pub command: Command,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Where it starts.
    pub workdir: WorkDir,
    /// Who it is: user and group.
    pub owner: (u32, u32),
    /// Whether it gets a pseudo-terminal of the box's.
    pub terminal: bool,
    /// The box's host name, which its `hosts` file must know.
    pub hostname: String,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The first of these shells that the box has, interactively.
    Shell(Vec<PathBuf>),
    /// A program, found by the session's `PATH`, and its arguments.
    Program(Vec<OsString>),
}

/// Where a session starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkDir {
    /// In this directory, or not at all: the user named it.
    Named(PathBuf),
    /// In this directory, which the box has in common with the host; in the home where it is gone.
    Shared {
        /// The directory.
        dir: PathBuf,
        /// The home.
        home: PathBuf,
    },
    /// In the home, because the box does not see this directory of the host's.
    NotVisible {
        /// The directory.
        dir: PathBuf,
        /// The home.
        home: PathBuf,
    },
    /// In the home, as asked.
    Home(PathBuf),
}

impl SessionPlan {
    /// Plans a session.
    pub fn new(request: &SessionRequest<'_>) -> Self {
        let user = &request.host.user;
        let own = env::Own {
            box_name: request.name.as_str(),
            uid: user.uid,
            user: &user.name,
            home: &user.home,
            configured: &request.config.env,
        };
        let command = match request.command {
            [] => Command::Shell(shells(request.config, user)),
            words => Command::Program(words.to_vec()),
        };
        Self {
            command,
            env: env::session(&request.host.env, &own),
            workdir: workdir(request),
            owner: (user.uid, user.gid),
            terminal: request.terminal,
            hostname: request.config.hostname.as_ref().unwrap_or(request.name).to_string(),
        }
    }
}

fn workdir(request: &SessionRequest<'_>) -> WorkDir {
    let (dir, home) = (request.host.cwd.clone(), request.host.user.home.clone());
    if let Some(named) = request.workdir {
        return WorkDir::Named(named.to_owned());
    }
    if request.at_home {
        return WorkDir::Home(home);
    }
    // Component by component: `/home/al` is not a part of `/home/alice`.
    let hidden = request.hidden.iter().any(|hidden| dir.starts_with(hidden));
    if dir.starts_with(&home) && !hidden { WorkDir::Shared { dir, home } } else { WorkDir::NotVisible { dir, home } }
}

impl fmt::Display for SessionPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (uid, gid) = self.owner;
        match &self.command {
            Command::Shell(shells) => {
                let shells: Vec<String> = shells.iter().map(|shell| shell.display().to_string()).collect();
                writeln!(f, "run       the first there is of {}", shells.join(", "))?;
            }
            Command::Program(words) => {
                let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
                writeln!(f, "run       {}", words.join(" "))?;
            }
        }
        let dir = match &self.workdir {
            WorkDir::Named(dir) | WorkDir::Shared { dir, .. } => dir,
            WorkDir::NotVisible { home, .. } | WorkDir::Home(home) => home,
        };
        writeln!(f, "as        {uid}:{gid}\nin        {}", dir.display())?;
        writeln!(f, "terminal  {}", if self.terminal { "a pty of the box's" } else { "none, stdio as it is" })?;
        write!(f, "env       {} variables", self.env.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Dirs, User};

    fn host(cwd: &str) -> Host {
        let dirs = Dirs { data: "/d".into(), cache: "/c".into(), config: "/f".into() };
        Host { user: User::example(), groups: vec![], env: vec![], cwd: cwd.into(), dirs }
    }

    fn dir(cwd: &str) -> WorkDir {
        let (name, config) = ("deb".parse().unwrap(), BoxConfig::new("debian".into()));
        let hidden = [PathBuf::from("/home/al/.local/share/envbox")];
        let host = host(cwd);
        let request = SessionRequest {
            name: &name,
            config: &config,
            host: &host,
            command: &[],
            workdir: None,
            at_home: false,
            terminal: false,
            hidden: &hidden,
        };
        SessionPlan::new(&request).workdir
    }

    #[test]
    fn the_working_directory_is_compared_by_components() {
        assert!(matches!(dir("/home/al"), WorkDir::Shared { .. }));
        assert!(matches!(dir("/home/al/src/x"), WorkDir::Shared { .. }));
        for outside in ["/home/alice", "/home", "/", "/mnt/home/al", "/home/al/.local/share/envbox/boxes"] {
            assert!(matches!(dir(outside), WorkDir::NotVisible { .. }), "{outside}");
        }
    }

    #[test]
    fn the_users_shell_comes_before_the_others() {
        let config = BoxConfig::new("debian".into());
        let wanted = shells(&config, &host("/").user);
        assert_eq!(wanted[..3], ["/usr/bin/zsh", "/bin/zsh", "/bin/bash"].map(PathBuf::from));
        assert_eq!(wanted.last(), Some(&PathBuf::from("/bin/sh")));
    }
}
