//! How a box's root comes about.

use std::fmt;
use std::path::{Path, PathBuf};

use super::init::InitPlan;
use super::step::{Account, Overlay, Step};
use super::{BoxPath, HostPath, NotABoxPath, RUN_DIR, Shared};
use crate::host::User;
use crate::recipe::settings::{Limits, Network, Port, View};
use crate::recipe::{BoxConfig, BoxName, Change};

mod devices;
mod error;
mod home;
mod mounts;
mod nested;
mod system;
mod workshop;

use devices::{CONTROLS, devices, kernel_views};
pub use error::{Cause, NoBoot};
pub use mounts::Source;
pub use nested::Nested;
pub use workshop::{Provided, Workshop, bootstrap};

/// What a boot plan is made from.
#[derive(Debug, Clone)]
pub struct BootRequest<'a> {
    /// The box's name.
    pub name: &'a BoxName,
    /// Its configuration.
    pub config: &'a BoxConfig,
    /// The user.
    pub user: &'a User,
    /// Whether that is the machine's own root, whom the kernel would obey.
    pub machines_root: bool,
    /// Layers, the lowest first.
    pub layers: Vec<PathBuf>,
    /// The overlay's upper, work and mount directories.
    pub upper: PathBuf,
    /// See `upper`.
    pub work: PathBuf,
    /// See `upper`.
    pub root: PathBuf,
    /// Whether the overlay is fuse-overlayfs.
    pub fuse: bool,
    /// The upper and the work directory of the home, where that is an overlay.
    pub home: [PathBuf; 2],
    /// Directories of the host's that no box may see: the store, the cache.
    pub hidden: Vec<PathBuf>,
    /// What the box has for boxes inside it; `None` where it has no ids for them.
    pub nested: Option<Nested>,
    /// What the project's directory is, for a box that has one.
    pub project: Option<Source>,
    /// What each of the configuration's mounts is of, in their order; none for one in memory.
    pub mounts: Vec<Option<Source>>,
    /// Sockets of the user's session that are shared.
    pub shares: &'a [Shared],
    /// The agent binary.
    pub agent: PathBuf,
    /// What is to be changed in its files.
    pub changes: &'a [Change],
    /// The image's init, for a system box.
    pub init: Option<InitPlan>,
    /// Whether it has a cgroup of its own.
    pub group: bool,
}

/// The steps from nothing to a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootPlan {
    /// What is being set up, for whoever looks at the machine's processes.
    pub name: String,
    /// In this order.
    pub steps: Vec<Step>,
    /// Which network the box has.
    pub network: Network,
    /// Ports of the host that lead into it, where it has one of its own.
    pub ports: Vec<Port>,
    /// What it may use of the machine, of which its programs see as much as [`Limits::seen`] says.
    pub limits: Limits,
    /// Seconds that the keeper stays when nothing is left to keep.
    pub linger: u32,
    /// What is process 1 of a system box.
    pub init: Option<InitPlan>,
    /// The steps that it takes itself before, in a mount namespace of its own. Once more at each start.
    pub fresh: Vec<Step>,
}

impl fmt::Display for BootPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))?;
        match self.network {
            Network::Host => {}
            Network::None => writeln!(f, "network   none")?,
            Network::Private => writeln!(f, "network   private")?,
        }
        self.ports.iter().try_for_each(|port| writeln!(f, "port      {port}"))?;
        match self.limits.seen() {
            View::Full => writeln!(f, "view      its limits, in /proc and /sys and by sysinfo(2)")?,
            View::Files => writeln!(f, "view      its limits, in /proc and /sys")?,
            View::None => {}
        }
        self.init.iter().try_for_each(|init| writeln!(f, "init      {init}"))?;
        self.fresh.iter().try_for_each(|step| writeln!(f, "  {step}"))
    }
}

impl BootPlan {
    /// These steps and nothing else: no network but the host's, and nothing that stays.
    pub fn of(name: &str, steps: Vec<Step>) -> Self {
        Self {
            name: name.to_owned(),
            steps,
            network: Network::Host,
            ports: Vec::new(),
            limits: Limits::default(),
            linger: 0,
            init: None,
            fresh: Vec::new(),
        }
    }

