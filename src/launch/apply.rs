//! The loop over the steps of a boot plan.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::follow::Follower;
use super::overlay::{self, Fuse};
use super::seal::seal;
use super::{Error, account, home, init, nested};
use crate::plan::{BootPlan, BoxPath, HostPath, Kind, RUN_DIR, SUPERVISOR, Step};
use crate::sys::mount::{self, Attributes, Context};
use crate::sys::process::SingleThread;
use crate::sys::root::{self, Open, Owner};
use crate::sys::{fs, system};
use crate::userns::IdMap;

/// What carrying out a plan takes besides the plan.
pub(super) struct Means<'a> {
    pub(super) proof: &'a SingleThread,
    /// The mounting side, where the overlay is fuse-overlayfs.
    pub(super) fuse: Option<Fuse>,
    /// The map behind the seal, for a plan that has one.
    pub(super) inner: &'a IdMap,
    /// The box's cgroup, where it has one.
    pub(super) payload: Option<&'a OwnedFd>,
}

/// Carries out a plan, as root of the user namespace and in a mount namespace of its own. Afterwards this process's root
/// is the box's. Says each step to `trace` before it is taken.
///
/// # Errors
/// [`Error::Overlay`], [`Error::Step`].
pub(super) fn apply(plan: &BootPlan, means: Means<'_>, trace: &mut dyn FnMut(&Step)) -> Result<(), Error> {
    let step_failed = |step: &Step, source| match step {
        Step::Overlay(_) => Error::Overlay { source },
        _ => Error::Step { step: step.to_string(), source },
    };
    let mut steps = plan.steps.iter();
    let first = steps.next().ok_or(Error::KeeperDied)?;
    trace(first);
    let mut early =
        mount::follow_host().and_then(|()| copies_before(plan)).map_err(|source| step_failed(first, source))?;
    let mut root = open_root(first, means.fuse).map_err(|source| step_failed(first, source))?;
    for step in steps {
        trace(step);
        let taken = match step {
            Step::Seal => seal(means.proof, means.inner, means.payload)
                .and_then(|()| root::open_absolute(Path::new("/"), Open::Directory))
                .map(|behind| root = behind),
            step => take(step, &root, &mut early, means.inner),
        };
        taken.map_err(|source| step_failed(step, source))?;
    }
    Ok(())
}

/// Carries out the steps to the root of a system box's init, in a mount namespace of its own and with the box's root around
/// this process. `console` is a copy of its terminal.
///
/// # Errors
/// [`Error::Step`].
pub(super) fn apply_fresh(steps: &[Step], console: OwnedFd) -> Result<(), Error> {
    let failed = |step: &Step, source| Error::Step { step: step.to_string(), source };
    let place = steps.iter().find_map(|step| if let Step::Console { at } = step { Some(at) } else { None });
    // None of these steps is about ids.
    let none = IdMap { uid: Vec::new(), gid: Vec::new() };
    let mut copies: Copies<'_> = place.map(|at| (at, console)).into_iter().collect();
    steps.iter().try_for_each(|step| {
        let root = root::open_absolute(Path::new("/"), Open::Directory).map_err(|source| failed(step, source))?;
        take(step, &root, &mut copies, &none).map_err(|source| failed(step, source))
    })
}

/// Trees of the host's that have been copied already, by where they are to be.
type Copies<'a> = HashMap<&'a BoxPath, OwnedFd>;

/// Copies of the trees in which the root is to be attached, such as a home with the store in it. Made afterwards, they would
/// carry the box's own mounts into the box a second time.
fn copies_before(plan: &BootPlan) -> io::Result<Copies<'_>> {
    let Some(Step::Overlay(overlay)) = plan.steps.first() else { return Ok(Copies::new()) };
    let around = plan.steps.iter().filter_map(|step| match step {
        Step::Bind { from, at, no_links, .. } if overlay.root.0.starts_with(&from.0) => Some((from, at, *no_links)),
        _ => None,
    });
    around.map(|(from, at, no_links)| Ok((at, copy(from, no_links)?))).collect()
}

/// A copy of a tree of the host's.
fn copy(from: &HostPath, no_links: bool) -> io::Result<OwnedFd> {
    if no_links { mount::copy_open_tree(root::open_without_links(&from.0)?) } else { mount::copy_tree(&from.0) }
}

