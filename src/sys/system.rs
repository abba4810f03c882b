//! The machine's name, other programs, and what a mount allows.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Sets the host name of this UTS namespace (sethostname(2)).
///
/// # Errors
/// `EPERM`; `EINVAL` for a name of more than 64 bytes.
pub fn set_hostname(name: &str) -> io::Result<()> {
    Ok(rustix::system::sethostname(name.as_bytes())?)
}

/// The host name of this UTS namespace.
pub fn hostname() -> OsString {
    OsStr::from_bytes(rustix::system::uname().nodename().to_bytes()).to_owned()
}

/// Bytes of a page of memory.
pub fn page_size() -> usize {
    // Not rustix's: before Linux 6.4, which gives the auxiliary vector out by prctl(2), that wants a proc in which it finds
    // itself.
    // SAFETY: it has no conditions, and asks nobody (sysconf(3)).
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// Whether setuid bits have no effect on what an open file is mounted on (statvfs(3), `ST_NOSUID`).
///
/// # Errors
/// fstatvfs(3)'s.
pub fn is_nosuid(file: impl AsFd) -> io::Result<bool> {
    Ok(rustix::fs::fstatvfs(file)?.f_flag.contains(rustix::fs::StatVfsMountFlags::NOSUID))
}

/// Becomes another program (execve(2)). Returns only if that fails.
pub fn exec(program: &Path, argv: &[impl AsRef<OsStr>], env: &[(OsString, OsString)]) -> io::Error {
    let text = |bytes: Vec<u8>| CString::new(bytes).map_err(io::Error::from);
    let run = || -> io::Result<std::convert::Infallible> {
        let program = text(program.as_os_str().as_bytes().to_vec())?;
        let argv: Vec<CString> =
            argv.iter().map(|word| text(word.as_ref().as_bytes().to_vec())).collect::<io::Result<_>>()?;
        let env: Vec<CString> = env
            .iter()
            .map(|(name, value)| text([name.as_bytes(), b"=", value.as_bytes()].concat()))
            .collect::<io::Result<_>>()?;
        Ok(nix::unistd::execve(&program, &argv, &env)?)
    };
    match run() {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

/// Goes to another directory (chdir(2)), and makes sure that it is one the root contains: a directory that is reached
/// through a descriptor from outside has no path that begins with `/` (CVE-2024-21626).
///
/// # Errors
/// chdir(2)'s; `NotFound` for a directory outside of the root.
pub fn change_dir(path: &Path) -> io::Result<()> {
    rustix::process::chdir(path)?;
    let at = rustix::process::getcwd(Vec::new())?;
    if at.as_bytes().starts_with(b"/") { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Sets the mask for the permission bits of new files (umask(2)), and returns the old one.
pub fn set_umask(mask: u32) -> u32 {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask)).as_raw_mode()
}

/// Whether this process may execute a file (faccessat2(2), with the effective ids).
///
/// # Errors
/// `NotFound`; `PermissionDenied` for a directory too.
pub fn check_executable(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD};
    rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)?;
    // With its number, which goes from process to process.
    if path.is_dir() { Err(rustix::io::Errno::ACCESS.into()) } else { Ok(()) }
}

/// The version of the kernel: its first two numbers (uname(2)).
pub fn kernel() -> (u32, u32) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
