//! How a box's root comes about.

use std::fmt;
use std::path::{Path, PathBuf};

use super::step::{Account, Kind, Overlay, Step};
use super::{BoxPath, HostPath, NotABoxPath, RUN_DIR};
use crate::host::User;
use crate::recipe::{BoxConfig, BoxName, Change};

/// What a boot plan is made from.
#[derive(Debug, Clone)]
pub struct BootRequest<'a> {
    /// The box's name.
    pub name: &'a BoxName,
    /// Its configuration.
    pub config: &'a BoxConfig,
    /// The user.
    pub user: &'a User,
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
    /// Directories of the host's that no box may see: the store, the cache.
    pub hidden: Vec<PathBuf>,
    /// The agent binary.
    pub agent: PathBuf,
}

/// The steps from nothing to a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootPlan {
    /// What is being set up, for whoever looks at the machine's processes.
    pub name: String,
    /// In this order.
    pub steps: Vec<Step>,
    /// Seconds that the keeper stays when nothing is left to keep.
    pub linger: u32,
}

impl fmt::Display for BootPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// The host's devices that every box has.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Devices that a box has where the host lets this user open them.
const OPTIONAL_DEVICES: [&str; 5] = ["fuse", "net", "kvm", "dri", "snd"];

/// Files by which the machine's own root rules the kernel, as proc has them. In a user's box they belong to an id that is
/// not there; in root's own they would do as they are told.
const CONTROLS: [&str; 5] = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"];

/// Directories that a box has of its own: with the host's in their place it would be the host.
const OWN: [&str; 13] =
    ["/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"];

/// The user's home directory cannot be bound into a box.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAHome {
    /// It is no path that a box can have.
    #[error(transparent)]
    Path(#[from] NotABoxPath),
    /// It is a directory that the box has of its own.
    #[error("the home directory is `{}`, which a box has of its own", .0.display())]
    Own(PathBuf),
}

impl BootPlan {
    /// Plans the boot of a box.
    ///
    /// # Errors
    /// [`NotAHome`].
    pub fn new(request: &BootRequest<'_>) -> Result<Self, NotAHome> {
        let user = request.user;
        let home = BoxPath::new(&user.home)?;
        if OWN.iter().any(|own| Path::new(own) == home.as_path()) {
            return Err(NotAHome::Own(user.home.clone()));
        }
        let host = |path: &Path| HostPath(path.to_owned());
        let mut steps = vec![Step::Overlay(Overlay {
            fuse: request.fuse,
            layers: request.layers.iter().map(|layer| host(layer)).collect(),
            upper: host(&request.upper),
            work: host(&request.work),
            root: host(&request.root),
        })];
        steps.extend(devices());
        steps.extend(kernel_views());
        if user.uid == 0 {
            steps.extend(CONTROLS.map(|at| Step::ReadOnly { at: BoxPath::known(at) }));
        }
        steps.extend(runtime_dirs(user));
        // The session keeps these three up to date with the host's; only links to them are written to the box itself.
        steps.extend(["resolv.conf", "hosts", "localtime"].map(|name| Step::Symlink {
            at: BoxPath::known(Path::new("/etc").join(name)),
            target: Path::new(RUN_DIR).join(name),
        }));
        if user.uid != 0 {
            steps.push(Step::Account(Account {
                name: user.name.clone(),
                uid: user.uid,
                gid: user.gid,
                group: user.group.clone(),
                gecos: user.gecos.clone(),
                home: home.clone(),
                shells: shells(request.config, user),
            }));
        }
        steps.push(Step::Supervisor { agent: host(&request.agent) });
        steps.push(Step::Sudo { user: user.name.clone(), agent: host(&request.agent) });
        // Last of all, so that no link in a hostile image leads an earlier step into what is the user's own.
        steps.push(Step::Bind {
            from: host(&user.home),
            at: home,
            kind: Kind::Directory,
            read_only: false,
            optional: false,
        });
        steps.extend(hidden_in(&request.hidden, &user.home));
        steps.push(Step::PivotRoot);
        steps.push(Step::Seal);
        // Both are of namespaces that the seal has made.
        steps.push(Step::Mqueue { at: BoxPath::known("/dev/mqueue") });
        let hostname = request.config.hostname.as_ref().unwrap_or(request.name);
        steps.push(Step::Hostname(hostname.to_string()));
        Ok(Self { name: request.name.to_string(), steps, linger: request.config.linger })
    }
}