/// The first step: the root, attached somewhere, and open.
fn open_root(step: &Step, fuse: Option<Fuse>) -> io::Result<OwnedFd> {
    match step {
        Step::Overlay(plan) => overlay::mount(plan, fuse),
        Step::Directory { root } => {
            // A root must be a mount, and this one is to have no part in what the host mounts.
            let tree = mount::copy_tree(&root.0)?;
            let place = root::open_absolute(&root.0, Open::Path)?;
            mount::attach(&tree, &place)?;
            root::open_absolute(&root.0, Open::Directory)
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "a plan begins with its root")),
    }
}

fn take(step: &Step, root: &OwnedFd, early: &mut Copies<'_>, map: &IdMap) -> io::Result<()> {
    match step {
        Step::Overlay(_) | Step::Directory { .. } | Step::Seal => Err(io::ErrorKind::InvalidInput.into()),
        Step::MakeDir { at, mode, owner: (uid, gid) } => {
            let dir = root::make_dirs(root, at.as_path(), 0o755)?;
            fs::set_owner(&dir, *uid, *gid)?;
            fs::set_mode(&dir, *mode)
        }
        Step::Tmpfs { at, mode } => {
            let tmpfs = Context::open("tmpfs")?;
            tmpfs.set("mode", format!("{mode:o}"))?;
            attach(&tmpfs.mount(Attributes::MOUNT_ATTR_NODEV)?, root, at)
        }
        Step::Renew { at, mode, kept } => init::renew(root, at, *mode, kept),
        Step::Console { at } => {
            let terminal = early.remove(at).ok_or(io::ErrorKind::InvalidInput)?;
            mount::attach(terminal, bind_place(root, at, Kind::File)?)
        }
        Step::MachineId(id) => init::machine_id(root, id),
        Step::Follow { hostname, network } => {
            Follower::once(hostname, *network).refresh_all(&root::open(root, Path::new(RUN_DIR), Open::Directory)?)
        }
        Step::Proc { at } => {
            let harmless = Attributes::MOUNT_ATTR_NOSUID | Attributes::MOUNT_ATTR_NODEV | Attributes::MOUNT_ATTR_NOEXEC;
            attach(&Context::open("proc")?.mount(harmless)?, root, at)
        }
        Step::Sysfs { at } => attach(&sysfs()?, root, at),
        Step::Cgroups { at } => {
            let harmless = Attributes::MOUNT_ATTR_NOSUID | Attributes::MOUNT_ATTR_NODEV | Attributes::MOUNT_ATTR_NOEXEC;
            let cgroups = Context::open("cgroup2")?.mount(harmless)?;
            mount::attach(cgroups, root::open(root, at.as_path(), Open::Path)?)
        }
        Step::Mqueue { at } => attach(&Context::open("mqueue")?.mount(Attributes::MOUNT_ATTR_NODEV)?, root, at),
        Step::Devpts { at } => attach(&devpts()?, root, at),
        Step::Bind { from, at, kind, read_only, optional, no_links } => {
            let tree = match early.remove(at).map_or_else(|| copy(from, *no_links), Ok) {
                Err(_) if *optional => return Ok(()),
                tree => tree?,
            };
            bind(root, &tree, at, *kind, *read_only)
        }
        Step::MountPoint { at, kind, owner } => mount_point(root, at, *kind, *owner),
        Step::Scratch { at, mode, owner, size } => {
            mount::attach(scratch(*mode, *owner, *size)?, root::open(root, at.as_path(), Open::Path)?)
        }
        Step::Home { at, owner } => home::ensure(root, at, *owner),
        Step::HomeOverlay { at, lower, upper, work } => {
            let merged = overlay::over_home(lower, upper, work)?;
            mount::attach(merged, root::open(root, at.as_path(), Open::Path)?)
        }
        Step::ReadOnly { at } => read_only(root, at),
        Step::Hide { at } => hide(root, at),
        Step::Nested { from, at, owner } => nested::store(root, from, at, *owner),
        Step::SubIds { users, ids } => nested::sub_ids(root, users, ids, map),
        Step::Programs { offered } => nested::programs(root, *offered),
        Step::NoNesting => nested::forbid(),
        Step::Symlink { at, target } => {
            let (parent, name) = split(at)?;
            root::replace_with_symlink(root::make_dirs(root, parent, 0o755)?, name, target)
        }
        Step::File { at, mode, content } => {
            let (parent, name) = split(at)?;
            ensure_file(&root::make_dirs(root, parent, 0o755)?, name, content, *mode)
        }
        Step::ReplaceLine { at, line, with } => replace_line(root, at, line, with),
        Step::Account(account) => account::ensure(root, account),
        Step::Sudo { user, agent } => sudo(root, user, agent),
        Step::Supervisor { agent } => supervisor(root, agent),
        Step::Hostname(name) => system::set_hostname(name),
        Step::PivotRoot => mount::pivot_root(root),
    }
}