    /// Plans the boot of a box.
    ///
    /// # Errors
    /// [`NoBoot`].
    pub fn new(request: &BootRequest<'_>) -> Result<Self, NoBoot> {
        let user = request.user;
        if request.machines_root && request.init.is_some() {
            return Err(NoBoot::MachinesRoot);
        }
        let home = home::place(user)?;
        let host = |path: &Path| HostPath(path.to_owned());
        let mut steps = vec![Step::Overlay(Overlay {
            fuse: request.fuse,
            layers: request.layers.iter().map(|layer| host(layer)).collect(),
            upper: host(&request.upper),
            work: host(&request.work),
            root: host(&request.root),
            volatile: false,
        })];
        steps.extend(devices());
        steps.extend(kernel_views(request.config));
        if request.machines_root {
            steps.extend(CONTROLS.map(|at| Step::ReadOnly { at: BoxPath::known(at) }));
        }
        steps.extend(runtime_dirs(user));
        // The session keeps these three up to date with the host's; only links to them are written to the box itself.
        steps.extend(["resolv.conf", "hosts", "localtime"].map(|name| Step::Symlink {
            at: BoxPath::known(Path::new("/etc").join(name)),
            target: Path::new(RUN_DIR).join(name),
        }));
        let hostname = request.config.hostname.as_ref().unwrap_or(request.name).to_string();
        steps.extend(request.init.iter().flat_map(|init| system::prepared(request, init, &hostname)));
        if user.uid != 0 {
            steps.push(account(user, home.clone(), shells(request.config, user)));
        }
        steps.extend(request.changes.iter().map(change).collect::<Result<Vec<_>, _>>()?);
        steps.extend(nested::steps(request));
        steps.push(Step::Supervisor { agent: host(&request.agent) });
        steps.push(Step::Sudo { user: user.name.clone(), agent: host(&request.agent) });
        // Last of all, so that no link in a hostile image leads an earlier step into what is the user's own.
        steps.extend(mounts::world(request, &home)?);
        if !request.config.nesting {
            steps.push(Step::NoNesting);
        }
        steps.push(Step::PivotRoot);
        steps.push(Step::Seal);
        // These are of namespaces that the seal has made.
        steps.push(Step::Mqueue { at: BoxPath::known("/dev/mqueue") });
        if request.group {
            steps.push(Step::Cgroups { at: BoxPath::known("/sys/fs/cgroup") });
        }
        steps.push(Step::Hostname(hostname));
        let fresh = request.init.iter().flat_map(|init| system::fresh(user, init, &steps)).collect();
        Ok(Self {
            name: request.name.to_string(),
            steps,
            network: request.config.network,
            ports: request.config.ports.clone(),
            limits: request.config.limits.clone(),
            linger: request.config.linger,
            init: request.init.clone(),
            fresh,
        })
    }
}

fn account(user: &User, home: BoxPath, shells: Vec<PathBuf>) -> Step {
    Step::Account(Account {
        name: user.name.clone(),
        uid: user.uid,
        gid: user.gid,
        group: user.group.clone(),
        gecos: user.gecos.clone(),
        home,
        shells,
    })
}

/// The steps that change files of a root, which is the first of them.
///
/// # Errors
/// [`NotABoxPath`], for a file that no box can have.
pub fn changes(root: Step, changes: &[Change]) -> Result<BootPlan, NotABoxPath> {
    let changes = changes.iter().map(change).collect::<Result<Vec<_>, _>>()?;
    let steps = std::iter::once(root).chain(changes).collect();
    Ok(BootPlan::of("changes", steps))
}

fn change(change: &Change) -> Result<Step, NotABoxPath> {
    Ok(match change {
        Change::Write { path, content } => {
            Step::File { at: BoxPath::new(path)?, mode: 0o644, content: content.clone().into_bytes() }
        }
        Change::Replace { path, line, with } => {
            Step::ReplaceLine { at: BoxPath::new(path)?, line: line.clone(), with: with.clone() }
        }
    })
}

/// Shells, the one wanted most first.
pub(super) fn shells(config: &BoxConfig, user: &User) -> Vec<PathBuf> {
    let mut wanted: Vec<PathBuf> = config.shell.iter().cloned().collect();
    // Where the host has it, and where the box may have it.
    wanted.push(user.shell.clone());
    if let Some(name) = user.shell.file_name() {
        wanted.extend(["/bin", "/usr/bin"].map(|dir| Path::new(dir).join(name)));
    }
    wanted.extend(["/bin/bash", "/usr/bin/bash", "/bin/ash", "/bin/sh"].map(PathBuf::from));
    let mut seen = Vec::new();
    wanted.retain(|shell| {
        !seen.contains(shell) && {
            seen.push(shell.clone());
            true
        }
    });
    wanted
}

fn runtime_dirs(user: &User) -> Vec<Step> {
    let own = (user.uid, user.gid);
    let dir = |at: &str, mode, owner| Step::MakeDir { at: BoxPath::known(at), mode, owner };
    vec![
        Step::Tmpfs { at: BoxPath::known("/run"), mode: 0o755 },
        dir("/run/lock", 0o1777, (0, 0)),
        dir(RUN_DIR, 0o755, (0, 0)),
        dir("/run/user", 0o755, (0, 0)),
        dir(&format!("/run/user/{}", user.uid), 0o700, own),
        // The image's own directory, in the box's own upper: it costs no memory, and outlives a pause.
        dir("/tmp", 0o1777, (0, 0)),
        containerenv(),
    ]
}

/// What OpenRC, toolbox and many scripts look for to know that they are in a container.
fn containerenv() -> Step {
    Step::File { at: BoxPath::known("/run/.containerenv"), mode: 0o644, content: b"engine=\"envbox\"\n".to_vec() }
}
