//! Control groups of version 2, as this process sees them (cgroups(7), cgroup-v2.rst).

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Component, Path, PathBuf};

use super::{Host, mounts};
use crate::sys::process::Pid;
use crate::sys::{id, probe, socket, xattr};

/// What bears on where this user may make groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroups {
    /// Where the version 2 hierarchy is mounted, if it is.
    pub mount: Option<PathBuf>,
    /// This process's group and all above it, up to the mount; none if the mount does not show it.
    pub own: Vec<Group>,
    /// The group that root has prepared for this user, if there is one: [`Cgroups::prepared_name`] at the mount.
    pub prepared: Option<Group>,
    /// Controllers that hierarchies of version 1 have, and version 2 therefore has not; blanks between them.
    pub version_1: String,
    /// Whether the machine was booted by systemd (sd_booted(3)).
    pub systemd: bool,
    /// The systemd that makes groups for this user, if it can be reached.
    pub manager: Option<Manager>,
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Its directory.
    pub path: PathBuf,
    /// Whether groups can be made in it and processes moved to it.
    pub writable: bool,
    /// Whether systemd says that it has handed it over (`user.delegate`, systemd's `CGROUP_DELEGATION`).
    pub delegated: bool,
    /// The controllers that can be had below it (`cgroup.controllers`), blanks between them.
    pub controllers: String,
}

/// A systemd that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// The socket of the bus it is on.
    pub bus: PathBuf,
    /// The group that all of its units are below.
    pub group: Group,
}

impl Cgroups {
    /// The name of the group that root prepares for a user.
    pub fn prepared_name(uid: u32) -> String {
        format!("envbox@{uid}")
    }
}

/// The directory of a process's group, where a mount shows it.
pub fn group_of(pid: Pid) -> Option<PathBuf> {
    let path = version_2(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)?;
    hierarchy(&path).1.into_iter().next()
}

impl Host {
    /// The facts about control groups. What cannot be read is not there.
    pub fn cgroups(&self) -> Cgroups {
        let listing = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let (mount, own) = version_2(&listing).map(|path| hierarchy(&path)).unwrap_or_default();
        let uid = id::effective_uid();
        let prepared = mount.as_ref().map(|mount| mount.join(Cgroups::prepared_name(uid)));
        Cgroups {
            prepared: prepared.filter(|path| path.is_dir()).map(group),
            version_1: version_1(&listing),
            systemd: Path::new("/run/systemd/system").is_dir(),
            manager: mount.as_deref().and_then(|mount| self.manager(mount, uid)),
            own: own.into_iter().map(group).collect(),
            mount,
        }
    }

    /// Root's is the system's own. systemd's private sockets are no way to it: what it says there has no sender's name of the
    /// kind that a D-Bus library wants.
    fn manager(&self, mount: &Path, uid: u32) -> Option<Manager> {
        let (units, buses) = match uid {
            0 => (mount.join("init.scope"), vec!["/run/dbus/system_bus_socket".into()]),
            uid => {
                let named = self.var("XDG_RUNTIME_DIR").map(PathBuf::from);
                let runtime = named.into_iter().chain([format!("/run/user/{uid}").into()]);
                let address = self.var("DBUS_SESSION_BUS_ADDRESS").and_then(OsStr::to_str).unwrap_or_default();
                let buses = bus_paths(address).chain(runtime.map(|dir| dir.join("bus"))).collect();
                (mount.join(format!("user.slice/user-{uid}.slice/user@{uid}.service")), buses)
            }
        };
        if !units.is_dir() {
            return None;
        }
        let bus = buses.into_iter().find(|path| listens(path, uid))?;
        Some(Manager { bus, group: group(if uid == 0 { mount } else { &units }) })
    }
}

/// The paths in a D-Bus address: `unix:path=/run/user/1000/bus,guid=…;…`.
fn bus_paths(address: &str) -> impl Iterator<Item = PathBuf> {
    let keys = address.split(';').filter_map(|one| one.strip_prefix("unix:")).flat_map(|one| one.split(','));
    keys.filter_map(|key| key.strip_prefix("path=")).map(PathBuf::from)
}

