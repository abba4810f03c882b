//! System calls that are answered by another process (seccomp_unotify(2)).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use rustix::fs::{Mode, OFlags};

/// The number of sysinfo(2).
pub const SYSINFO: i64 = libc::SYS_sysinfo;

/// What the kernel calls this architecture (linux/audit.h). On another one a system call has another number.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// Offsets in `struct seccomp_data` (linux/seccomp.h).
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;

/// Makes a system call of this process, and of all that it starts, a question to whoever has the listener that is returned.
/// All other calls go on as before, and so do those of a compatible architecture (i386 programs on x86-64).
///
/// # Errors
/// `EACCES` without `CAP_SYS_ADMIN` in its user namespace; `EBUSY` where such a listener is there already; `Unsupported` on
/// other architectures than x86-64 and arm64.
pub fn listen(call: i64) -> io::Result<OwnedFd> {
    let architecture = ARCHITECTURE.ok_or(io::ErrorKind::Unsupported)?;
    let number = u32::try_from(call).map_err(|_| io::ErrorKind::InvalidInput)?;
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let unless_equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let step = |code: u32, value, otherwise| {
        let code = u16::try_from(code).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok::<_, io::Error>(libc::sock_filter { code, jt: 0, jf: otherwise, k: value })
    };
    // Each jump leads to the last line.
    let mut program = [
        step(load, ARCHITECTURE_AT, 0)?,
        step(unless_equal, architecture, 3)?,
        step(load, NUMBER_AT, 0)?,
        step(unless_equal, number, 1)?,
        step(answer, libc::SECCOMP_RET_USER_NOTIF, 0)?,
        step(answer, libc::SECCOMP_RET_ALLOW, 0)?,
    ];
    install(&mut program)
}

fn install(program: &mut [libc::sock_filter]) -> io::Result<OwnedFd> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // Without the second flag, kernels before 5.16 make a filtered process slower (spec_store_bypass_disable).
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: the program is `length` instructions, which the kernel copies before it returns.
    let fd = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    let fd = i32::try_from(fd).map_err(|_| io::ErrorKind::InvalidData)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, close-on-exec, and nothing else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A call that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    id: u64,
    /// The calling thread, in the pid namespace of whoever asks; 0 for one that is not there.
    pub thread: u32,
    /// The call's arguments.
    pub arguments: [u64; 6],
}

/// What a listener has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody calls.
    Called(Call),
    /// Nobody, at the moment.
    Nothing,
    /// Nobody ever again: all those are gone who could.
    Over,
}

/// The next call, without waiting for one.
///
/// # Errors
/// poll(2)'s, and those of `SECCOMP_IOCTL_NOTIF_RECV`.
pub fn next_event(listener: impl AsFd) -> io::Result<Event> {
    // The request itself waits where there is no call, on older kernels even for those who are gone.
    let mut polled = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    if let Err(errno) = nix::poll::poll(&mut polled, PollTimeout::ZERO) {
        return if errno == nix::errno::Errno::EINTR { Ok(Event::Nothing) } else { Err(errno.into()) };
    }
    let came = polled[0].revents().unwrap_or(PollFlags::empty());
    if !came.contains(PollFlags::POLLIN) {
        let over = came.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL);
        return Ok(if over { Event::Over } else { Event::Nothing });
    }
    // SAFETY: the kernel wants the structure zeroed, for which zeros are valid values.
    let mut found: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the request writes one such structure, which it knows the size of by its number.
    let result = unsafe { libc::ioctl(listener.as_fd().as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut found) };
    if result < 0 {
        let error = io::Error::last_os_error();
        // The caller was killed between the two.
        let gone = matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR));
        return if gone { Ok(Event::Nothing) } else { Err(error) };
    }
    Ok(Event::Called(Call { id: found.id, thread: found.pid, arguments: found.data.args }))
}

/// What comes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It returns this.
    Returns(i64),
    /// The kernel does what was asked of it (`SECCOMP_USER_NOTIF_FLAG_CONTINUE`).
    MakeTheCall,
}

