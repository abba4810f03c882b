//! `newuidmap` and `newgidmap` for boxes whose image has none, so that whoever makes user namespaces in a box (an envbox,
//! podman, `unshare --map-auto`) has all of the ids that the box gives on. The rules are shadow's (newuidmap(1),
//! newgidmap(1), subuid(5)).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Error, accounts};
use crate::host::{self, Range};
use crate::sys::root::{self, Open};
use crate::sys::{self, id, process};

/// Which of the two programs it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Users,
    Groups,
}

/// Why a map is refused.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// Wrong usage.
    #[error("usage: PID|fd:N and, three numbers for each range, ID LOWER-ID COUNT")]
    Usage,
    /// What was named cannot be looked at.
    #[error("cannot look at process {process}")]
    Process {
        /// As it was named.
        process: String,
        /// Why.
        source: io::Error,
    },
    /// The descriptor is not of a directory of proc's.
    #[error("`{0}` is no open directory of a process in /proc")]
    NotAProcess(String),
    /// Somebody else's process.
    #[error("process {process} belongs to {theirs:?} and not to {own:?}, user and group")]
    NotTheOwner {
        /// As it was named.
        process: String,
        /// Who owns it.
        theirs: (u32, u32),
        /// Who asks.
        own: (u32, u32),
    },
    /// Ids that are not the caller's to give.
    #[error("{count} ids from {lower} on are not {user}'s by {file}")]
    NotGranted {
        /// The first id.
        lower: u32,
        /// How many.
        count: u32,
        /// Who asks.
        user: String,
        /// Where it would have to stand.
        file: &'static str,
    },
    /// The kernel refused.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Runs `newuidmap` with this program's arguments.
///
/// # Errors
/// [`Error::Map`].
pub(super) fn users() -> Result<u8, Error> {
    run(Which::Users)
}

/// Runs `newgidmap` with this program's arguments.
///
/// # Errors
/// [`Error::Map`].
pub(super) fn groups() -> Result<u8, Error> {
    run(Which::Groups)
}

fn run(which: Which) -> Result<u8, Error> {
    if id::effective_uid() != 0 {
        return Err(Error::NotRoot(which.name()));
    }
    write(which, &std::env::args_os().skip(1).collect::<Vec<_>>())?;
    Ok(0)
}

fn write(which: Which, words: &[OsString]) -> Result<(), MapError> {
    let (process, extents) = parse(words).ok_or(MapError::Usage)?;
    let own = (id::uid(), id::gid());
    let dir = open(&process)?;
    let found = sys::fs::status(&dir).map_err(failed(&process))?;
    let theirs = (found.uid, found.gid);
    if theirs != own {
        return Err(MapError::NotTheOwner { process, theirs, own });
    }
    let user = accounts::user_by_id(own.0).map_or_else(|| own.0.to_string(), |user| user.name);
    let granted = host::granted(which.file(), &user, own.0);
    let mut all_granted = false;
    for &Extent { lower, count, .. } in &extents {
        match which.may(&granted, own, Range { start: lower, count }) {
            May::Granted => all_granted = true,
            May::Own => {}
            May::Not => return Err(MapError::NotGranted { lower, count, user, file: which.file() }),
        }
    }
    let put = |name: &str, text: &str| {
        let path = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name);
        fs::write(&path, text)
            .map_err(|source| MapError::Write { path: Path::new("/proc").join(&process).join(name), source })
    };
    // Whoever only keeps their own group could else drop one that denies them something (CVE-2018-7169).
    if which == Which::Groups && !all_granted {
        put("setgroups", "deny")?;
    }
    let lines: String = extents.iter().map(|e| format!("{} {} {}\n", e.id, e.lower, e.count)).collect();
    put(which.map(), &lines)
}

fn failed(process: &str) -> impl Fn(io::Error) -> MapError {
    move |source| MapError::Process { process: process.to_owned(), source }
}

