//! Shows a box its limits: the keeper's side of [`crate::limits::view`].
//!
//! A child of the keeper's serves the files, in the keeper's cgroup, and they are bound over the machine's. A pristine proc and
//! sysfs stay beside them: the kernel gives a user namespace one of its own only where it could see a whole one before
//! (mount_too_revealing() in fs/namespace.c). If the server is killed, another one is started and bound over the dead one's.
//!
//! Sessions send the listeners of their sysinfo(2) over a socket that the keeper hands out, and with the same socket the limits
//! of a live box can be changed where no cgroup has them.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Error, Live};
use crate::limits::enforce::{self, Machine};
use crate::limits::view::{self, Answerer, FILES, Load, Shown, Sources, SysInfo};
use crate::limits::{Membership, Processors};
use crate::plan::{BootPlan, RUN_DIR};
use crate::recipe::settings::{Limits, Size, View as Seen};
use crate::sys::mount::{self, Attributes};
use crate::sys::namespace::{self, Kind};
use crate::sys::process::{self, Fork, Pid, SingleThread};
use crate::sys::root::{self, Open};
use crate::sys::seccomp;
use crate::sys::signal::{self, Signal, Signals};
use crate::sys::{bound, socket};

/// For so long an answer of sysinfo(2) is good: nobody limits how much of the processors' time the keeper takes, so a program
/// that does nothing but ask must not make it work for each answer.
const FRESH: Duration = Duration::from_millis(20);

/// Where the files are served, below the run directory.
const DIR: &str = "view";

/// Where the pristine proc and sysfs are, below the run directory.
const KERNEL: &str = "kernel";

/// Servers that may be started within [`TERM`]: who kills more than that waits.
const MOST_STARTS: usize = 8;
const TERM: Duration = Duration::from_secs(10);

/// What the mount of the files does not allow: anything but reading.
const HARMLESS: Attributes = Attributes::MOUNT_ATTR_RDONLY
    .union(Attributes::MOUNT_ATTR_NOSUID)
    .union(Attributes::MOUNT_ATTR_NODEV)
    .union(Attributes::MOUNT_ATTR_NOEXEC);

/// Bytes of a packet at the most, and packets that are heard at once.
const LONGEST: usize = 32 * 1024;
const MOST_WORDS: usize = 64;

/// A packet on the sessions' socket that brings a listener, and one that brings limits.
const LISTENER: u8 = b's';
const LIMITS: u8 = b'l';

/// What the keeper has to do with it.
#[derive(Debug)]
pub(super) struct View {
    name: String,
    sources: Sources,
    shown: Shown,
    load: Load,
    answerer: Answerer,
    /// The last answer.
    answer: Option<(Instant, SysInfo)>,
    /// `/dev/fuse`, to be opened again in this user namespace.
    device: OwnedFd,
    server: Option<Server>,
    starts: Vec<Instant>,
    /// Whether sysinfo(2) is answered.
    answers: bool,
    /// The mount namespace of a system box's init, which has the files over a proc of its own.
    also_in: Option<OwnedFd>,
    /// What sessions send to, and where it arrives.
    handout: OwnedFd,
    arriving: OwnedFd,
}

#[derive(Debug)]
struct Server {
    pid: Pid,
    socket: OwnedFd,
}

/// Opens the device, from where it can be seen: the box need not have it.
///
/// # Errors
/// open(2)'s.
pub(super) fn device(plan: &BootPlan) -> io::Result<Option<OwnedFd>> {
    let wanted = plan.limits.seen() != Seen::None;
    wanted.then(|| root::open_absolute(Path::new("/dev/fuse"), Open::Path)).transpose()
}

