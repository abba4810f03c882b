//! Processes: fork, wait, signals by pidfd, `prctl`.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::ForkResult;
pub use nix::unistd::Pid;

/// Proof that the calling process had one thread when the value was made.
///
/// `unshare(CLONE_NEWUSER)` fails with `EINVAL` in a process with a second thread (unshare(2)), and a child forked from
/// a threaded process may only call async-signal-safe functions (fork(2)). [`fork`] asks for this proof, so neither can
/// be got wrong by accident. The value is neither `Send` nor `Sync`, and code that starts threads must have ended them
/// before it asks for a new one.
#[derive(Debug)]
pub struct SingleThread(std::marker::PhantomData<*const ()>);

impl SingleThread {
    /// Counts the threads of this process.
    ///
    /// # Errors
    /// `ResourceBusy` if there is a second thread; whatever stat(2) of `/proc/self/task` says.
    pub fn prove() -> io::Result<Self> {
        // A directory's link count is two plus its sub-directories; /proc/self/task has one of those a thread (proc(5)).
        let links = nix::sys::stat::stat("/proc/self/task")?.st_nlink;
        if links == 3 {
            return Ok(Self(std::marker::PhantomData));
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "a second thread is running"))
    }
}

/// Which side of a [`fork`] this is.
#[derive(Debug)]
pub enum Fork {
    /// The caller; the child has this id.
    Parent(Pid),
    /// The child. It leaves by [`finish`] or by execve(2), and never returns into the frames it was forked in.
    Child,
}

/// Forks (fork(2), through libc, so that its own state is right in the child).
///
/// # Errors
/// fork(2)'s.
pub fn fork(_: &SingleThread) -> io::Result<Fork> {
    // SAFETY: `SingleThread` proves that no other thread exists, so the child may call anything the parent may.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Fork::Parent(child)),
        ForkResult::Child => Ok(Fork::Child),
    }
}

/// Forks a child that is in another cgroup from its first instant on (clone3(2), `CLONE_INTO_CGROUP`). To move it there
/// afterwards would cost a grace period of the kernel's, several milliseconds.
///
/// # Errors
/// clone3(2)'s: `EACCES` where the caller may not move processes from its own cgroup to that one, `EBUSY` where that one
/// has controllers for its children and so may have no process, `EOPNOTSUPP` where it is being removed, `ENOSYS` and `E2BIG`
/// before Linux 5.7.
pub fn fork_into(proof: &SingleThread, cgroup: impl AsFd) -> io::Result<Fork> {
    clone(proof, 0, Some(cgroup.as_fd()))
}

/// Forks the first process of a new pid namespace (pid_namespaces(7)), which belongs to the caller's user namespace.
///
/// # Errors
/// clone3(2)'s.
pub fn fork_init(proof: &SingleThread) -> io::Result<Fork> {
    clone(proof, u64::try_from(libc::CLONE_NEWPID).unwrap_or_default(), None)
}

fn clone(_: &SingleThread, flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Fork> {
    // linux/sched.h; libc has it in a type that is too short for it.
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    // SAFETY: all of its fields are numbers, and zero means "not asked for" in each (clone3(2)).
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags;
    args.exit_signal = u64::try_from(libc::SIGCHLD).unwrap_or_default();
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::try_from(cgroup.as_raw_fd()).unwrap_or_default();
    }
    // SAFETY: `args` outlives the call. As after fork(2) the child has a copy of everything; `SingleThread` proves that no
    // other thread exists which might have held a lock, and what the C library would have done besides is to renew the
    // thread's number in its own records, which nothing here asks for.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match pid {
        0 => Ok(Fork::Child),
        pid if pid > 0 => Ok(Fork::Parent(Pid::from_raw(i32::try_from(pid).unwrap_or_default()))),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Runs the rest of a forked child and leaves with its result as exit status. A panic does not unwind into the frames
/// that belong to the parent.
pub fn finish(work: impl FnOnce() -> u8) -> ! {
    let status = catch_unwind(AssertUnwindSafe(work)).unwrap_or(EXIT_PANIC);
    exit_now(status)
}

/// Exit status of a forked child whose code panicked.
pub const EXIT_PANIC: u8 = 125;

/// Leaves at once: no destructors, no buffers flushed (`_exit(2)`).
pub fn exit_now(status: u8) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(i32::from(status)) }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It called exit with this status.
    Exited(u8),
    /// This signal killed it.
    Killed(i32),
}

