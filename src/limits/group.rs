//! A box's cgroup.
//!
//! ```text
//! BASE/envbox-NAME.HASH/
//!   keeper/        the keeper and the servers of its file systems: never throttled, or a box could not be stopped
//!   box/           the limits, out of the box's reach
//!     payload/     the root of the box's cgroup namespace: the limits once more, for programs that read them
//! ```

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Controller, Error, Ground, OUTSIDE, write};
use crate::recipe::settings::Limits;
use crate::sys::fs as sys_fs;
use crate::sys::process::Pid;
use crate::sys::root::{self, Open};
use crate::sys::{poll, socket, stream};

/// How long the processes of a killed cgroup may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a box wants of cgroups.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where its cgroup is made.
    pub ground: Ground,
    /// The cgroup's name there.
    pub name: String,
    /// What is limited.
    pub limits: Limits,
    /// The block devices whose reading and writing is limited, each as `MAJOR:MINOR`.
    pub disks: Vec<String>,
}

impl Wanted {
    /// The directory of the cgroup.
    pub fn dir(&self) -> PathBuf {
        self.ground.base.join(&self.name)
    }
}

/// A box's cgroup, from outside of the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    dir: PathBuf,
    /// The controllers that limit it.
    pub controllers: Vec<Controller>,
}

impl Group {
    /// The cgroup that is in this directory.
    pub fn at(dir: PathBuf) -> Self {
        let list = fs::read_to_string(dir.join("box/cgroup.controllers")).unwrap_or_default();
        Self { dir, controllers: Controller::parse(&list) }
    }

    /// Makes the cgroup, or what is missing of one: of a live box whose `limit` was killed. Whoever makes it for a box that is
    /// not up removes what is there before.
    ///
    /// # Errors
    /// [`Error`]; what was made by then is there.
    pub fn make(wanted: &Wanted) -> Result<Self, Error> {
        let dir = &wanted.dir();
        for path in [dir.to_owned(), dir.join("keeper"), dir.join("box"), dir.join("box/payload")] {
            match fs::create_dir(&path) {
                Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::Cgroup { what: "make the cgroup", path, source });
                }
                _ => {}
            }
        }
        // From above to below, each by itself: one that is refused must not take the others along.
        let boxed = dir.join("box");
        let fail = |source| Error::Cgroup { what: "give controllers to", path: wanted.ground.base.clone(), source };
        let mut on = wanted.ground.enable(&wanted.ground.controllers).map_err(fail)?;
        for parent in [dir, &boxed] {
            on.retain(|controller| {
                fs::write(parent.join("cgroup.subtree_control"), format!("+{}", controller.name())).is_ok()
            });
        }
        let group = Self { dir: dir.to_owned(), controllers: on };
        group.limit(&wanted.limits, &wanted.disks)?;
        Ok(group)
    }

    /// Sets the limits, of a live box as well.
    ///
    /// # Errors
    /// [`Error::Cgroup`].
    pub fn limit(&self, limits: &Limits, disks: &[String]) -> Result<(), Error> {
        [self.limited(), self.limited().join("payload")].into_iter().try_for_each(|path| {
            write(&path, limits, &self.controllers, disks).map_err(|source| Error::Cgroup {
                what: "limit the cgroup",
                path,
                source,
            })
        })
    }

    /// The cgroup's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The cgroup that has the limits, with all that runs in the box below it.
    pub fn limited(&self) -> PathBuf {
        self.dir.join("box")
    }

    /// The cgroup of the keeper, to be forked into.
    ///
    /// # Errors
    /// [`Error::Cgroup`].
    pub fn keeper(&self) -> Result<OwnedFd, Error> {
        open(&self.dir.join("keeper"))
    }

    /// The cgroup that sessions are forked into.
    ///
    /// # Errors
    /// [`Error::Cgroup`].
    pub fn payload(&self) -> Result<OwnedFd, Error> {
        open(&self.limited().join("payload"))
    }

    /// Moves a process to where the keeper is to be.
    ///
    /// # Errors
    /// [`Error::Cgroup`].
    pub fn take_keeper(&self, pid: Pid) -> Result<(), Error> {
        let path = self.dir.join("keeper/cgroup.procs");
        fs::write(&path, pid.to_string()).map_err(|source| Error::Cgroup { what: "move a process by", path, source })
    }

    /// Moves a process of the box, which was up before it had this cgroup, into it.
    ///
    /// # Errors
    /// [`Error::Cgroup`]: `EACCES` where this user may not move processes out of the one that it is in.
    pub fn take(&self, pid: Pid) -> Result<(), Error> {
        let path = self.limited().join("payload/cgroup.procs");
        fs::write(&path, pid.to_string()).map_err(|source| Error::Cgroup { what: "move a process by", path, source })
    }

    /// What the keeper is to have of it.
    ///
    /// # Errors
    /// [`Error::Cgroup`].
    pub fn membership(&self, ground: &Ground) -> Result<Membership, Error> {
        let (parent, name) = self.dir.parent().zip(self.dir.file_name()).unwrap_or((&self.dir, "".as_ref()));
        let home = ground.home().and_then(|home| {
            // Without it the last directories stay until somebody finds them.
            root::open_absolute(&home.join("cgroup.procs"), Open::Write).ok()
        });
        Ok(Membership {
            home,
            name: name.to_owned(),
            base: open(parent)?,
            group: open(&self.dir)?,
            limited: open(&self.limited())?,
            payload: self.payload()?,
            entrance: open_as(&self.limited().join("payload/cgroup.procs"), Open::Write)?,
        })
    }
}