/// The steps to a root in which a distribution's own tools can finish it: devices, proc and nothing of the user's. `root` is
/// the first of them.
pub fn bootstrap(root: Step) -> BootPlan {
    let mut steps = vec![root];
    steps.extend(devices());
    steps.push(Step::Proc { at: BoxPath::known("/proc") });
    steps.push(Step::Hostname("localhost".to_owned()));
    steps.push(Step::PivotRoot);
    BootPlan { name: "bootstrap".to_owned(), steps, linger: 0 }
}

/// The steps that change files of a root, which is the first of them.
///
/// # Errors
/// [`NotABoxPath`], for a file that no box can have.
pub fn changes(root: Step, changes: &[Change]) -> Result<BootPlan, NotABoxPath> {
    let mut steps = vec![root];
    for change in changes {
        steps.push(match change {
            Change::Write { path, content } => {
                Step::File { at: BoxPath::new(path)?, mode: 0o644, content: content.clone().into_bytes() }
            }
            Change::Replace { path, line, with } => {
                Step::ReplaceLine { at: BoxPath::new(path)?, line: line.clone(), with: with.clone() }
            }
        });
    }
    Ok(BootPlan { name: "changes".to_owned(), steps, linger: 0 })
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

fn devices() -> Vec<Step> {
    let dev = |name: &str| Path::new("/dev").join(name);
    let mut steps = vec![Step::Tmpfs { at: BoxPath::known("/dev"), mode: 0o755 }];
    steps.extend(DEVICES.map(|name| Step::Bind {
        from: HostPath(dev(name)),
        at: BoxPath::known(dev(name)),
        kind: Kind::File,
        read_only: false,
        optional: false,
    }));
    steps.push(Step::Devpts { at: BoxPath::known("/dev/pts") });
    steps.push(Step::Tmpfs { at: BoxPath::known("/dev/shm"), mode: 0o1777 });
    steps.push(Step::MakeDir { at: BoxPath::known("/dev/mqueue"), mode: 0o755, owner: (0, 0) });
    let links = [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ];
    steps.extend(links.map(|(at, target)| Step::Symlink { at: BoxPath::known(dev(at)), target: target.into() }));
    steps
}

/// The kernel's own file systems, as an application box sees them. Nothing is mounted over parts of `/proc`: that would
/// keep every user namespace inside from mounting its own (mount_too_revealing in the kernel's fs/namespace.c), and the
/// dangerous files in it belong to a root that is not mapped here.
fn kernel_views() -> Vec<Step> {
    let mut steps = vec![
        Step::Proc { at: BoxPath::known("/proc") },
        // A sysfs of one's own needs a network namespace of one's own; the host's, read-only, is the other way.
        Step::Bind {
            from: HostPath("/sys".into()),
            at: BoxPath::known("/sys"),
            kind: Kind::Directory,
            read_only: true,
            optional: false,
        },
    ];
    steps.extend(OPTIONAL_DEVICES.map(|name| {
        let at = Path::new("/dev").join(name);
        let kind = if matches!(name, "net" | "dri" | "snd") { Kind::Directory } else { Kind::File };
        Step::Bind { from: HostPath(at.clone()), at: BoxPath::known(at), kind, read_only: false, optional: true }
    }));
    steps
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
        // What OpenRC, toolbox and many scripts look for to know that they are in a container.
        Step::File { at: BoxPath::known("/run/.containerenv"), mode: 0o644, content: b"engine=\"envbox\"\n".to_vec() },
    ]
}

/// The hidden directories that lie under a bound one, where the box would see them.
fn hidden_in(hidden: &[PathBuf], bound: &Path) -> Vec<Step> {
    let inside = hidden.iter().filter(|path| path.starts_with(bound));
    inside.filter_map(|path| BoxPath::new(path).ok()).map(|at| Step::Hide { at }).collect()
}