/// The directory of a process: held open, it is of this one, whoever gets its number next.
fn open(process: &str) -> Result<OwnedFd, MapError> {
    let Some(number) = process.strip_prefix("fd:") else {
        return root::open_absolute(&Path::new("/proc").join(process), Open::Directory).map_err(failed(process));
    };
    let dir = number.parse().map_err(|_| MapError::Usage)?;
    let dir = process::duplicate(dir).map_err(failed(process))?;
    let given = sys::fs::status(&dir).map_err(failed(process))?;
    let proc = fs::metadata("/proc/self").map_err(failed(process))?.dev();
    if given.is_dir && given.identity.0 == proc { Ok(dir) } else { Err(MapError::NotAProcess(process.to_owned())) }
}

/// What one of a map's ranges is to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    /// Subordinate ids of the caller's.
    Granted,
    /// The caller's own id.
    Own,
    /// Neither.
    Not,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Self::Users => "newuidmap",
            Self::Groups => "newgidmap",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Users => "/etc/subuid",
            Self::Groups => "/etc/subgid",
        }
    }

    fn map(self) -> &'static str {
        match self {
            Self::Users => "uid_map",
            Self::Groups => "gid_map",
        }
    }

    fn may(self, granted: &[Range], (uid, gid): (u32, u32), wanted: Range) -> May {
        let own = if self == Self::Users { uid } else { gid };
        match wanted {
            Range { count: 0, .. } => May::Not,
            wanted if Range::cover(granted, wanted) => May::Granted,
            Range { start, count: 1 } if start == own => May::Own,
            _ => May::Not,
        }
    }
}

/// A line of a map.
#[derive(Debug, PartialEq, Eq)]
struct Extent {
    id: u32,
    lower: u32,
    count: u32,
}

/// A process, by its number or as `fd:` and a descriptor's, and at least one range. Only digits are numbers.
fn parse(words: &[OsString]) -> Option<(String, Vec<Extent>)> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |word: &OsString| word.to_str().filter(|text| digits(text))?.parse::<u32>().ok();
    let (process, ranges) = words.split_first()?;
    let process = process.to_str().filter(|text| digits(text.strip_prefix("fd:").unwrap_or(text)))?;
    let extents = ranges.chunks(3).map(|range| {
        let [id, lower, count] = range else { return None };
        let (id, lower, count) = (number(id)?, number(lower)?, number(count)?);
        // Past the last id there is none (user_namespaces(7)).
        id.checked_add(count).and(lower.checked_add(count)).map(|_| Extent { id, lower, count })
    });
    let extents: Vec<Extent> = extents.collect::<Option<_>>()?;
    (!extents.is_empty()).then(|| (process.to_owned(), extents))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_process_and_ranges_of_three_numbers() {
        let (process, extents) = parse(&words("12 0 15296 1000 1000 1000 1")).unwrap();
        assert_eq!(process, "12");
        assert_eq!(extents[0], Extent { id: 0, lower: 15296, count: 1000 });
        assert_eq!(extents.len(), 2);
        assert_eq!(parse(&words("fd:3 0 1 1")).unwrap().0, "fd:3");
        for wrong in
            ["", "12", "12 0 1", "12 0 1 1 2", "-1 0 1 1", "self 0 1 1", "12/task/3 0 1 1", "fd: 0 1 1", "1 +0 1 1"]
        {
            assert_eq!(parse(&words(wrong)), None, "{wrong}");
        }
        assert_eq!(parse(&words("12 0 4294967295 2")), None, "no id is that high");
        assert_eq!(parse(&words("12 4294967295 0 1")), None);
    }

    #[test]
    fn only_what_is_granted_and_the_own_id() {
        let granted = [Range { start: 15_296, count: 1000 }, Range { start: 16_296, count: 1000 }];
        let may = |which: Which, start, count| which.may(&granted, (1000, 100), Range { start, count });
        assert_eq!(may(Which::Users, 15_296, 2000), May::Granted);
        assert_eq!(may(Which::Users, 15_295, 2), May::Not);
        assert_eq!(may(Which::Users, 17_296, 1), May::Not);
        assert_eq!(may(Which::Users, 1000, 1), May::Own);
        assert_eq!(may(Which::Users, 1000, 2), May::Not);
        assert_eq!(may(Which::Users, 100, 1), May::Not);
        assert_eq!(may(Which::Groups, 100, 1), May::Own);
        assert_eq!(may(Which::Groups, 0, 1), May::Not);
        assert_eq!(may(Which::Users, 15_296, 0), May::Not);
    }
}