fn open(path: &Path) -> Result<OwnedFd, Error> {
    open_as(path, Open::Directory)
}

fn open_as(path: &Path, how: Open) -> Result<OwnedFd, Error> {
    root::open_absolute(path, how).map_err(|source| Error::Cgroup { what: "open", path: path.to_owned(), source })
}

/// The cgroup of sessions in a system box, below the payload.
const SESSIONS: &str = ".envbox";

/// A box's cgroup, as its keeper has it: open, since the paths are none of the box's.
#[derive(Debug)]
pub struct Membership {
    name: OsString,
    base: OwnedFd,
    group: OwnedFd,
    /// The list of processes of the cgroup to which the keeper goes at its end.
    home: Option<OwnedFd>,
    /// The cgroup with the limits.
    pub limited: OwnedFd,
    /// The root of what the box sees of it.
    pub payload: OwnedFd,
    /// That one's list of processes, opened outside of the box: what is beside the root of its own cgroup namespace may not go
    /// below it by any other (`nsdelegate` in cgroup-v2.rst, `ENOENT`).
    entrance: OwnedFd,
}

impl Membership {
    /// Sends it to the process that is to have it.
    ///
    /// # Errors
    /// [`Error::HandOver`].
    pub fn send(&self, socket: impl AsFd) -> Result<(), Error> {
        use std::os::unix::ffi::OsStrExt as _;
        socket::send(socket, self.name.as_bytes(), &self.fds()).map_err(|source| Error::HandOver { source })
    }

    /// Receives it.
    ///
    /// # Errors
    /// [`Error::HandOver`], also where the other side has given up.
    pub fn receive(socket: impl AsFd) -> Result<Self, Error> {
        use std::os::unix::ffi::OsStringExt as _;
        let mut name = vec![0; 512];
        let (length, fds) = socket::receive(socket, &mut name).map_err(|source| Error::HandOver { source })?;
        name.truncate(length);
        let mut fds = fds.into_iter();
        let mut next = || fds.next().ok_or(Error::HandOver { source: io::ErrorKind::UnexpectedEof.into() });
        let (base, group, limited, payload, entrance) = (next()?, next()?, next()?, next()?, next()?);
        Ok(Self { name: OsString::from_vec(name), base, group, limited, payload, entrance, home: fds.next() })
    }

    /// The directory of the cgroup.
    ///
    /// # Errors
    /// readlink(2)'s.
    pub fn dir(&self) -> io::Result<PathBuf> {
        fs::read_link(format!("/proc/self/fd/{}", self.group.as_raw_fd()))
    }

    /// All descriptors of it.
    pub fn fds(&self) -> Vec<&OwnedFd> {
        [&self.base, &self.group, &self.limited, &self.payload, &self.entrance].into_iter().chain(&self.home).collect()
    }

    /// Gives the payload to the box's root, as far as the kernel has it that a cgroup's new owner should
    /// (`/sys/kernel/cgroup/delegate`). By somebody who may change owners.
    ///
    /// # Errors
    /// fchownat(2)'s.
    pub fn delegate(&self) -> io::Result<()> {
        sys_fs::set_owner(&self.payload, 0, 0)?;
        let files = fs::read_to_string("/sys/kernel/cgroup/delegate").unwrap_or_default();
        let names = files.lines().filter(|name| !name.contains('/'));
        // Those of controllers that are not there are missing.
        names.for_each(|name| drop(sys_fs::set_owner_at(&self.payload, name.as_ref(), 0, 0)));
        Ok(())
    }

    /// Moves this process into the payload.
    ///
    /// # Errors
    /// The kernel's.
    pub fn enter(&self) -> io::Result<()> {
        stream::write(&self.entrance, b"0").map(drop)
    }

