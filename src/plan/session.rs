//! What runs in a box, and with what around it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::boot::shells;
use super::{BoxPath, NoSession, Person, Shared, Socket, Who, env, wishes};
use crate::host::Host;
use crate::image::accounts::UserSpec;
use crate::image::oci::RunConfig;
use crate::recipe::settings::{Home, Init, Network};
use crate::recipe::{BoxConfig, BoxName};

/// What a session plan is made from.
#[derive(Debug, Clone)]
pub struct SessionRequest<'a> {
    /// The box's name.
    pub name: &'a BoxName,
    /// Its configuration.
    pub config: &'a BoxConfig,
    /// What its image wants of a process.
    pub image: &'a RunConfig,
    /// Who asks, from where, with what environment.
    pub host: &'a Host,
    /// What to run.
    pub what: What<'a>,
    /// Who to be instead of the caller, or of the user that the image has for its own command.
    pub user: Option<&'a UserSpec>,
    /// A working directory in the box that was asked for by name.
    pub workdir: Option<&'a Path>,
    /// Whether to start in the home instead of the caller's working directory.
    pub at_home: bool,
    /// Whether standard input and output are a terminal.
    pub terminal: bool,
    /// Directories of the host's that no box sees.
    pub hidden: &'a [PathBuf],
    /// The working directory with no link in it, for a box that has a project.
    pub real_cwd: Option<&'a Path>,
    /// Sockets of the user's session that are shared.
    pub shares: &'a [Shared],
    /// Whether it is a login, in a box that has a system to log in to.
    pub login: bool,
}

