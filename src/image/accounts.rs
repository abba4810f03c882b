//! The account files of a root file system (passwd(5), group(5)), and how users are named who may be in them.
//!
//! The files are an image's, so they are read without trust: whatever is no entry is passed over, and nothing but a decimal
//! number is an id.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A user or a group, by name or by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Id {
    /// A name, to be looked up in the account files.
    Name(String),
    /// An id, which needs no entry.
    Number(u32),
}

/// A user, and perhaps a group, as they are given to `--user` and in an image's `User` (image-spec, config.md): `app`,
/// `33`, `app:www`, `33:33`.
///
/// What is all digits is a number, whatever names there are, and everything else is a name: there is no third reading by
/// which a typing error could end as root (CVE-2026-30892).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSpec {
    /// The user.
    pub user: Id,
    /// The group; without it, those of the account files.
    pub group: Option<Id>,
}

/// The text names no user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not NAME, UID, NAME:GROUP or UID:GID", .0.escape_debug())]
pub struct ParseUserError(String);

/// Bytes of a name at the most (useradd(8) allows 256).
const LONGEST_NAME: usize = 256;

impl UserSpec {
    /// Whether it is root without a look at any file.
    pub fn is_root(&self) -> bool {
        match &self.user {
            Id::Name(name) => name == "root",
            Id::Number(id) => *id == 0,
        }
    }
}

impl FromStr for UserSpec {
    type Err = ParseUserError;

    fn from_str(text: &str) -> Result<Self, ParseUserError> {
        let parse = || {
            let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
            let group = match group {
                Some(group) => Some(Id::parse(group)?),
                None => None,
            };
            Some(Self { user: Id::parse(user)?, group })
        };
        parse().ok_or_else(|| ParseUserError(text.chars().take(LONGEST_NAME).collect()))
    }
}

impl fmt::Display for UserSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.user.fmt(f)?;
        self.group.as_ref().map_or(Ok(()), |group| write!(f, ":{group}"))
    }
}

impl Id {
    fn parse(text: &str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return number(text).map(Self::Number);
        }
        // A sign or an option is never meant; what a line of the files cannot hold is never found.
        let strange = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ':' | ',' | '/');
        let name = !text.starts_with(['-', '+']) && text.len() <= LONGEST_NAME && !text.contains(strange);
        name.then(|| Self::Name(text.to_owned()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(id) => id.fmt(f),
        }
    }
}

/// An id in digits, without a sign. The highest number is none: to the kernel it means "leave it" (setresuid(2)).
pub fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&id| digits && id != u32::MAX)
}

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The home directory.
    pub home: PathBuf,
    /// The login shell, `/bin/sh` where the line has none.
    pub shell: PathBuf,
}

/// The first user in `passwd` of this name or number.
pub fn user(passwd: &str, wanted: &Id) -> Option<User> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = fields[..] else { return None };
        let (uid, gid) = (number(uid)?, number(gid)?);
        let shell = if shell.is_empty() { "/bin/sh" } else { shell };
        is(wanted, name, uid).then(|| User { name: name.to_owned(), uid, gid, home: home.into(), shell: shell.into() })
    })
}

/// The number of a group: of the first in `group` of that name, or the number itself.
pub fn group(group: &str, wanted: &Id) -> Option<u32> {
    match wanted {
        Id::Number(id) => Some(*id),
        Id::Name(_) => group.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (name, id) = (fields.next()?, number(fields.nth(1)?)?);
            is(wanted, name, id).then_some(id)
        }),
    }
}

/// The groups a user is in according to `group`, the primary one first.
pub fn groups_of(group: &str, user: &User) -> Vec<u32> {
    let mut groups = vec![user.gid];
    groups.extend(group.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [_, _, gid, members] = fields[..] else { return None };
        let gid = number(gid)?;
        (gid != user.gid && members.split(',').any(|member| member == user.name)).then_some(gid)
    }));
    groups
}

fn is(wanted: &Id, name: &str, id: u32) -> bool {
    match wanted {
        Id::Name(wanted) => wanted == name,
        Id::Number(wanted) => *wanted == id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nwww:x:33:34::/var/www:\nneg:x:-1:0::/:/\nplus:x:+0:0::/:/\n\
        big:x:4294967296:0::/:/\nlast:x:4294967295:0::/:/\n77:x:0:0::/:/\nshort:x:0:0\n";
    const GROUP: &str = "root:x:0:\nadm:x:4:www,x\nwww:x:34:www\nneg:x:-4:www\nbad\n";

    fn spec(text: &str) -> Option<(String, Option<String>)> {
        let spec: UserSpec = text.parse().ok()?;
        assert_eq!(spec.to_string(), text);
        Some((format!("{:?}", spec.user), spec.group.map(|group| format!("{group:?}"))))
    }

    #[test]
    fn a_user_is_a_number_or_a_name_and_nothing_else() {
        let (number, name) = (|n: u32| format!("Number({n})"), |n: &str| format!("Name({n:?})"));
        assert_eq!(spec("app"), Some((name("app"), None)));
        assert_eq!(spec("33"), Some((number(33), None)));
        assert_eq!(spec("0:4294967294"), Some((number(0), Some(number(4_294_967_294)))));
        assert_eq!(spec("app2:x"), Some((name("app2"), Some(name("x")))));
        assert_eq!(spec("1x:7"), Some((name("1x"), Some(number(7)))));
        assert_eq!(spec("DOM\\al"), Some((name("DOM\\al"), None)));
        assert_eq!(spec("0x10"), Some((name("0x10"), None)), "no number, and so nobody but who is called that");
        for bad in [
            "",
            ":",
            "1:",
            ":1",
            "a:",
            ":a",
            "1:2:3",
            "-1",
            "+1",
            "1:-1",
            "1:+0",
            "4294967295",
            "4294967296",
            "1:4294967295",
            "99999999999999999999",
            " 0",
            "0 ",
            "0\n",
            "a\0",
            "a/b",
            "a,b",
            "\t",
            &"a".repeat(257),
        ] {
            assert_eq!(spec(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn who_is_root_at_first_sight() {
        let is_root = |text: &str| text.parse::<UserSpec>().unwrap().is_root();
        assert!(["root", "0", "000", "0:5", "root:www"].into_iter().all(is_root));
        assert!(!["toor", "1", "1:0", "ROOT"].into_iter().any(is_root));
    }

    #[test]
    fn users_by_name_and_by_number() {
        let find = |text: &str| user(PASSWD, &text.parse::<UserSpec>().unwrap().user);
        let www = find("www").unwrap();
        assert_eq!((www.uid, www.gid, &*www.home, &*www.shell), (33, 34, "/var/www".as_ref(), "/bin/sh".as_ref()));
        assert_eq!(find("33").unwrap(), www);
        assert_eq!(find("0").unwrap().name, "root");
        for nobody in ["neg", "plus", "big", "last", "short", "77", "w", "wwww"] {
            assert_eq!(find(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn groups_by_name_and_those_of_a_user() {
        let find = |text: &str| group(GROUP, &text.parse::<UserSpec>().unwrap().user);
        assert_eq!((find("adm"), find("7"), find("neg"), find("bad")), (Some(4), Some(7), None, None));
        let www = user(PASSWD, &Id::Number(33)).unwrap();
        assert_eq!(groups_of(GROUP, &www), [34, 4]);
    }
}