fn split(at: &BoxPath) -> io::Result<(&Path, &OsStr)> {
    at.as_path().parent().zip(at.as_path().file_name()).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

fn replace_line(root: &OwnedFd, at: &BoxPath, line: &str, with: &str) -> io::Result<()> {
    let (old, owner) = match root::read_with_owner(root, at.as_path()) {
        // As good as a file without the line.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read?,
    };
    let lines = old.split(|byte| *byte == b'\n');
    let new: Vec<&[u8]> = lines.map(|old| if old == line.as_bytes() { with.as_bytes() } else { old }).collect();
    let new = new.join(&b'\n');
    if new == old {
        return Ok(());
    }
    let (parent, name) = split(at)?;
    root::replace_file_owned(root::make_dirs(root, parent, 0o755)?, name, &new, owner)
}

/// Attaches a mount on a directory of the box's, which is made if it is missing. A link in its place goes: what it leads
/// to may be another directory when the home is there, so that the mount would be in one place, and found in another.
fn attach(mount: &OwnedFd, root: &OwnedFd, at: &BoxPath) -> io::Result<()> {
    let (parent, name) = split(at)?;
    root::remove_symlink(root::make_dirs(root, parent, 0o755)?, name)?;
    let place = root::make_dirs(root, at.as_path(), 0o755)?;
    mount::attach(mount, place)
}

/// The kernel gives none to a user namespace that does not see the whole of the host's (mount_too_revealing() in
/// fs/namespace.c), as in most containers.
fn sysfs() -> io::Result<OwnedFd> {
    let harmless = Attributes::MOUNT_ATTR_RDONLY
        | Attributes::MOUNT_ATTR_NOSUID
        | Attributes::MOUNT_ATTR_NODEV
        | Attributes::MOUNT_ATTR_NOEXEC;
    Context::open("sysfs").and_then(|sysfs| sysfs.mount(harmless)).or_else(|_| {
        let hosts = mount::copy_tree(Path::new("/sys"))?;
        mount::set_attributes(&hosts, Attributes::MOUNT_ATTR_RDONLY, None)?;
        Ok(hosts)
    })
}

/// gid 5 is `tty` everywhere; without that id in the map the mount is refused, and terminals then belong to the user's
/// own group.
fn devpts() -> io::Result<OwnedFd> {
    let configured = |gid: Option<&str>| {
        let devpts = Context::open("devpts")?;
        devpts.flag("newinstance")?;
        devpts.set("ptmxmode", "0666")?;
        devpts.set("mode", "0620")?;
        if let Some(gid) = gid {
            devpts.set("gid", gid)?;
        }
        devpts.mount(Attributes::MOUNT_ATTR_NOSUID | Attributes::MOUNT_ATTR_NOEXEC)
    };
    configured(Some("5")).or_else(|_| configured(None))
}

fn bind(root: &OwnedFd, tree: &OwnedFd, at: &BoxPath, kind: Kind, read_only: bool) -> io::Result<()> {
    if read_only {
        mount::set_attributes(tree, Attributes::MOUNT_ATTR_RDONLY, None)?;
    }
    mount::attach(tree, bind_place(root, at, kind)?)
}

pub(super) fn bind_place(root: &OwnedFd, at: &BoxPath, kind: Kind) -> io::Result<OwnedFd> {
    match kind {
        Kind::Directory => root::make_dirs(root, at.as_path(), 0o755),
        Kind::File => {
            let (parent, name) = split(at)?;
            let dir = root::make_dirs(root, parent, 0o755)?;
            match root::open(&dir, Path::new(name), Open::Create(0o644)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => root::open(root, at.as_path(), Open::Path),
            }
        }
    }
}

fn mount_point(root: &OwnedFd, at: &BoxPath, kind: Kind, owner: (u32, u32)) -> io::Result<()> {
    // What is there is not opened: a directory may be closed to us, as one of a FUSE file system's is.
    if root::open(root, at.as_path(), Open::Path).is_ok() {
        return Ok(());
    }
    if kind == Kind::Directory {
        return root::make_dirs_for(root, at.as_path(), 0o755, owner).map(drop);
    }
    let (parent, name) = split(at)?;
    let dir = root::make_dirs_for(root, parent, 0o755, owner)?;
    let file = root::open(&dir, Path::new(name), Open::Create(0o644))?;
    fs::set_owner(file, owner.0, owner.1)
}

fn scratch(mode: u32, (uid, gid): (u32, u32), size: Option<u64>) -> io::Result<OwnedFd> {
    let tmpfs = Context::open("tmpfs")?;
    tmpfs.set("mode", format!("{mode:o}"))?;
    tmpfs.set("uid", uid.to_string())?;
    tmpfs.set("gid", gid.to_string())?;
    if let Some(bytes) = size {
        // To the kernel 0 is no limit at all (tmpfs(5)).
        tmpfs.set("size", bytes.max(1).to_string())?;
    }
    tmpfs.mount(Attributes::MOUNT_ATTR_NODEV | Attributes::MOUNT_ATTR_NOSUID)
}

fn read_only(root: &OwnedFd, at: &BoxPath) -> io::Result<()> {
    let place = match root::open(root, at.as_path(), Open::Path) {
        // Not every kernel has every one of them.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        place => place?,
    };
    let tree = mount::copy_open_tree(&place)?;
    mount::set_attributes(&tree, Attributes::MOUNT_ATTR_RDONLY, None)?;
    mount::attach(tree, place)
}

fn hide(root: &OwnedFd, at: &BoxPath) -> io::Result<()> {
    let place = match root::open(root, at.as_path(), Open::Directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        place => place?,
    };
    let empty = Context::open("tmpfs")?;
    empty.set("mode", "555")?;
    empty.set("size", "4k")?;
    let nothing = Attributes::MOUNT_ATTR_RDONLY
        | Attributes::MOUNT_ATTR_NOSUID
        | Attributes::MOUNT_ATTR_NODEV
        | Attributes::MOUNT_ATTR_NOEXEC;
    mount::attach(empty.mount(nothing)?, place)
}

/// The name of the agent in the box's run directory.
const AGENT: &str = "agent";

/// Without setuid, so that whoever runs it is no more than before.
fn supervisor(root: &OwnedFd, agent: &HostPath) -> io::Result<()> {
    let tree = mount::copy_tree(&agent.0)?;
    let harmless = Attributes::MOUNT_ATTR_RDONLY | Attributes::MOUNT_ATTR_NOSUID | Attributes::MOUNT_ATTR_NODEV;
    mount::set_attributes(&tree, harmless, None)?;
    attach_agent(&root::make_dirs(root, Path::new(RUN_DIR), 0o755)?, Path::new(SUPERVISOR).file_name(), &tree)
}

fn attach_agent(run: &OwnedFd, name: Option<&OsStr>, tree: &OwnedFd) -> io::Result<()> {
    let name = Path::new(name.ok_or(io::ErrorKind::InvalidInput)?);
    drop(root::open(run, name, Open::Create(0o755))?);
    mount::attach(tree, root::open(run, name, Open::Path)?)
}

fn sudo(root: &OwnedFd, user: &str, agent: &HostPath) -> io::Result<()> {
    let run = root::make_dirs(root, Path::new(RUN_DIR), 0o755)?;
    let tree = mount::copy_tree(&agent.0)?;
    if system::is_nosuid(&tree)? {
        // The flag cannot be taken off again in a user namespace, and with it the agent could not become root.
        root::replace_file(&run, OsStr::new(AGENT), &std::fs::read(&agent.0)?, 0o4755)?;
    } else {
        mount::set_attributes(&tree, Attributes::MOUNT_ATTR_RDONLY, None)?;
        attach_agent(&run, Some(OsStr::new(AGENT)), &tree)?;
    }
    let exists = |path: &str| root::open(root, Path::new(path), Open::Path).is_ok();
    if exists("/usr/bin/sudo") || exists("/bin/sudo") {
        let rule = format!("{user} ALL=(ALL:ALL) NOPASSWD: ALL\n");
        match root::open(root, Path::new("/etc/sudoers.d"), Open::Directory) {
            Ok(dir) => return ensure_file(&dir, OsStr::new("envbox"), rule.as_bytes(), 0o440),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let dir = root::make_dirs(root, Path::new("/usr/local/bin"), 0o755)?;
    root::replace_with_symlink(&dir, OsStr::new("sudo"), &Path::new(RUN_DIR).join(AGENT))
}

/// Writes a file unless it already is what it should be: a box that is started often is not written to often, and starts on
/// a full disk.
fn ensure_file(dir: &impl AsFd, name: &OsStr, content: &[u8], mode: u32) -> io::Result<()> {
    match root::read_with_owner(dir, Path::new(name)) {
        Ok((old, owner)) if old == content && owner == (Owner { uid: 0, gid: 0, mode }) => Ok(()),
        _ => root::replace_file(dir, name, content, mode),
    }
}