/// Answers a call.
///
/// # Errors
/// `ENOENT` if the caller is gone.
pub fn reply(listener: impl AsFd, call: &Call, reply: Reply) -> io::Result<()> {
    let (value, flags) = match reply {
        Reply::Returns(value) => (value, 0),
        Reply::MakeTheCall => (0, u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(1)),
    };
    let answer = libc::seccomp_notif_resp { id: call.id, val: value, error: 0, flags };
    let fd = listener.as_fd().as_raw_fd();
    // SAFETY: the request reads one such structure.
    let result = unsafe { libc::ioctl(fd, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const answer) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Opens the memory of whoever made a call (proc_pid_mem(5)). `proc`: of the caller's pid namespace, or one around it.
///
/// # Errors
/// `ENOENT` if the caller is gone; `EACCES` if this process may not look into it.
pub fn memory_of(listener: impl AsFd, proc: impl AsFd, call: &Call) -> io::Result<File> {
    let path = format!("{}/mem", call.thread);
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let memory = rustix::fs::openat(proc, Path::new(&path), flags, Mode::empty())?;
    // As long as the call waits, the number is nobody else's; now the memory is the caller's whatever becomes of the number.
    let fd = listener.as_fd().as_raw_fd();
    // SAFETY: the request reads one u64.
    let valid = unsafe { libc::ioctl(fd, libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const call.id) };
    if valid == 0 { Ok(memory.into()) } else { Err(io::Error::last_os_error()) }
}

/// Writes to an address of an opened memory.
///
/// # Errors
/// pwrite(2)'s; `EIO` where nothing is mapped, or only for reading in a way that not even a debugger writes to.
pub fn write_memory(memory: &File, address: u64, bytes: &[u8]) -> io::Result<()> {
    memory.write_all_at(bytes, address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::mpsc;

    /// What a thread that asks for the time since the start hears, and this one answers. The filter goes with the thread.
    fn uptime_heard(answer: impl Fn(&OwnedFd, &Call) -> Reply) -> i64 {
        let (sender, listeners) = mpsc::channel();
        let asking = std::thread::spawn(move || {
            // What an ordinary user needs for a filter.
            nix::sys::prctl::set_no_new_privs().unwrap();
            sender.send(listen(SYSINFO).unwrap()).unwrap();
            // SAFETY: zeros are valid values of all its fields.
            let mut info: libc::sysinfo = unsafe { std::mem::zeroed() };
            // SAFETY: the call writes one such structure.
            assert_eq!(unsafe { libc::sysinfo(&raw mut info) }, 0);
            info.uptime
        });
        let listener = listeners.recv().unwrap();
        let call = loop {
            match next_event(&listener).unwrap() {
                Event::Called(call) => break call,
                Event::Nothing => std::thread::yield_now(),
                Event::Over => panic!("nobody has called"),
            }
        };
        assert_eq!(next_event(&listener).unwrap(), Event::Nothing);
        reply(&listener, &call, answer(&listener, &call)).unwrap();
        let heard = asking.join().unwrap();
        while next_event(&listener).unwrap() != Event::Over {
            std::thread::yield_now();
        }
        heard
    }

    #[test]
    fn a_call_is_answered() {
        let proc = std::fs::File::open(Path::new("/proc")).unwrap();
        let heard = uptime_heard(|listener, call| {
            let memory = memory_of(listener, &proc, call).unwrap();
            write_memory(&memory, call.arguments[0], &7_i64.to_ne_bytes()).unwrap();
            Reply::Returns(0)
        });
        assert_eq!(heard, 7);
    }

    #[test]
    fn or_the_kernel_answers() {
        let heard = uptime_heard(|_, _| Reply::MakeTheCall);
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let now: i64 = uptime.split('.').next().unwrap().parse().unwrap();
        assert!((now - 5..=now + 1).contains(&heard), "{heard} {now}");
    }
}
