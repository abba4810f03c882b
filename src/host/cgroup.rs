//! Control groups of version 2, as this process sees them (cgroups(7), cgroup-v2.rst).

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Component, Path, PathBuf};

use super::{Host, mounts};
use crate::sys::{id, probe, xattr};

/// What bears on where this user may make groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroups {
    /// Where the version 2 hierarchy is mounted, if it is.
    pub mount: Option<PathBuf>,
    /// This process's group and all above it, up to the mount; none if the mount does not show it.
    pub own: Vec<Group>,
    /// The group that root has prepared for this user, if there is one: [`Cgroups::prepared_name`] at the mount.
    pub prepared: Option<Group>,
    /// Controllers that hierarchies of version 1 have, and version 2 therefore has not.
    pub version_1: Vec<String>,
    /// The systemd that makes groups for this user.
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
    /// The controllers that can be had below it (`cgroup.controllers`).
    pub controllers: Vec<String>,
}

/// A systemd that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// Its socket, or that of the bus it is on.
    pub socket: PathBuf,
    /// Whether the socket is systemd's own: whoever connects speaks with nobody else.
    pub private: bool,
    /// The group that all of its units are below.
    pub group: Group,
}

impl Cgroups {
    /// The name of the group that root prepares for a user.
    pub fn prepared_name(uid: u32) -> String {
        format!("envbox@{uid}")
    }
}

impl Host {
    /// The facts about control groups. What cannot be read is not there.
    pub fn cgroups(&self) -> Cgroups {
        let listing = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let path = listing.lines().find_map(|line| line.strip_prefix("0::"));
        let (mount, own) = path.and_then(|path| hierarchy(Path::new(path))).unwrap_or_default();
        let uid = id::effective_uid();
        let prepared = mount.as_ref().map(|mount| mount.join(Cgroups::prepared_name(uid)));
        Cgroups {
            prepared: prepared.filter(|path| path.is_dir()).map(group),
            version_1: version_1(&listing),
            manager: mount.as_deref().and_then(|mount| self.manager(mount, uid)),
            own,
            mount,
        }
    }

    /// Root's is the system's own; a user's is the one that `systemctl --user` talks to.
    fn manager(&self, mount: &Path, uid: u32) -> Option<Manager> {
        let (runtime, group) = match uid {
            0 => (vec![PathBuf::from("/run")], mount.to_owned()),
            uid => {
                let group = format!("user.slice/user-{uid}.slice/user@{uid}.service");
                let named = self.var("XDG_RUNTIME_DIR").map(PathBuf::from);
                (named.into_iter().chain([format!("/run/user/{uid}").into()]).collect(), mount.join(group))
            }
        };
        let private = runtime.iter().map(|dir| (dir.join("systemd/private"), true));
        let bus = if uid == 0 { "dbus/system_bus_socket" } else { "bus" };
        let buses = runtime.iter().map(|dir| (dir.join(bus), false));
        let named = self.var("DBUS_SESSION_BUS_ADDRESS").and_then(OsStr::to_str).filter(|_| uid != 0);
        let named = named.into_iter().flat_map(bus_paths).map(|path| (path, false));
        // The private one first: it needs no bus daemon, and is one hop less.
        let mut sockets = private.chain(buses).chain(named);
        let (socket, private) = sockets.find(|(path, private)| listens(path, uid, *private))?;
        Some(Manager { socket, private, group: self::group(group) })
    }
}

/// The paths in a D-Bus address: `unix:path=/run/user/1000/bus,guid=…;…`.
fn bus_paths(address: &str) -> impl Iterator<Item = PathBuf> {
    let keys = address.split(';').filter_map(|one| one.strip_prefix("unix:")).flat_map(|one| one.split(','));
    keys.filter_map(|key| key.strip_prefix("path=")).map(PathBuf::from)
}

/// Whether somebody is there, and it is not another user's: `XDG_RUNTIME_DIR` outlives a `su`.
fn listens(socket: &Path, uid: u32, private: bool) -> bool {
    let owned = fs::metadata(socket).is_ok_and(|found| found.uid() == uid || (uid == 0 && !private));
    owned && UnixStream::connect(socket).is_ok()
}

/// The mount that shows this process's group, and the groups from there up to it; without such a mount, any of the kind.
fn hierarchy(own: &Path) -> Option<(Option<PathBuf>, Vec<Group>)> {
    let table = mounts::table().ok()?;
    let mounts = || table.iter().filter(|mount| mount.kind == b"cgroup2");
    let shown = mounts().find_map(|mount| {
        let dir = below(&mount.root, &mount.at, own)?;
        // Something else may be mounted over it.
        dir.join("cgroup.procs").exists().then(|| (mount.at.clone(), dir))
    });
    Some(match shown {
        Some((at, dir)) => {
            let groups = dir.ancestors().take_while(|dir| dir.starts_with(&at)).map(group).collect();
            (Some(at), groups)
        }
        None => (mounts().next().map(|mount| mount.at.clone()), Vec::new()),
    })
}

/// Where a mount of the directory `root` shows the group `own`. Both are as the cgroup namespace has them; a group above its
/// root begins with `..` (cgroup_namespaces(7)), and no mount of this namespace shows it.
fn below(root: &Path, at: &Path, own: &Path) -> Option<PathBuf> {
    let inner = own.strip_prefix(root).ok()?;
    let plain = inner.components().all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| if inner.as_os_str().is_empty() { at.to_owned() } else { at.join(inner) })
}

fn group(path: impl AsRef<Path>) -> Group {
    let path = path.as_ref().to_owned();
    let writable = probe::writable(&path) && probe::writable(&path.join("cgroup.procs"));
    let delegate = File::open(&path).and_then(|dir| xattr::get(dir, OsStr::new("user.delegate")));
    let controllers = fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();
    Group {
        writable,
        delegated: delegate.is_ok_and(|value| value == b"1"),
        controllers: controllers.split_whitespace().map(str::to_owned).collect(),
        path,
    }
}

/// The controllers of `/proc/self/cgroup`: those of a named hierarchy are none, and version 2 names none.
fn version_1(listing: &str) -> Vec<String> {
    let fields = listing.lines().filter_map(|line| line.split(':').nth(1));
    let names = fields.flat_map(|field| field.split(',')).filter(|name| !name.is_empty() && !name.starts_with("name="));
    names.map(str::to_owned).collect()
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
        assert_eq!(version_1(hybrid), ["pids", "cpuset", "cpu", "cpuacct"]);
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