    /// Makes the cgroup of sessions in a system box, beside what its init has made: once an init gives controllers to its own, there
    /// may be no process in the payload itself (cgroups(7), "no internal processes").
    ///
    /// # Errors
    /// mkdirat(2)'s.
    pub fn sessions(&self) -> io::Result<OwnedFd> {
        match sys_fs::make_dir(&self.payload, SESSIONS.as_ref(), 0o755) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => sys_fs::open_child(&self.payload, SESSIONS.as_ref()),
        }
    }

    /// Whether the cgroup of sessions has been removed, as systemd does with all that are empty when it ends.
    pub fn has_lost_sessions(&self) -> bool {
        sys_fs::open_child(&self.payload, SESSIONS.as_ref()).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Removes what an init that has ended has left in the payload, which can take its successor then.
    pub fn clear(&self) {
        let entries = sys_fs::list(&self.payload).unwrap_or_default();
        for (name, _) in entries.into_iter().filter(|(name, is_dir)| *is_dir && name != SESSIONS) {
            // What is left is found by its successor, which may well have use for it.
            let _ = sys_fs::open_child(&self.payload, &name)
                .and_then(|dir| remove_below(&dir))
                .and_then(|()| sys_fs::remove_dir(&self.payload, &name));
        }
        if let Ok(control) = root::open(&self.payload, Path::new("cgroup.subtree_control"), Open::Write) {
            for controller in Controller::ALL {
                // One that was not given to those below cannot be taken from them, nor need it be.
                let _ = stream::write(&control, format!("-{}", controller.name()).as_bytes());
            }
        }
    }

    /// Removes all of it, with this process still in it, as far as that goes: the last three directories are left to whoever
    /// finds them empty, if this process cannot be moved away.
    pub fn leave(&self) {
        let _ = remove_below(&self.payload);
        let emptied = sys_fs::remove_dir(&self.limited, "payload".as_ref())
            .and_then(|()| sys_fs::remove_dir(&self.group, "box".as_ref()));
        if let (Ok(()), Some(home)) = (emptied, &self.home) {
            let left = stream::write(home, b"0")
                .and_then(|_| sys_fs::remove_dir(&self.group, "keeper".as_ref()))
                .and_then(|()| sys_fs::remove_dir(&self.base, &self.name));
            // What is left is empty, and removed by the next envbox that looks.
            drop(left);
        }
    }
}

/// The cgroup below a box's payload, or that itself, which takes processes. One that gives controllers to those below it has
/// none of its own (cgroups(7), "no internal processes"), and an init inside gives them, as does an envbox.
///
/// # Errors
/// The kernel's.
pub fn place(payload: &OwnedFd) -> io::Result<OwnedFd> {
    if root::read(payload, Path::new("cgroup.subtree_control"))?.iter().all(u8::is_ascii_whitespace) {
        return payload.try_clone();
    }
    match sys_fs::make_dir(payload, OUTSIDE.as_ref(), 0o755) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sys_fs::open_child(payload, OUTSIDE.as_ref()),
    }
}

/// Kills what is in a cgroup, and removes it with all below it. One that is not there is no failure.
///
/// # Errors
/// [`Error::Busy`] for one that does not get empty, [`Error::Cgroup`].
pub fn remove(dir: &Path) -> Result<(), Error> {
    let fail = |what| move |source| Error::Cgroup { what, path: dir.to_owned(), source };
    let opened = match root::open_absolute(dir, Open::Directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(fail("open"))?,
    };
    // Before Linux 5.14 there is no such file; what is in there has been killed with its keeper then.
    let _ = fs::write(dir.join("cgroup.kill"), "1");
    match await_empty(&opened) {
        Ok(true) => {}
        Ok(false) => return Err(Error::Busy { path: dir.to_owned() }),
        Err(error) => return unless_gone(error).map_err(fail("wait for the end of")),
    }
    let removed = remove_below(&opened).and_then(|()| fs::remove_dir(dir));
    removed.or_else(unless_gone).map_err(fail("remove the cgroup"))
}

/// What is in a scope of systemd's is removed by systemd as well, as soon as it is empty. Files of a cgroup that was open
/// are not found then, or say that it is no more (`ENODEV`).
fn unless_gone(error: io::Error) -> io::Result<()> {
    const ENODEV: i32 = 19;
    if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ENODEV) { Ok(()) } else { Err(error) }
}

/// Removes the cgroups below one that is empty, as far as that goes.
///
/// # Errors
/// [`Error::Cgroup`].
pub fn clear(dir: &Path) -> Result<(), Error> {
    let fail = |source| Error::Cgroup { what: "remove what is below", path: dir.to_owned(), source };
    root::open_absolute(dir, Open::Directory).and_then(|dir| remove_below(&dir)).map_err(fail)
}

/// Waits until no process is left in a cgroup and below it, and says whether that came about in time.
fn await_empty(dir: &OwnedFd) -> io::Result<bool> {
    use std::io::{Read as _, Seek as _};
    let mut events = fs::File::from(root::open(dir, Path::new("cgroup.events"), Open::Read)?);
    let until = Instant::now() + PATIENCE;
    loop {
        let mut text = String::new();
        events.rewind()?;
        events.read_to_string(&mut text)?;
        if text.lines().any(|line| line == "populated 0") {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        poll::await_news(&events, until.saturating_duration_since(Instant::now()))?;
    }
}

/// Removes the cgroups below one, the lowest first. Files there cannot be removed and need not be.
fn remove_below(dir: &OwnedFd) -> io::Result<()> {
    for (name, _) in sys_fs::list(dir)?.into_iter().filter(|(_, is_dir)| *is_dir) {
        remove_below(&sys_fs::open_child(dir, &name)?)?;
        sys_fs::remove_dir(dir, &name)?;
    }
    Ok(())
}
