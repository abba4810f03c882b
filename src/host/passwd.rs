//! Who the user is.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;
use crate::sys::id;

/// The calling user, as the account database and the environment have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group id.
    pub gid: u32,
    /// The primary group's name, or the user's where the group has none.
    pub group: String,
    /// The full name and whatever else is in that field (passwd(5)).
    pub gecos: String,
    /// The home directory: `HOME` if set, else the database's.
    pub home: PathBuf,
    /// The login shell: the database's, else `SHELL`.
    pub shell: PathBuf,
}

impl User {
    pub(super) fn current(home: Option<&OsStr>, shell: Option<&OsStr>) -> Result<Self, Error> {
        let (uid, gid) = (id::uid(), id::gid());
        let entry = lookup("/etc/passwd", "passwd", uid)?.ok_or(Error::NoUser(uid))?;
        let field = |n: usize| entry.get(n).map(Vec::as_slice).unwrap_or_default();
        let text = |n: usize| String::from_utf8_lossy(field(n)).into_owned();
        let path = |n: usize| Some(PathBuf::from(OsString::from_vec(field(n).to_vec()))).filter(|p| p.is_absolute());
        let name = text(0);
        let group = lookup("/etc/group", "group", gid)?
            .map_or_else(|| name.clone(), |entry| String::from_utf8_lossy(&entry[0]).into_owned());
        Ok(Self {
            uid,
            gid,
            group,
            gecos: text(4),
            home: home.map(PathBuf::from).filter(|home| home.is_absolute()).or_else(|| path(5)).ok_or(Error::NoHome)?,
            shell: path(6).or_else(|| shell.map(PathBuf::from)).unwrap_or_else(|| PathBuf::from("/bin/sh")),
            name,
        })
    }
}

#[cfg(test)]
impl User {
    /// Al, whose id is 1000 and whose shell is zsh.
    pub(crate) fn example() -> Self {
        let (name, home, shell) = ("al".to_owned(), "/home/al".into(), "/usr/bin/zsh".into());
        Self { uid: 1000, gid: 1000, group: name.clone(), gecos: String::new(), home, shell, name }
    }
}

/// The entry with this id, split into its fields: from the file, else from whatever getent(1) can ask (LDAP, SSSD,
/// systemd). A statically linked program cannot load NSS modules, and should not (CVE-2019-14271).
fn lookup(file: &str, database: &str, id: u32) -> Result<Option<Vec<Vec<u8>>>, Error> {
    match fs::read(file) {
        Ok(content) => {
            if let Some(entry) = find(&content, id) {
                return Ok(Some(entry));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(Error::Read { path: Path::new(file).to_owned(), source }),
    }
    let output = Command::new("getent").args([database, &id.to_string()]).stdin(Stdio::null()).output();
    Ok(output.ok().filter(|output| output.status.success()).and_then(|output| find(&output.stdout, id)))
}

/// The line whose third field is `id` (passwd(5), group(5)).
fn find(content: &[u8], id: u32) -> Option<Vec<Vec<u8>>> {
    let id = id.to_string();
    content.split(|&byte| byte == b'\n').find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
        let found = fields.len() >= 4 && !fields[0].is_empty() && fields[2] == id.as_bytes();
        found.then(|| fields.into_iter().map(<[u8]>::to_vec).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_by_id_and_by_nothing_else() {
        let content =
            b"root:x:0:0:root:/root:/bin/bash\n\n#c\nal:x:1000:1000:Al,,,:/home/al:/bin/zsh\nbroken:x:7\n+::::::\n";
        assert_eq!(find(content, 1000).unwrap()[0], b"al");
        assert_eq!(find(content, 0).unwrap()[5], b"/root");
        assert_eq!(find(content, 100), None);
        assert_eq!(find(content, 7), None);
    }
}