/// What is asked to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What<'a> {
    /// The user's shell.
    Shell,
    /// A program and its arguments.
    Command(&'a [OsString]),
    /// The image's own command: its entry point and what comes after that.
    ImagesOwn,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPlan {
    /// What to run.
    pub command: Command,
    /// Its environment, except for who it is ([`Person::variables`]).
    pub env: Vec<(OsString, OsString)>,
    /// Where it starts.
    pub workdir: WorkDir,
    /// Who it is.
    pub who: Who,
    /// Who asks.
    pub caller: Person,
    /// Whether it gets a pseudo-terminal of the box's.
    pub terminal: bool,
    /// The box's host name, which its `hosts` file must know.
    pub hostname: String,
    /// Which network the box has, and with it which resolver.
    pub network: Network,
    /// For the image's own command: the number of the signal that asks it to end, in the place of all others.
    pub stop_signal: Option<i32>,
    /// Sockets that the box must have as the host has them now.
    pub sockets: Vec<Socket>,
    /// Whether it goes on by itself, without a terminal or anything else of the caller's: nobody waits for its end. The
    /// connection to the keeper goes with it, so it is a session for as long as it runs.
    pub detached: bool,
    /// What each of its processes may use, where no cgroup says it for all of the box.
    pub bounds: Bounds,
    /// Whether the box's logind is to know of it, if there is one.
    pub login: bool,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// What each process by itself may use of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Processors by number; all, where there are none.
    pub processors: Vec<u32>,
    /// Bytes of memory that are its own (getrlimit(2), `RLIMIT_DATA`).
    pub memory: Option<u64>,
    /// Processes and threads of its user's in the box (`RLIMIT_NPROC`).
    pub pids: Option<u64>,
    /// Open files (`RLIMIT_NOFILE`).
    pub nofile: Option<u64>,
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
    /// In this directory, which the image names for its own command; at the top of the box where the image lacks it. It is
    /// not made: an image could otherwise make directories in the user's home.
    Image(PathBuf),
    /// In this directory, which the box has in common with the host; in the home where it is gone.
    Shared(PathBuf),
    /// In the home, because the box does not see this directory of the host's.
    NotVisible(PathBuf),
    /// In the home, as asked.
    Home,
}

impl SessionPlan {
    /// Plans a session.
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn new(request: &SessionRequest<'_>) -> Result<Self, NoSession> {
        let SessionRequest { config, image, .. } = *request;
        let user = &request.host.user;
        let configured =
            config.user.as_deref().map(str::parse::<UserSpec>).transpose().map_err(NoSession::Configured)?;
        let mut plan = Self {
            command: command(request)?,
            env: Vec::new(),
            workdir: workdir(request)?,
            who: Who::new(user, request.user.or(configured.as_ref())),
            caller: Person::caller(user),
            terminal: request.terminal,
            hostname: config.hostname.as_ref().unwrap_or(request.name).to_string(),
            network: config.network,
            stop_signal: None,
            sockets: request.shares.iter().filter_map(Shared::socket).collect(),
            notes: request.shares.iter().filter(|share| share.socket.is_none()).map(not_there).collect(),
            detached: false,
            bounds: Bounds::default(),
            login: request.login && config.init != Init::None,
        };
        if request.what == What::ImagesOwn {
            if request.user.is_none() && configured.is_none() {
                plan.who = wishes::who(image, user, &mut plan.notes)?;
            }
            plan.stop_signal = Some(wishes::stop_signal(image, &mut plan.notes));
            plan.notes.extend(wishes::declared(image, config.ephemeral));
        }
        plan.env = env::session(
            &request.host.env,
            &env::Sources {
                box_name: request.name.as_str(),
                image: wishes::variables(image)?,
                shared: request.shares.iter().flat_map(Shared::variables).collect(),
                configured: &config.env,
                other_user: plan.who != Who::Caller,
                system: config.init != Init::None,
            },
        );
        Ok(plan)
    }
}

fn command(request: &SessionRequest<'_>) -> Result<Command, NoSession> {
    match request.what {
        What::Shell => Ok(Command::Shell(shells(request.config, &request.host.user))),
        What::Command(words) => Ok(Command::Program(words.to_vec())),
        What::ImagesOwn => wishes::command(request.image, request.name).map(Command::Program),
    }
}

fn workdir(request: &SessionRequest<'_>) -> Result<WorkDir, NoSession> {
    if let Some(named) = request.workdir {
        return Ok(WorkDir::Named(named.to_owned()));
    }
    if request.at_home {
        return Ok(WorkDir::Home);
    }
    let configured = request.config.workdir.as_deref().map(configured).transpose()?;
    if request.what == What::ImagesOwn {
        if let Some(dir) = configured {
            return Ok(dir);
        }
        return wishes::workdir(request.image).map(WorkDir::Image);
    }
    let dir = &request.host.cwd;
    if is_visible(request, dir) {
        return Ok(WorkDir::Shared(dir.clone()));
    }
    // The home of the box is what the box has of that place.
    if *dir == request.host.user.home {
        return Ok(WorkDir::Home);
    }
    match request.real_cwd.filter(|dir| is_visible(request, dir)) {
        Some(dir) => Ok(WorkDir::Shared(dir.to_owned())),
        None => Ok(configured.unwrap_or_else(|| WorkDir::NotVisible(dir.clone()))),
    }
}

fn configured(dir: &Path) -> Result<WorkDir, NoSession> {
    BoxPath::new(dir)
        .map(|dir| WorkDir::Named(dir.as_path().to_owned()))
        .map_err(|_| NoSession::NoPlace(dir.to_owned()))
}

/// Whether the box has a directory of the host's at its own path. Component by component: `/home/al` is not a part of
/// `/home/alice`.
fn is_visible(request: &SessionRequest<'_>, dir: &Path) -> bool {
    let has_home = matches!(request.config.home, Home::Host | Home::Overlay);
    let in_home = has_home && dir.starts_with(&request.host.user.home);
    let in_project = request.config.project.as_ref().is_some_and(|origin| dir.starts_with(&origin.root));
    (in_home || in_project) && !request.hidden.iter().any(|hidden| dir.starts_with(hidden))
}

fn not_there(share: &Shared) -> String {
    format!("share: {}: your session on the host has no socket of that kind", share.wanted.name())
}

impl fmt::Display for SessionPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        match &self.who {
            Who::Caller => writeln!(f, "as        {}:{}", self.caller.uid, self.caller.gid)?,
            Who::BoxRoot => writeln!(f, "as        0:0")?,
            Who::Asked(spec) | Who::Image(spec) => writeln!(f, "as        {spec}")?,
        }
        match (&self.workdir, &self.who) {
            (WorkDir::Named(dir) | WorkDir::Image(dir) | WorkDir::Shared(dir), _) => {
                writeln!(f, "in        {}", dir.display())?;
            }
            (_, Who::Caller) => writeln!(f, "in        {}", self.caller.home.display())?,
            _ => writeln!(f, "in        that user's home")?,
        }
        writeln!(f, "terminal  {}", if self.terminal { "a pty of the box's" } else { "none, stdio as it is" })?;
        let own = self.caller.variables().len();
        write!(f, "env       {} variables", self.env.len() + own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Dirs, User};
    use crate::recipe::Origin;

    fn host(cwd: &str) -> Host {
        let dirs = Dirs { data: "/d".into(), cache: "/c".into(), config: "/f".into() };
        Host { user: User::example(), groups: vec![], env: vec![], cwd: cwd.into(), dirs }
    }

    fn plan(cwd: &str, image: &RunConfig, what: What<'_>, user: Option<&str>) -> Result<SessionPlan, NoSession> {
        let (name, config) = ("deb".parse().unwrap(), BoxConfig::new("debian".into()));
        let hidden = [PathBuf::from("/home/al/.local/share/envbox")];
        let host = host(cwd);
        let user: Option<UserSpec> = user.map(|user| user.parse().unwrap());
        SessionPlan::new(&SessionRequest {
            name: &name,
            config: &config,
            image,
            host: &host,
            what,
            user: user.as_ref(),
            workdir: None,
            at_home: false,
            terminal: false,
            hidden: &hidden,
            real_cwd: None,
            shares: &[],
            login: false,
        })
    }

    fn own(image: &RunConfig) -> Result<SessionPlan, NoSession> {
        plan("/home/al/src", image, What::ImagesOwn, None)
    }

    fn image() -> RunConfig {
        RunConfig { entrypoint: vec!["/entry".into()], cmd: vec!["serve".into()], ..RunConfig::default() }
    }

    #[test]
    fn the_working_directory_is_compared_by_components() {
        let dir = |cwd: &str| plan(cwd, &RunConfig::default(), What::Shell, None).unwrap().workdir;
        assert!(matches!(dir("/home/al"), WorkDir::Shared(_)));
        assert!(matches!(dir("/home/al/src/x"), WorkDir::Shared(_)));
        for outside in ["/home/alice", "/home", "/", "/mnt/home/al", "/home/al/.local/share/envbox/boxes"] {
            assert!(matches!(dir(outside), WorkDir::NotVisible(_)), "{outside}");
        }
    }

    #[test]
    fn a_box_may_have_a_user_and_a_place_of_its_own() {
        let (name, mut config) = ("deb".parse().unwrap(), BoxConfig::new("debian".into()));
        config.user = Some("app:www".into());
        config.workdir = Some("/srv".into());
        config.project = Some(Origin { root: "/mnt/p".into(), variant: None });
        let plan = |config: &BoxConfig, cwd: &str, what, user: Option<&UserSpec>| {
            SessionPlan::new(&SessionRequest {
                name: &name,
                config,
                image: &RunConfig { user: "www".into(), working_dir: "/var".into(), ..image() },
                host: &host(cwd),
                what,
                user,
                workdir: None,
                at_home: false,
                terminal: false,
                hidden: &[],
                real_cwd: None,
                shares: &[],
                login: false,
            })
        };
        for what in [What::Shell, What::ImagesOwn] {
            let plan = plan(&config, "/opt", what, None).unwrap();
            assert_eq!(
                (plan.who, plan.workdir),
                (Who::Asked("app:www".parse().unwrap()), WorkDir::Named("/srv".into()))
            );
        }
        let asked = "root".parse().unwrap();
        let inside = plan(&config, "/mnt/p/src", What::Shell, Some(&asked)).unwrap();
        assert_eq!((inside.who, inside.workdir), (Who::Asked(asked), WorkDir::Shared("/mnt/p/src".into())));
        for (user, workdir) in [("a b:c:d", "/"), ("root", "../x"), ("root", "x")] {
            let config = BoxConfig { user: Some(user.into()), workdir: Some(workdir.into()), ..config.clone() };
            assert!(plan(&config, "/opt", What::Shell, None).is_err(), "{user} {workdir}");
        }
    }

    #[test]
    fn the_users_shell_comes_before_the_others() {
        let config = BoxConfig::new("debian".into());
        let wanted = shells(&config, &host("/").user);
        assert_eq!(wanted[..3], ["/usr/bin/zsh", "/bin/zsh", "/bin/bash"].map(PathBuf::from));
        assert_eq!(wanted.last(), Some(&PathBuf::from("/bin/sh")));
    }

    #[test]
    fn the_images_own_command_runs_where_and_as_whom_the_image_says() {
        let wishes = RunConfig { user: "app:www".into(), working_dir: "/srv".into(), ..image() };
        let plan = own(&wishes).unwrap();
        assert_eq!(plan.command, Command::Program(vec!["/entry".into(), "serve".into()]));
        assert_eq!(plan.workdir, WorkDir::Image("/srv".into()));
        assert_eq!(plan.who, Who::Image("app:www".parse().unwrap()));
        assert_eq!((plan.stop_signal, plan.notes.len()), (Some(15), 0));
    }

    #[test]
    fn any_other_command_is_the_callers_in_the_callers_place() {
        let wishes = RunConfig { user: "app".into(), working_dir: "/srv".into(), ..image() };
        let words = ["x".into()];
        let plan = plan("/home/al/src", &wishes, What::Command(&words), None).unwrap();
        assert_eq!(plan.command, Command::Program(words.to_vec()));
        assert_eq!((plan.who, plan.stop_signal), (Who::Caller, None));
        assert_eq!(plan.workdir, WorkDir::Shared("/home/al/src".into()));
    }

    #[test]
    fn what_is_asked_for_comes_before_what_the_image_says() {
        let wishes = RunConfig { user: "app".into(), ..image() };
        let asked = plan("/", &wishes, What::ImagesOwn, Some("root")).unwrap();
        assert_eq!((asked.who, asked.notes.len()), (Who::Asked("root".parse().unwrap()), 0));
        let own = plan("/", &RunConfig::default(), What::ImagesOwn, None);
        assert_eq!(own, Err(NoSession::NoCommand("deb".parse().unwrap())));
    }
}