impl View {
    /// Shows this process's box its limits, from behind the seal, with nothing running there yet.
    ///
    /// # Errors
    /// Those of mounting.
    pub(super) fn start(plan: &BootPlan, device: OwnedFd, member: Option<&Membership>) -> io::Result<Self> {
        let (handout, arriving) = socket::pair()?;
        socket::set_nonblocking(&arriving)?;
        let group = member.map(|member| member.limited.try_clone()).transpose()?;
        let sources = Sources::new(keep_pristine()?, group)?;
        let load = Load::new(sources.start());
        let mut view = Self {
            name: plan.name.clone(),
            sources,
            shown: shown(&plan.limits, &plan.name)?,
            load,
            answerer: Answerer::default(),
            answer: None,
            device,
            server: None,
            starts: Vec::new(),
            answers: plan.limits.seen() == Seen::Full,
            also_in: None,
            handout,
            arriving,
        };
        let binder = view.serve()?;
        match process::wait(binder)? {
            process::Ended::Exited(0) => Ok(view),
            _ => Err(io::Error::other("the files of its view cannot be bound")),
        }
    }

    /// Whether sysinfo(2) is answered.
    pub(super) fn answers(&self) -> bool {
        self.answers
    }

    /// Shows the files of later servers in this mount namespace as well, which has those of the present one.
    pub(super) fn show_in(&mut self, mounts: OwnedFd) {
        self.also_in = Some(mounts);
    }

    /// What sessions get: see [`divert_sysinfo`] and [`Live::show`].
    pub(super) fn handout(&self) -> &OwnedFd {
        &self.handout
    }

