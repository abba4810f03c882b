//! Who a session is: looked up in the box's own account files, and become.

use std::io;
use std::path::Path;

use crate::image::accounts::{self, Id, User, UserSpec};
use crate::plan::{Person, SessionPlan, Who};
use crate::sys::root::{self, Open};
use crate::sys::{fs, id, process, stream};

/// Why there is nobody of that name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// The user.
    User(String),
    /// The group.
    Group(String),
}

/// Finds out who a session is, in this process's root, which is the box's. Where the image would have it be root it is the
/// caller, and the second value says so.
pub(super) fn find(plan: &SessionPlan) -> Result<(Person, bool), Unknown> {
    let spec = match &plan.who {
        Who::Caller => return Ok((plan.caller.clone(), false)),
        Who::BoxRoot => return Ok((Person::box_root(), false)),
        Who::Asked(spec) | Who::Image(spec) => spec,
    };
    // A file that is not there, or is no file (CVE-2024-9676), has no entries; numbers need none.
    let read = |path: &str| {
        let root = root::open_absolute(Path::new("/"), Open::Path);
        let bytes = root.and_then(|root| root::read(root, Path::new(path))).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let person = resolve(spec, &read("etc/passwd"), &read("etc/group"))?;
    match &plan.who {
        Who::Image(_) if person.uid == 0 && plan.caller.uid != 0 => Ok((plan.caller.clone(), true)),
        _ => Ok((person, false)),
    }
}

/// As the image format has it (image-spec, config.md, `User`): without a group, the primary and the supplementary ones of
/// the account files; with one, that alone. A number without an entry is in root's group, for which images prepare what is
/// to be used by anybody.
fn resolve(spec: &UserSpec, passwd: &str, group: &str) -> Result<Person, Unknown> {
    let user = accounts::user(passwd, &spec.user).or_else(|| unlisted(&spec.user));
    let user = user.ok_or_else(|| Unknown::User(spec.user.to_string()))?;
    let groups = match &spec.group {
        Some(wanted) => {
            vec![accounts::group(group, wanted).ok_or_else(|| Unknown::Group(wanted.to_string()))?]
        }
        None => accounts::groups_of(group, &user),
    };
    let gid = groups.first().copied().unwrap_or(user.gid);
    // Programs take an empty or relative home for the directory they are in.
    let home = if user.home.is_absolute() { user.home } else { "/".into() };
    Ok(Person { name: user.name, uid: user.uid, gid, groups: Some(groups), home })
}

fn unlisted(user: &Id) -> Option<User> {
    let (uid, name, home) = match user {
        Id::Number(0) => (0, "root".to_owned(), "/root"),
        Id::Name(name) if name == "root" => (0, name.clone(), "/root"),
        Id::Number(uid) => (*uid, uid.to_string(), "/"),
        Id::Name(_) => return None,
    };
    Some(User { name, uid, gid: 0, home: home.into(), shell: "/bin/sh".into() })
}

/// Becomes that person. The caller keeps the groups of the host, by which they may use devices; nobody else has them.
///
/// # Errors
/// Those of setgroups(2), setresgid(2) and setresuid(2); `EINVAL` for an id that the box does not have.
pub(super) fn become_person(person: &Person) -> io::Result<()> {
    if let Some(groups) = &person.groups {
        open_pipes();
        id::set_groups(groups)?;
    }
    id::become_user(person.uid, person.gid)?;
    // Until the program runs, this process holds what is the host's. By fs.suid_dumpable (proc_sys_fs(5)), a change of the
    // user may have opened it to those who are that user already (CVE-2016-9962).
    process::set_dumpable(false)
}

/// Lets another user open the caller's pipes again by way of `/dev/stdout` and its like, as servers do that log there. A
/// pipe without a name is reached through `/proc/PID/fd` only, by those who may trace a process that has it.
fn open_pipes() {
    for fd in [stream::STDIN, stream::STDOUT, stream::STDERR] {
        if stream::is_pipe(fd) {
            // A pipe of somebody else's stays as it is; the program can still use the descriptor it has.
            let _ = fs::set_mode(fd, 0o666);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0::/root:/bin/sh\nwww:x:33:34::/var/www:/bin/sh\ntoor:x:0:9::/:/bin/sh\nodd:x:7:7::x/../y:/\n";
    const GROUP: &str = "root:x:0:\nwww:x:34:\nadm:x:4:www\n";

    fn of(text: &str) -> Result<(u32, Vec<u32>, String), Unknown> {
        let person = resolve(&text.parse().unwrap(), PASSWD, GROUP)?;
        let groups = person.groups.unwrap();
        assert_eq!(groups[0], person.gid);
        Ok((person.uid, groups, format!("{} {}", person.name, person.home.display())))
    }

    #[test]
    fn groups_are_those_of_the_files_or_the_one_given() {
        assert_eq!(of("www"), Ok((33, vec![34, 4], "www /var/www".into())));
        assert_eq!(of("33"), of("www"));
        assert_eq!(of("www:adm"), Ok((33, vec![4], "www /var/www".into())));
        assert_eq!(of("33:5"), Ok((33, vec![5], "www /var/www".into())));
        assert_eq!(of("odd").unwrap().2, "odd /");
    }

    #[test]
    fn numbers_need_no_entry_and_names_do() {
        assert_eq!(of("1234"), Ok((1234, vec![0], "1234 /".into())));
        assert_eq!(of("1234:9"), Ok((1234, vec![9], "1234 /".into())));
        assert_eq!(of("nobody"), Err(Unknown::User("nobody".into())));
        assert_eq!(of("www:nogroup"), Err(Unknown::Group("nogroup".into())));
        let root = resolve(&"root".parse().unwrap(), "", "").unwrap();
        assert_eq!((root.uid, root.gid, &*root.home), (0, 0, "/root".as_ref()));
    }
}