/// Whether one listens there who is this user and sees the same processes: `XDG_RUNTIME_DIR` outlives a `su`, and a box may
/// have the bus of its host, where its process ids are other processes'.
fn listens(path: &Path, uid: u32) -> bool {
    let peer = UnixStream::connect(path).and_then(socket::peer);
    // A process that this pid namespace does not have is 0 in it (unix(7), pid_namespaces(7)).
    peer.is_ok_and(|(pid, owner)| pid.as_raw() != 0 && owner == uid)
}

/// The path in the version 2 hierarchy (cgroups(7), `/proc/PID/cgroup`).
fn version_2(listing: &str) -> Option<PathBuf> {
    listing.lines().find_map(|line| line.strip_prefix("0::")).map(PathBuf::from)
}

/// The mount that shows a group, and the directories from there up to it; without such a mount, any of the kind.
fn hierarchy(path: &Path) -> (Option<PathBuf>, Vec<PathBuf>) {
    let table = mounts::table().unwrap_or_default();
    let mounts = || table.iter().filter(|mount| mount.kind == b"cgroup2");
    let shown = mounts().find_map(|mount| {
        let dir = below(&mount.root, &mount.at, path)?;
        // Something else may be mounted over it.
        dir.join("cgroup.procs").exists().then(|| (mount.at.clone(), dir))
    });
    match shown {
        Some((at, dir)) => {
            let dirs = dir.ancestors().take_while(|dir| dir.starts_with(&at)).map(Path::to_owned).collect();
            (Some(at), dirs)
        }
        None => (mounts().next().map(|mount| mount.at.clone()), Vec::new()),
    }
}

/// Where a mount of the directory `root` shows the group `own`. Both are as the cgroup namespace has them; a group above its
/// root begins with `..` (cgroup_namespaces(7)), and no mount of this namespace shows it.
fn below(root: &Path, at: &Path, own: &Path) -> Option<PathBuf> {
    let inner = own.strip_prefix(root).ok()?;
    let plain = inner.components().all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| if inner.as_os_str().is_empty() { at.to_owned() } else { at.join(inner) })
}

/// Reads a group.
pub fn group(path: impl Into<PathBuf>) -> Group {
    let path = path.into();
    let writable = probe::writable(&path) && probe::writable(&path.join("cgroup.procs"));
    let delegate = File::open(&path).and_then(|dir| xattr::get(dir, OsStr::new("user.delegate")));
    let controllers = fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();
    Group { writable, delegated: delegate.is_ok_and(|value| value == b"1"), controllers, path }
}

/// The controllers of `/proc/self/cgroup`: those of a named hierarchy are none, and version 2 names none.
fn version_1(listing: &str) -> String {
    let fields = listing.lines().filter_map(|line| line.split(':').nth(1));
    let names = fields.flat_map(|field| field.split(',')).filter(|name| !name.is_empty() && !name.starts_with("name="));
    names.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_below_its_mount() {
        let found = |root: &str, own: &str| below(Path::new(root), Path::new("/cg"), Path::new(own));
        assert_eq!(found("/", "/"), Some("/cg".into()));
        assert_eq!(found("/", "/a/b.scope"), Some("/cg/a/b.scope".into()));
        assert_eq!(found("/a", "/a/b"), Some("/cg/b".into()));
        assert_eq!(found("/other", "/a/b"), None);
        // A process that was moved out of its namespace's root.
        assert_eq!(found("/", "/../x"), None);
        // A mount from outside of the namespace.
        assert_eq!(found("/../..", "/"), None);
    }

    #[test]
    fn controllers_of_version_1_are_named() {
        let hybrid = "9:name=systemd:/\n8:pids:/\n3:cpuset:/x\n2:cpu,cpuacct:/\n0::/\n";
        assert_eq!(version_1(hybrid), "pids cpuset cpu cpuacct");
        assert!(version_1("0::/user.slice\n").is_empty());
    }

    #[test]
    fn the_paths_of_an_address_are_found() {
        let paths = |address| bus_paths(address).map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(paths("unix:path=/run/user/1/bus,guid=1f"), ["/run/user/1/bus"]);
        assert_eq!(paths("tcp:host=x,port=1;unix:guid=1,path=/b"), ["/b"]);
        assert!(paths("unix:abstract=/tmp/dbus-x").is_empty());
    }
}