    /// What is to be waited for.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let sockets = self.server.iter().map(|server| server.socket.as_fd());
        sockets.chain([self.arriving.as_fd()]).chain(self.answerer.fds())
    }

    /// When there is something to do whatever arrives.
    pub(super) fn term(&self) -> Option<Instant> {
        let restart = self.server.is_none().then(|| self.starts.first().map(|first| *first + TERM)).flatten();
        let sample = self.load.due().map(|due| {
            let left = self.sources.now().map_or(0, |now| due.0.saturating_sub(now.0));
            Instant::now() + Duration::from_millis(left * 10)
        });
        restart.into_iter().chain(sample).min()
    }

    /// Whether it is this process that serves the files, which is no part of the box.
    pub(super) fn is_server(&self, pid: i32) -> bool {
        self.server.as_ref().is_some_and(|server| server.pid.as_raw() == pid)
    }

    /// Takes note that a child has ended.
    pub(super) fn child_ended(&mut self, pid: Pid) {
        if self.is_server(pid.as_raw()) {
            self.server = None;
        }
    }

    /// Does what there is to do, and waits for nothing. `ending`: of a box that is about to end; nothing is started any more.
    pub(super) fn turn(&mut self, ending: bool) {
        if self.server.is_none() && !ending && self.may_start() {
            // Nobody waits for the one that binds: whoever kills a server may stop the next one as well.
            let _ = self.serve();
        }
        self.sample();
        self.hear_sessions();
        let Self { answerer, answer, sources, shown, load, .. } = self;
        answerer.turn(sources.proc(), || {
            if let Some((_, last)) = answer.filter(|(made, _)| made.elapsed() < FRESH) {
                return Ok(last);
            }
            ask(load, sources, shown);
            let new = sources.sysinfo(shown)?;
            *answer = Some((Instant::now(), new));
            Ok(new)
        });
        self.hear_server();
    }

    fn may_start(&mut self) -> bool {
        self.starts.retain(|start| start.elapsed() < TERM);
        self.starts.len() < MOST_STARTS
    }

    fn sample(&mut self) {
        let due = self.load.due().and_then(|due| self.sources.now().ok().filter(|now| *now >= due));
        if let Some(now) = due {
            self.load.sample(now, self.sources.worked(), self.sources.active());
            self.shown.load = self.load.scaled();
        }
    }

    /// Answers the server's questions.
    fn hear_server(&mut self) {
        let Some(server) = &self.server else { return };
        let mut question = [0; 16];
        while let Ok((1.., _)) = socket::receive(&server.socket, &mut question) {
            ask(&mut self.load, &self.sources, &mut self.shown);
            self.tell_server();
        }
    }

    fn hear_sessions(&mut self) {
        let mut packet = [0; LONGEST];
        for _ in 0..MOST_WORDS {
            match socket::receive(&self.arriving, &mut packet) {
                Ok((1, listeners)) if packet[0] == LISTENER => {
                    listeners.into_iter().for_each(|listener| self.answerer.add(listener));
                }
                Ok((length @ 1.., _)) if packet[0] == LIMITS => {
                    if let Ok(new) = Shown::from_bytes(&packet[1..length]) {
                        self.shown = Shown { load: self.shown.load, ..new };
                        self.tell_server();
                    }
                }
                Ok((0, _)) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn tell_server(&self) {
        let told = |server: &Server| socket::send(&server.socket, &self.shown.to_bytes(), &[] as &[OwnedFd]);
        if let Some(server) = self.server.as_ref().filter(|server| told(server).is_err()) {
            // It does not listen. The next one knows everything from its start.
            let _ = signal::kill(server.pid, Signal::SIGKILL);
        }
    }

    /// Starts a server. The child that is returned mounts and binds what it serves, and ends: that has to wait for the server,
    /// which somebody in the box may have stopped.
    fn serve(&mut self) -> io::Result<Pid> {
        let proof = SingleThread::prove()?;
        let again = !self.starts.is_empty();
        self.starts.push(Instant::now());
        // A device counts for the user namespace that it was opened in (fuse(4), EINVAL).
        let path = format!("/proc/self/fd/{}", self.device.as_raw_fd());
        let device = OwnedFd::from(std::fs::File::options().read(true).write(true).open(path)?);
        let mounted = mount::fuse(&device, "envbox", HARMLESS)?;
        let (ours, theirs) = socket::pair()?;
        socket::set_nonblocking(&ours)?;
        match process::fork(&proof)? {
            Fork::Child => process::finish(|| u8::from(self.become_server(device, theirs).is_err())),
            Fork::Parent(pid) => {
                self.sources.leave_out(pid.as_raw());
                self.server = Some(Server { pid, socket: ours });
            }
        }
        // While anybody but the server had it open, the end of the server would not be the end of the mount, and whoever looked
        // into it would wait for ever.
        drop(device);
        match process::fork(&proof)? {
            Fork::Child => process::finish(|| {
                let bound = bind(mounted, again).and_then(|()| match &self.also_in {
                    Some(mounts) => bind_in(&proof, mounts),
                    None => Ok(()),
                });
                u8::from(bound.is_err())
            }),
            Fork::Parent(binder) => Ok(binder),
        }
    }

    fn become_server(&self, device: OwnedFd, keeper: OwnedFd) -> io::Result<()> {
        process::set_title(&format!("envbox view {}", self.name))?;
        // What asks the box to end asks its programs, which may read until they have. The keeper's end ends this process too.
        let _deaf = Signals::watch(&[Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM])?;
        let keep: Vec<BorrowedFd<'_>> = self.sources.fds().chain([device.as_fd(), keeper.as_fd()]).collect();
        process::close_all_but(&keep)?;
        let mut sources = self.sources.try_clone()?;
        sources.leave_out(process::own_pid().as_raw());
        view::serve(device, keeper, sources, self.shown.clone())
    }
}

/// Takes note that somebody wants to know the averages of the load.
fn ask(load: &mut Load, sources: &Sources, shown: &mut Shown) {
    if let Ok(now) = sources.now() {
        load.ask(now, || sources.worked());
        shown.load = load.scaled();
    }
}

/// What a box of this plan has for a limit where no cgroup has one.
fn shown(limits: &Limits, name: &str) -> io::Result<Shown> {
    let machine = Machine { processors: bound::processors()?, ..Machine::default() };
    let chosen = enforce::processors(limits, &machine, enforce::place(name));
    let cpus = if chosen.is_empty() { machine.processors } else { chosen }.into_iter().collect::<Processors>();
    let bytes = |size: Option<Size>| size.map(|size| size.0);
    Ok(Shown { memory: bytes(limits.memory), swap: bytes(limits.swap), cpus, load: [0; 3] })
}

/// Copies proc and sysfs as they are, before anything is bound over parts of them; the result is the one of proc.
fn keep_pristine() -> io::Result<OwnedFd> {
    let run = root::open_absolute(Path::new(RUN_DIR), Open::Directory)?;
    let (proc, sys) = (mount::copy_tree(Path::new("/proc"))?, mount::copy_tree(Path::new("/sys"))?);
    let dir = root::make_dirs(&run, Path::new(KERNEL), 0o500)?;
    mount::attach(&proc, root::make_dirs(&dir, Path::new("proc"), 0o500)?)?;
    mount::attach(&sys, root::make_dirs(&dir, Path::new("sys"), 0o500)?)?;
    // To be listed, too.
    root::open(&proc, Path::new("."), Open::Directory)
}

/// Attaches what a server serves, and binds the files over the machine's.
fn bind(mounted: OwnedFd, again: bool) -> io::Result<()> {
    let run = root::open_absolute(Path::new(RUN_DIR), Open::Directory)?;
    let dir = Path::new(RUN_DIR).join(DIR);
    if again {
        // It is dead, and whatever is still open in it with it.
        mount::detach(&dir)?;
    }
    mount::attach(mounted, root::make_dirs(&run, Path::new(DIR), 0o555)?)?;
    bind_over(&copies()?, again)
}

/// Shows what is bound here in another mount namespace, which has a dead server's.
fn bind_in(proof: &SingleThread, mounts: &OwnedFd) -> io::Result<()> {
    let dir = Path::new(RUN_DIR).join(DIR);
    let (whole, copies) = (mount::copy_tree(&dir)?, copies()?);
    namespace::join(proof, mounts, Kind::Mount)?;
    bind_over(&[(whole, dir.as_path())], true)?;
    bind_over(&copies, true)
}

/// The files of the view that this machine has, to be bound over its own: a copy of each, and the path.
///
/// # Errors
/// open_tree(2)'s.
pub(super) fn copies() -> io::Result<Vec<(OwnedFd, &'static Path)>> {
    let dir = Path::new(RUN_DIR).join(DIR);
    // What cannot be looked at is there, with a dead server's file over it.
    let is_there = |at: &Path| !matches!(at.try_exists(), Ok(false));
    let there = FILES.iter().map(|(_, name, at)| (name, Path::new(at))).filter(|(_, at)| is_there(at));
    there.map(|(name, at)| Ok((mount::copy_tree(&dir.join(name))?, at))).collect()
}

/// Binds the files over those of this process's mount namespace; again, where the server of those that are bound is dead.
///
/// # Errors
/// move_mount(2)'s.
pub(super) fn bind_over(copies: &[(OwnedFd, &Path)], again: bool) -> io::Result<()> {
    copies.iter().try_for_each(|(copy, at)| {
        if again {
            mount::detach(at)?;
        }
        mount::attach(copy, root::open_absolute(at, Open::Path)?)
    })
}

/// Lets the keeper answer sysinfo(2) for this process and all that it starts; `socket` is what the keeper has handed out for
/// that. Where a filter cannot be had, or another has the say already, the kernel answers.
///
/// # Errors
/// sendmsg(2)'s.
pub(super) fn divert_sysinfo(socket: &OwnedFd) -> io::Result<()> {
    seccomp::listen(seccomp::SYSINFO).map_or(Ok(()), |listener| socket::send(socket, &[LISTENER], &[listener]))
}

impl Live {
    /// Shows other limits to the box's programs, as far as it is not its cgroup that has them. A box that was started without
    /// any goes on seeing the machine.
    ///
    /// # Errors
    /// [`Error::Join`].
    pub fn show(&self, limits: &Limits, name: &str) -> Result<(), Error> {
        let Some(socket) = &self.view else { return Ok(()) };
        let send = |shown: Shown| {
            let packet = [&[LIMITS][..], &shown.to_bytes()].concat();
            socket::send(socket, &packet, &[] as &[OwnedFd])
        };
        shown(limits, name).and_then(send).map_err(|source| Error::Join { what: "show its limits to it", source })
    }
}
