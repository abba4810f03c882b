//! What runs in a box, and with what around it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::boot::shells;
use super::user::is_caller;
use super::{BoxPath, NOT_ROOT, NotABoxPath, Person, Who, env};
use crate::host::Host;
use crate::image::accounts::{ParseUserError, UserSpec};
use crate::image::oci::RunConfig;
use crate::image::signal_number;
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
    /// For the image's own command: the number of the signal that asks it to end, in the place of all others.
    pub stop_signal: Option<i32>,
    /// What the user should know.
    pub notes: Vec<String>,
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
    /// In this directory, or not at all: the user named it, or the image whose command it is.
    Named(PathBuf),
    /// In this directory, which the box has in common with the host; in the home where it is gone.
    Shared(PathBuf),
    /// In the home, because the box does not see this directory of the host's.
    NotVisible(PathBuf),
    /// In the home, as asked.
    Home,
}

/// What the image says does not make a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSession {
    /// It was to run the image's own command, and there is none.
    #[error("the image of box `{0}` has no command of its own")]
    NoCommand(BoxName),
    /// The image's user is none.
    #[error("the image has no valid user for its command")]
    User(#[from] ParseUserError),
    /// The image's working directory is none.
    #[error("the image has no valid working directory for its command")]
    WorkDir(#[from] NotABoxPath),
    /// More variables than anybody has use for.
    #[error("the image sets {0} environment variables, and {MOST_VARIABLES} are the most")]
    Variables(usize),
}

/// Variables that an image may set. The kernel takes no more than some megabytes of them all (execve(2)).
const MOST_VARIABLES: usize = 4096;

impl SessionPlan {
    /// Plans a session.
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn new(request: &SessionRequest<'_>) -> Result<Self, NoSession> {
        let SessionRequest { config, image, .. } = *request;
        let user = &request.host.user;
        if image.env.len() > MOST_VARIABLES {
            return Err(NoSession::Variables(image.env.len()));
        }
        let mut plan = Self {
            command: command(request)?,
            env: Vec::new(),
            workdir: workdir(request)?,
            who: Who::new(user, request.user),
            caller: Person::caller(user),
            terminal: request.terminal,
            hostname: config.hostname.as_ref().unwrap_or(request.name).to_string(),
            stop_signal: None,
            notes: Vec::new(),
        };
        if request.what == What::ImagesOwn {
            plan.take_wishes(request)?;
        }
        plan.env = env::session(
            &request.host.env,
            &env::Sources {
                box_name: request.name.as_str(),
                image: &image.env,
                configured: &config.env,
                other_user: plan.who != Who::Caller,
            },
        );
        Ok(plan)
    }

    /// What the image wishes for its own command, as far as that is no more than the caller asked for.
    fn take_wishes(&mut self, request: &SessionRequest<'_>) -> Result<(), NoSession> {
        let SessionRequest { image, host, config, .. } = *request;
        if request.user.is_none() {
            // No user at all means root (image-spec, config.md leaves it to the runtime, and all take root).
            let spec: UserSpec = if image.user.is_empty() { "root" } else { &image.user }.parse()?;
            match spec.is_root() {
                true if host.user.uid == 0 => {}
                true => self.notes.push(NOT_ROOT.to_owned()),
                false if is_caller(&host.user, &spec) => {}
                false => self.who = Who::Image(spec),
            }
        }
        let known = signal_number(&image.stop_signal);
        if known.is_none() && !image.stop_signal.is_empty() {
            self.notes.push(format!("`{}` is no signal: the image's command is stopped by SIGTERM", image.stop_signal));
        }
        self.stop_signal = Some(known.unwrap_or(SIGTERM));
        self.notes.extend(declared(image, config.ephemeral));
        Ok(())
    }
}

/// The signal that asks a program to end (signal(7)).
const SIGTERM: i32 = 15;

fn command(request: &SessionRequest<'_>) -> Result<Command, NoSession> {
    match request.what {
        What::Shell => Ok(Command::Shell(shells(request.config, &request.host.user))),
        What::Command(words) => Ok(Command::Program(words.to_vec())),
        What::ImagesOwn => {
            let words: Vec<OsString> =
                request.image.entrypoint.iter().chain(&request.image.cmd).map(OsString::from).collect();
            match words.is_empty() {
                true => Err(NoSession::NoCommand(request.name.clone())),
                false => Ok(Command::Program(words)),
            }
        }
    }
}

/// What an image declares for engines with a network and volumes of their own, and what that means here.
fn declared(image: &RunConfig, ephemeral: bool) -> Option<String> {
    const SHOWN: usize = 8;
    let list = |what: &str, items: &[String], meaning: &str| {
        let shown: Vec<&str> = items.iter().take(SHOWN).map(String::as_str).collect();
        let more = if items.len() > SHOWN { ", …" } else { "" };
        (!items.is_empty()).then(|| format!("{what} {}{more} {meaning}", shown.join(", ")))
    };
    let volumes = if ephemeral { "(in the box, and removed with it)" } else { "(in the box)" };
    let ports = list("ports", &image.exposed_ports, "(on the host's network, which the box shares)");
    let declared: Vec<String> = ports.into_iter().chain(list("volumes", &image.volumes, volumes)).collect();
    (!declared.is_empty()).then(|| format!("the image declares {}", declared.join(" and ")))
}

fn workdir(request: &SessionRequest<'_>) -> Result<WorkDir, NoSession> {
    if let Some(named) = request.workdir {
        return Ok(WorkDir::Named(named.to_owned()));
    }
    if request.at_home {
        return Ok(WorkDir::Home);
    }
    if request.what == What::ImagesOwn {
        let dir = Some(&*request.image.working_dir).filter(|dir| !dir.is_empty()).unwrap_or("/");
        return Ok(WorkDir::Named(BoxPath::new(dir)?.as_path().to_owned()));
    }
    let (dir, home) = (request.host.cwd.clone(), &request.host.user.home);
    // Component by component: `/home/al` is not a part of `/home/alice`.
    let hidden = request.hidden.iter().any(|hidden| dir.starts_with(hidden));
    Ok(if dir.starts_with(home) && !hidden { WorkDir::Shared(dir) } else { WorkDir::NotVisible(dir) })
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
            Who::Asked(spec) | Who::Image(spec) => writeln!(f, "as        {spec}")?,
        }
        match (&self.workdir, &self.who) {
            (WorkDir::Named(dir) | WorkDir::Shared(dir), _) => writeln!(f, "in        {}", dir.display())?,
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
        assert_eq!(plan.workdir, WorkDir::Named("/srv".into()));
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
    fn an_image_is_root_only_where_that_is_asked_for() {
        for root in ["", "0", "root", "root:root", "0:7", "000"] {
            let wishes = RunConfig { user: root.into(), ..image() };
            let given = own(&wishes).unwrap();
            assert_eq!((given.who, given.notes), (Who::Caller, vec![NOT_ROOT.to_owned()]), "{root}");
            let asked = plan("/", &wishes, What::ImagesOwn, Some("root")).unwrap();
            assert_eq!((asked.who, asked.notes.len()), (Who::Asked("root".parse().unwrap()), 0), "{root}");
        }
    }

    #[test]
    fn hostile_wishes_are_errors() {
        assert_eq!(own(&RunConfig::default()), Err(NoSession::NoCommand("deb".parse().unwrap())));
        for user in ["-1", "4294967295", "1:", "a:b:c", "x\0"] {
            let wishes = RunConfig { user: user.into(), ..image() };
            assert!(matches!(own(&wishes), Err(NoSession::User(_))), "{user}");
        }
        for dir in ["srv", "../x", "/a/../../b", "."] {
            let wishes = RunConfig { working_dir: dir.into(), ..image() };
            assert!(matches!(own(&wishes), Err(NoSession::WorkDir(_))), "{dir}");
        }
        let many = RunConfig { env: vec!["A=1".into(); MOST_VARIABLES + 1], ..image() };
        assert_eq!(own(&many), Err(NoSession::Variables(MOST_VARIABLES + 1)));
    }

    #[test]
    fn signals_ports_and_volumes_are_told_of() {
        let of = |signal: &str| own(&RunConfig { user: "app".into(), stop_signal: signal.into(), ..image() }).unwrap();
        assert_eq!((of("SIGQUIT").stop_signal, of("SIGQUIT").notes.len()), (Some(3), 0));
        assert_eq!((of("SIGNONE").stop_signal, of("SIGNONE").notes.len()), (Some(15), 1));
        let ports: Vec<String> = (0..20).map(|port| format!("{port}/tcp")).collect();
        let declared = RunConfig { user: "app".into(), exposed_ports: ports, volumes: vec!["/data".into()], ..image() };
        let notes = own(&declared).unwrap().notes;
        assert_eq!(notes.len(), 1);
        assert!(
            notes[0].contains("7/tcp, …") && notes[0].contains("/data") && !notes[0].contains("8/tcp"),
            "{notes:?}"
        );
    }
}