impl Ended {
    /// From the status of waitpid(2), of which exit(3) keeps the low eight bits.
    fn exited(status: i32) -> Self {
        Self::Exited(status.to_le_bytes()[0])
    }

    /// The status a shell would show: the program's own, or 128 plus the signal.
    pub fn status(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Killed(signal) => 128u8.wrapping_add(u8::try_from(signal).unwrap_or(0)),
        }
    }
}

/// Waits for one child to end.
///
/// # Errors
/// waitpid(2)'s, interruptions excepted.
pub fn wait(pid: Pid) -> io::Result<Ended> {
    loop {
        match nix::sys::wait::waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, status)) => return Ok(Ended::exited(status)),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Ended::Killed(signal as i32)),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Waits for any child to end, and says which it was.
///
/// # Errors
/// waitpid(2)'s, interruptions excepted; `ECHILD` where there is none.
pub fn wait_any() -> io::Result<(Pid, Ended)> {
    loop {
        match nix::sys::wait::waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, status)) => return Ok((pid, Ended::exited(status))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => return Ok((pid, Ended::Killed(signal as i32))),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// How one child ended, if it has; without waiting.
///
/// # Errors
/// waitpid(2)'s.
pub fn try_wait(pid: Pid) -> io::Result<Option<Ended>> {
    match nix::sys::wait::waitpid(pid, Some(WaitPidFlag::WNOHANG))? {
        WaitStatus::Exited(_, status) => Ok(Some(Ended::exited(status))),
        WaitStatus::Signaled(_, signal, _) => Ok(Some(Ended::Killed(signal as i32))),
        _ => Ok(None),
    }
}

/// What a child did since it was last asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is gone.
    Ended(Pid, Ended),
    /// Job control stopped it.
    Stopped(Pid, Signal),
}

/// The next change of any child, without waiting; `None` where there is none (or no child).
///
/// # Errors
/// waitpid(2)'s.
pub fn reap(stops: bool) -> io::Result<Option<Change>> {
    let flags = WaitPidFlag::WNOHANG | if stops { WaitPidFlag::WUNTRACED } else { WaitPidFlag::empty() };
    match nix::sys::wait::waitpid(None, Some(flags)) {
        Ok(WaitStatus::Exited(pid, status)) => Ok(Some(Change::Ended(pid, Ended::exited(status)))),
        Ok(WaitStatus::Signaled(pid, signal, _)) => Ok(Some(Change::Ended(pid, Ended::Killed(signal as i32)))),
        Ok(WaitStatus::Stopped(pid, signal)) => Ok(Some(Change::Stopped(pid, signal))),
        Ok(_) | Err(nix::errno::Errno::ECHILD) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// A descriptor that names the process for as long as it is held, whatever happens to its number (pidfd_open(2)).
///
/// # Errors
/// `NotFound`-like `ESRCH` if there is no such process.
pub fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(pid.as_raw()).ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
}

/// Sends a signal to the process a pidfd names (pidfd_send_signal(2)).
///
/// # Errors
/// `ESRCH` if it has ended, `EPERM` if it is another user's.
pub fn pidfd_signal(pidfd: impl AsFd, signal: Signal) -> io::Result<()> {
    let signal = rustix::process::Signal::from_named_raw(signal as i32)
        .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    Ok(rustix::process::pidfd_send_signal(pidfd, signal)?)
}

/// Asks for `signal` when the thread that forked this process ends (prctl(2), `PR_SET_PDEATHSIG`). Cleared by the kernel
/// on a change of credentials, so it is set after them.
///
/// # Errors
/// prctl(2)'s.
pub fn die_with_parent(signal: Signal) -> io::Result<()> {
    Ok(nix::sys::prctl::set_pdeathsig(Some(signal))?)
}

/// Makes this process the parent of all that its descendants leave orphaned (prctl(2), `PR_SET_CHILD_SUBREAPER`).
///
/// # Errors
/// prctl(2)'s.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// Sets whether others with this process's uid may look into it: ptrace, `/proc/PID/*` (prctl(2), `PR_SET_DUMPABLE`).
///
/// # Errors
/// prctl(2)'s.
pub fn set_dumpable(dumpable: bool) -> io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(dumpable)?)
}

/// A pipe, both ends close-on-exec: (read, write).
///
/// # Errors
/// pipe2(2)'s.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?)
}

