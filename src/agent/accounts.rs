//! Users and groups of the box, read from its files: a statically linked setuid program asks no name service.

use std::fs;
use std::path::PathBuf;

/// A line of `/etc/passwd` (passwd(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: PathBuf,
    pub(super) shell: PathBuf,
}

/// A user by name, or by `#` and number (sudo(8)).
pub(super) fn user(wanted: &str) -> Option<User> {
    find_user(&fs::read_to_string("/etc/passwd").unwrap_or_default(), wanted)
}

/// A user by number.
pub(super) fn user_by_id(uid: u32) -> Option<User> {
    user(&format!("#{uid}"))
}

/// A group's number, by its name, or by `#` and number.
pub(super) fn group(wanted: &str) -> Option<u32> {
    find_group(&fs::read_to_string("/etc/group").unwrap_or_default(), wanted)
}

/// The groups a user is in, the primary one included.
pub(super) fn groups_of(user: &User) -> Vec<u32> {
    member_of(&fs::read_to_string("/etc/group").unwrap_or_default(), user)
}

fn find_user(passwd: &str, wanted: &str) -> Option<User> {
    let id = wanted.strip_prefix('#').map(str::parse::<u32>);
    if let Some(Err(_)) = id {
        return None;
    }
    let id = id.and_then(Result::ok);
    let listed = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = fields[..] else { return None };
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        let found = id.map_or(name == wanted, |id| id == uid);
        let shell = if shell.is_empty() { "/bin/sh" } else { shell };
        found.then(|| User { name: name.to_owned(), uid, gid, home: home.into(), shell: shell.into() })
    });
    // Root is root, and a number is a number, whatever the files say.
    listed.or_else(|| match (id, wanted) {
        (Some(0), _) | (None, "root") => Some(unlisted("root", 0)),
        (Some(id), _) => Some(unlisted(&id.to_string(), id)),
        _ => None,
    })
}

fn unlisted(name: &str, id: u32) -> User {
    let home = if id == 0 { "/root" } else { "/" };
    User { name: name.to_owned(), uid: id, gid: id, home: home.into(), shell: "/bin/sh".into() }
}

fn find_group(group: &str, wanted: &str) -> Option<u32> {
    if let Some(id) = wanted.strip_prefix('#') {
        return id.parse().ok();
    }
    group.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == wanted).then(|| fields.nth(1)?.parse().ok())?
    })
}

fn member_of(group: &str, user: &User) -> Vec<u32> {
    let mut groups = vec![user.gid];
    groups.extend(group.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [_, _, gid, members] = fields[..] else { return None };
        let gid: u32 = gid.parse().ok()?;
        (gid != user.gid && members.split(',').any(|member| member == user.name)).then_some(gid)
    }));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\nbad:x:-1:0::/:/\n";
    const GROUP: &str = "root:x:0:\nadm:x:4:www-data,x\nwww-data:x:33:\n";

    #[test]
    fn by_name_and_by_number() {
        assert_eq!(find_user(PASSWD, "www-data").unwrap().uid, 33);
        assert_eq!(find_user(PASSWD, "#33").unwrap().name, "www-data");
        assert_eq!(find_user(PASSWD, "#77").unwrap().uid, 77);
        assert_eq!(find_user("", "root").unwrap().uid, 0);
        for nobody in ["", "bad", "33", "#-1", "#", "#4294967296", "#1x"] {
            assert_eq!(find_user(PASSWD, nobody), None, "{nobody}");
        }
    }

    #[test]
    fn groups() {
        assert_eq!(find_group(GROUP, "adm"), Some(4));
        assert_eq!(find_group(GROUP, "#7"), Some(7));
        assert_eq!(find_group(GROUP, "nobody"), None);
        assert_eq!(member_of(GROUP, &find_user(PASSWD, "www-data").unwrap()), [33, 4]);
    }
}
