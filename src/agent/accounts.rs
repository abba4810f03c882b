//! Users and groups of the box, read from its files: a statically linked setuid program asks no name service.

use std::fs;

use crate::image::accounts::{self, Id, User, UserSpec, number};

/// A user by name, or by `#` and number (sudo(8)).
pub(super) fn user(wanted: &str) -> Option<User> {
    find_user(&read("/etc/passwd"), wanted)
}

/// A user as settings name one.
pub(super) fn user_of(spec: &UserSpec) -> Option<User> {
    find(&read("/etc/passwd"), &spec.user)
}

/// The groups of a user as settings name one: the group that is given, alone; else all that the user is in. The first is the
/// primary one.
pub(super) fn groups_of_spec(spec: &UserSpec, user: &User) -> Option<Vec<u32>> {
    match &spec.group {
        Some(group) => Some(vec![accounts::group(&read("/etc/group"), group)?]),
        None => Some(groups_of(user)),
    }
}

/// A user by number.
pub(super) fn user_by_id(uid: u32) -> Option<User> {
    user(&format!("#{uid}"))
}

/// A group's number, by its name, or by `#` and number.
pub(super) fn group(wanted: &str) -> Option<u32> {
    accounts::group(&read("/etc/group"), &id(wanted)?)
}

/// The groups a user is in, the primary one included.
pub(super) fn groups_of(user: &User) -> Vec<u32> {
    accounts::groups_of(&read("/etc/group"), user)
}

fn read(file: &str) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
}

fn id(wanted: &str) -> Option<Id> {
    match wanted.strip_prefix('#') {
        Some(digits) => number(digits).map(Id::Number),
        None => Some(Id::Name(wanted.to_owned())),
    }
}

fn find_user(passwd: &str, wanted: &str) -> Option<User> {
    find(passwd, &id(wanted)?)
}

fn find(passwd: &str, id: &Id) -> Option<User> {
    // Root is root, and a number is a number, whatever the files say.
    accounts::user(passwd, id).or_else(|| match id {
        Id::Number(0) => Some(unlisted("root", 0)),
        Id::Number(number) => Some(unlisted(&number.to_string(), *number)),
        Id::Name(name) => (name == "root").then(|| unlisted("root", 0)),
    })
}

fn unlisted(name: &str, id: u32) -> User {
    let home = if id == 0 { "/root" } else { "/" };
    User { name: name.to_owned(), uid: id, gid: id, home: home.into(), shell: "/bin/sh".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_and_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\nbad:x:-1:0::/:/\n";
        assert_eq!(find_user(passwd, "www-data").unwrap().uid, 33);
        assert_eq!(find_user(passwd, "#33").unwrap().name, "www-data");
        assert_eq!(find_user(passwd, "#77").unwrap().uid, 77);
        assert_eq!(find_user("", "root").unwrap().uid, 0);
        for nobody in ["", "bad", "33", "#-1", "#", "#4294967296", "#1x"] {
            assert_eq!(find_user(passwd, nobody), None, "{nobody}");
        }
    }
}
