//! The steps that build a box's root, in the words of the kernel.

use std::fmt;
use std::path::PathBuf;

use super::{BoxPath, HostPath, SUPERVISOR};
use crate::host::SubIds;
use crate::recipe::settings::{Network, Size};

/// One step. They are carried out in order, and all before the first program of the box runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Mounts the layers and the upper directory as one tree, to become the root.
    Overlay(Overlay),
    /// Takes a plain directory as the root.
    Directory {
        /// The directory.
        root: HostPath,
    },
    /// Makes a directory, if it is missing; its mode and owner are set in either case.
    MakeDir {
        /// The directory.
        at: BoxPath,
        /// Permission bits.
        mode: u32,
        /// Owner: user and group.
        owner: (u32, u32),
    },
    /// Mounts an empty file system in memory.
    Tmpfs {
        /// On which directory.
        at: BoxPath,
        /// Permission bits of its root.
        mode: u32,
    },
    /// Mounts an empty file system in memory over a directory and all that it has, and takes some of that along.
    Renew {
        /// Over which directory.
        at: BoxPath,
        /// Permission bits of its root.
        mode: u32,
        /// Places below it that are as before, with all that is mounted there; those that are there.
        kept: Vec<BoxPath>,
    },
    /// Puts the pseudo-terminal that is the console of a system box on a device.
    Console {
        /// On which.
        at: BoxPath,
    },
    /// Gives the box an id (machine-id(5)), unless it has one.
    MachineId(String),
    /// Copies the host's resolver configuration, hosts and time zone: an init begins before any session does that.
    Follow {
        /// The box's name, which the hosts file has as well.
        hostname: String,
        /// Which network the box has.
        network: Network,
    },
    /// Mounts a proc of the box's own pid namespace.
    Proc {
        /// On which directory.
        at: BoxPath,
    },
    /// Mounts a sysfs, which shows the devices of the box's own network namespace; read-only. Where the kernel refuses one, the
    /// host's tree in its place.
    Sysfs {
        /// On which directory.
        at: BoxPath,
    },
    /// Mounts a devpts instance of the box's own.
    Devpts {
        /// On which directory.
        at: BoxPath,
    },
    /// Mounts the cgroups of the box's own cgroup namespace, to be written to.
    Cgroups {
        /// On which directory, which is there.
        at: BoxPath,
    },
    /// Mounts the message queues of the box's own IPC namespace.
    Mqueue {
        /// On which directory.
        at: BoxPath,
    },
    /// Mounts a file or a tree of the host's, with all that is mounted below it.
    Bind {
        /// What.
        from: HostPath,
        /// On what; made if it is missing.
        at: BoxPath,
        /// What it is.
        kind: Kind,
        /// Whether the box may not write to it.
        read_only: bool,
        /// Whether it is no failure that the host does not have it.
        optional: bool,
        /// Whether a symbolic link on the way there is a failure: what is bound was looked at before, and others may have
        /// changed it since.
        no_links: bool,
    },
    /// Makes a place to mount on, if it is missing, and whatever is missing on the way to it. A link is followed: it may be
    /// the user's own.
    MountPoint {
        /// The place.
        at: BoxPath,
        /// What is to be mounted on it.
        kind: Kind,
        /// Owner of what is made: user and group.
        owner: (u32, u32),
    },
    /// Mounts an empty file system in memory for somebody, on what [`Step::MountPoint`] has made.
    Scratch {
        /// On which directory.
        at: BoxPath,
        /// Permission bits of its root.
        mode: u32,
        /// Owner of its root: user and group.
        owner: (u32, u32),
        /// Bytes that it takes at the most; the kernel's default, half of the memory, where it is not given.
        size: Option<u64>,
    },
    /// Makes the user's home in the box's own root, if it is missing, with what the image has in `/etc/skel`.
    Home {
        /// The home.
        at: BoxPath,
        /// The user and their group.
        owner: (u32, u32),
    },
    /// Mounts the host's home with a directory of the box's own over it, by the kernel's overlay.
    HomeOverlay {
        /// On which directory.
        at: BoxPath,
        /// The host's.
        lower: HostPath,
        /// What is written goes here.
        upper: HostPath,
        /// A directory of the file system's own, beside the upper one.
        work: HostPath,
    },
    /// Makes what the box sees at a place read-only, and all below it.
    ReadOnly {
        /// Which.
        at: BoxPath,
    },
    /// Puts an empty, read-only directory over one that must not be seen, if there is one.
    Hide {
        /// Which.
        at: BoxPath,
    },
    /// Puts a directory of the box's own where an envbox in it keeps its things. It is on the host's file system, and not in
    /// the box's root, since the kernel has no overlay whose upper directory is on an overlay.
    Nested {
        /// What.
        from: HostPath,
        /// On which directory, which [`Step::MountPoint`] has made.
        at: BoxPath,
        /// Whose it is: user and group.
        owner: (u32, u32),
    },
    /// Gives users the ids of the box that are for boxes inside it (subuid(5), subgid(5)), unless they have others of its.
    SubIds {
        /// The users.
        users: Vec<(String, u32)>,
        /// The ids.
        ids: SubIds,
    },
    /// Offers what the agent can be in a box that makes boxes: links in `/usr/local/bin`, where the image has no such
    /// programs. Where it is not to, takes them away.
    Programs {
        /// Whether it is to.
        offered: bool,
    },
    /// Lets nobody behind the seal make a user namespace.
    NoNesting,
    /// Makes a symbolic link, in the place of any file or link of that name.
    Symlink {
        /// The link.
        at: BoxPath,
        /// What it points to.
        target: PathBuf,
    },
    /// Writes a file, in the place of any file or link of that name.
    File {
        /// The file.
        at: BoxPath,
        /// Permission bits.
        mode: u32,
        /// Its content.
        content: Vec<u8>,
    },
    /// Changes each line of a file that is just `line`; the file keeps its owner and mode.
    ReplaceLine {
        /// The file.
        at: BoxPath,
        /// The line.
        line: String,
        /// What it becomes.
        with: String,
    },
    /// Makes the user known in the box: passwd, group, shadow.
    Account(Account),
    /// Lets the user be root in the box: by the image's own sudo where it has one, else by envbox's agent.
    Sudo {
        /// The user.
        user: String,
        /// The agent on the host, owned by box-root and setuid.
        agent: HostPath,
    },
    /// Puts the agent where it is found in every box, by the name under which it looks after services; not setuid there.
    Supervisor {
        /// The agent on the host.
        agent: HostPath,
    },
    /// Sets the host name of the box's own UTS namespace.
    Hostname(String),
    /// Makes the root the root, and lets go of the host's.
    PivotRoot,
    /// Locks all mounts made so far: from here on in a user namespace inside the first, with UTS and IPC namespaces of its own,
    /// and a cgroup namespace in a box that has a cgroup.
    Seal,
}