/// An owned, close-on-exec duplicate of a descriptor of this process, given by number.
///
/// # Errors
/// `EBADF` if the number is not open.
pub fn duplicate(raw: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl with F_DUPFD_CLOEXEC reads nothing but its arguments.
    let new = unsafe { libc::fcntl(raw, libc::F_DUPFD_CLOEXEC, 3) };
    if new < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nothing else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

/// Makes a descriptor survive the next exec, and gives it up: returns its number.
///
/// # Errors
/// fcntl(2)'s.
pub fn inheritable(fd: OwnedFd) -> io::Result<i32> {
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::empty())?;
    Ok(fd.into_raw_fd())
}

/// Closes every descriptor above standard error but these, in a forked child that goes its own way: it must not keep
/// pipes of its caller's open (close_range(2)). No other owned descriptor may be used afterwards, which holds for a
/// child that never returns into its parent's frames.
///
/// # Errors
/// `ENOSYS` before Linux 5.9.
pub fn close_all_but(keep: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(fd.as_raw_fd()).ok()).collect();
    kept.sort_unstable();
    let mut first = 3;
    for end in kept.into_iter().map(Some).chain([None]) {
        let last = end.map_or(u32::MAX, |end| end.saturating_sub(1));
        if first <= last {
            // SAFETY: the descriptors that are closed belong to frames that never run again in this process.
            let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
            if result != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        first = end.map_or(u32::MAX, |end| end + 1).max(first);
    }
    Ok(())
}

/// Raises the limit of open descriptors as far as this process may (setrlimit(2), `RLIMIT_NOFILE`).
///
/// # Errors
/// setrlimit(2)'s.
pub fn raise_descriptor_limit() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Sets the limit of open descriptors to what programs expect that know of no other (setrlimit(2), `RLIMIT_NOFILE`): those
/// that use select(2) fail with more.
///
/// # Errors
/// setrlimit(2)'s.
pub fn ordinary_descriptor_limit() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(maximum.unwrap_or(u64::MAX).min(1024));
    Ok(setrlimit(Resource::Nofile, Rlimit { current, maximum })?)
}

/// The session a process belongs to (getsid(2)).
///
/// # Errors
/// `ESRCH`.
pub fn session_of(pid: Pid) -> io::Result<Pid> {
    Ok(nix::unistd::getsid(Some(pid))?)
}

/// This process's id, in its own pid namespace.
pub fn own_pid() -> Pid {
    nix::unistd::getpid()
}

/// Lets no descriptor above standard error survive the next exec, whoever opened it (close_range(2)).
///
/// # Errors
/// `EINVAL` before Linux 5.11.
pub fn close_rest_on_exec() -> io::Result<()> {
    // SAFETY: nothing is closed now; the call only sets a flag.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The parent's id, in this process's pid namespace.
pub fn parent() -> Pid {
    nix::unistd::getppid()
}

/// A field of what `/proc/PID/stat` says, by its number in proc_pid_stat(5), from the third on.
pub fn stat_field(stat: &str, number: usize) -> Option<&str> {
    // The second field is the program's name in parentheses, and may contain anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(number.checked_sub(3)?)
}

/// Replaces this process's command line, as ps(1) shows it, as far as the room of the old one goes.
/// [`std::env::args`] means nothing afterwards.
///
/// # Errors
/// Where `/proc/self/stat` does not say where it is (proc_pid_stat(5), fields 48 and 49).
pub fn set_title(title: &str) -> io::Result<()> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let mut fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(45)).into_iter().flatten();
    let mut next = || fields.next().and_then(|field| field.parse::<usize>().ok()).filter(|&address| address > 0);
    let (start, end) = next().zip(next()).ok_or(io::ErrorKind::Unsupported)?;
    let room = end.checked_sub(start).ok_or(io::ErrorKind::Unsupported)?;
    // SAFETY: the kernel says that the argument strings are there, on this process's own stack; nothing else is, and
    // nobody holds a reference to them: the standard library makes copies.
    let old = unsafe { std::slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut::<u8>(start), room) };
    old.fill(0);
    // Where the last byte is not a nul, the kernel goes on into the environment (get_mm_cmdline in fs/proc/base.c).
    let last = room.saturating_sub(1);
    old.iter_mut().take(last).zip(title.bytes()).for_each(|(place, byte)| *place = byte);
    Ok(())
}