/// What the two overlay file systems have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// fuse-overlayfs rather than the kernel's own.
    pub fuse: bool,
    /// The layers, the lowest first.
    pub layers: Vec<HostPath>,
    /// What is written goes here.
    pub upper: HostPath,
    /// A directory of the file system's own, beside the upper one.
    pub work: HostPath,
    /// An empty directory to mount on.
    pub root: HostPath,
    /// Whether what is written need not outlive a crash of the machine: nothing in it waits for the disk then.
    pub volatile: bool,
}

/// Whether a bind mount is of a directory or of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory, mounted on a directory.
    Directory,
    /// Anything else, mounted on a file.
    File,
}

/// The user, as the box's account files are to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group's id.
    pub gid: u32,
    /// The primary group's name.
    pub group: String,
    /// The full name.
    pub gecos: String,
    /// The home directory.
    pub home: BoxPath,
    /// Shells, the one wanted most first; the first that the box has is the user's.
    pub shells: Vec<PathBuf>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlay(overlay) => {
                write!(f, "overlay   /  ({})", if overlay.fuse { "fuse-overlayfs" } else { "kernel" })?;
                for layer in &overlay.layers {
                    write!(f, "\n            lower {layer}")?;
                }
                write!(f, "\n            upper {}\n            work  {}", overlay.upper, overlay.work)
            }
            Self::Directory { root } => write!(f, "root      {root}"),
            Self::MakeDir { at, mode, owner: (uid, gid) } => {
                write!(f, "mkdir     {at}  (mode {mode:04o}, {uid}:{gid})")
            }
            Self::Tmpfs { at, mode } => write!(f, "tmpfs     {at}  (mode {mode:04o})"),
            Self::Renew { at, mode, kept } => {
                write!(f, "tmpfs     {at}  (mode {mode:04o}, over what is there")?;
                kept.iter()
                    .enumerate()
                    .try_for_each(|(index, place)| write!(f, "{}{place}", if index == 0 { ", but " } else { ", " }))?;
                write!(f, ")")
            }
            Self::Console { at } => write!(f, "console   {at}"),
            Self::MachineId(id) => write!(f, "id        {id}  (unless it has one)"),
            Self::Follow { .. } => write!(f, "follow    resolver, hosts and time zone of the host"),
            Self::Proc { at } => write!(f, "proc      {at}"),
            Self::Sysfs { at } => write!(f, "sysfs     {at}  (ro)"),
            Self::Cgroups { at } => write!(f, "cgroup2   {at}"),
            Self::Devpts { at } => write!(f, "devpts    {at}"),
            Self::Mqueue { at } => write!(f, "mqueue    {at}"),
            Self::Bind { from, at, read_only, optional, .. } => {
                let access = if *read_only { "ro" } else { "rw" };
                let optional = if *optional { ", if there" } else { "" };
                write!(f, "bind      {at}  (from {from}, {access}{optional})")
            }
            Self::MountPoint { at, kind, owner: (uid, gid) } => {
                let kind = if *kind == Kind::Directory { "directory" } else { "file" };
                write!(f, "place     {at}  ({kind}, {uid}:{gid}, if missing)")
            }
            Self::Scratch { at, mode, owner: (uid, gid), size } => {
                write!(f, "tmpfs     {at}  (mode {mode:04o}, {uid}:{gid}")?;
                size.as_ref().map_or(Ok(()), |size| write!(f, ", at most {}", Size(*size)))?;
                write!(f, ")")
            }
            Self::Home { at, owner: (uid, gid) } => {
                write!(f, "home      {at}  (the box's own, {uid}:{gid}; if missing, from /etc/skel)")
            }
            Self::HomeOverlay { at, lower, upper, work } => {
                write!(f, "overlay   {at}  (kernel)\n            lower {lower}")?;
                write!(f, "\n            upper {upper}\n            work  {work}")
            }
            Self::ReadOnly { at } => write!(f, "read-only {at}"),
            Self::Hide { at } => write!(f, "hide      {at}"),
            Self::Nested { from, at, owner: (uid, gid) } => write!(f, "nested    {at}  (from {from}, {uid}:{gid})"),
            Self::SubIds { users, ids: SubIds { uid, gid } } => {
                let names: Vec<&str> = users.iter().map(|(name, _)| name.as_str()).collect();
                write!(f, "subids    {}  (users {uid}, groups {gid})", names.join(", "))
            }
            Self::Programs { offered: true } => write!(f, "programs  envbox, newuidmap, newgidmap"),
            Self::Programs { offered: false } => write!(f, "programs  none"),
            Self::NoNesting => write!(f, "nesting   none  (no user namespace behind the seal)"),
            Self::Symlink { at, target } => write!(f, "symlink   {at} -> {}", target.display()),
            Self::File { at, mode, content } => write!(f, "file      {at}  (mode {mode:04o}, {} bytes)", content.len()),
            Self::ReplaceLine { at, line, with } => write!(f, "line      {at}  ({line:?} becomes {with:?})"),
            Self::Account(account) => {
                write!(f, "account   {} ({}:{}), home {}", account.name, account.uid, account.gid, account.home)
            }
            Self::Sudo { user, .. } => write!(f, "sudo      for {user}"),
            Self::Supervisor { .. } => write!(f, "agent     {SUPERVISOR}  (nosuid)"),
            Self::Hostname(name) => write!(f, "hostname  {name}"),
            Self::PivotRoot => write!(f, "pivot_root"),
            Self::Seal => write!(f, "seal      (mounts are locked from here on)"),
        }
    }
}
