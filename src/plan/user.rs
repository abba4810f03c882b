//! Who runs in a session.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::host::User;
use crate::image::accounts::UserSpec;

/// Who a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The caller, with the groups they have on the host.
    Caller,
    /// Somebody else in the box, whoever that is: the caller asked for them.
    Asked(UserSpec),
    /// Root of the box, with the groups that the caller has on the host, to hand them on.
    BoxRoot,
    /// Somebody else in the box, because the image says so. Root is more than the caller asked for: if it turns out to be
    /// root under another name, it is the caller.
    Image(UserSpec),
}

impl Who {
    pub(super) fn new(caller: &User, asked: Option<&UserSpec>) -> Self {
        match asked {
            // Looked up in no file of the box's, which its root may have changed.
            Some(spec) if !is_caller(caller, spec) => Self::Asked(spec.clone()),
            _ => Self::Caller,
        }
    }
}

/// Whether it is the caller by name or number, with no group in particular.
pub(super) fn is_caller(caller: &User, spec: &UserSpec) -> bool {
    use crate::image::accounts::Id;
    spec.group.is_none()
        && match &spec.user {
            Id::Name(name) => *name == caller.name,
            Id::Number(uid) => *uid == caller.uid,
        }
}

/// Somebody in a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The login name, or the number where there is none.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// All groups; none for the caller, who keeps those of the host.
    pub groups: Option<Vec<u32>>,
    /// The home directory.
    pub home: PathBuf,
}

impl Person {
    pub(super) fn caller(user: &User) -> Self {
        Self { name: user.name.clone(), uid: user.uid, gid: user.gid, groups: None, home: user.home.clone() }
    }

    /// Root of the box, in the groups of the caller.
    pub fn box_root() -> Self {
        Self { name: "root".to_owned(), uid: 0, gid: 0, groups: None, home: "/root".into() }
    }

    /// The variables that say who one is. Only the caller has a `/run/user/UID`.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![
            ("HOME", self.home.clone().into()),
            ("USER", self.name.clone().into()),
            ("LOGNAME", self.name.clone().into()),
        ];
        if self.groups.is_none() {
            variables.push(("XDG_RUNTIME_DIR", format!("/run/user/{}", self.uid).into()));
        }
        variables
    }
}

/// What the user is told when an image's command was to be root.
pub const NOT_ROOT: &str = "the image's command would be root, and runs as you: --user root lets it be root of the box";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_by_any_name_is_the_caller() {
        let caller = User::example();
        let who = |text: &str| Who::new(&caller, Some(&text.parse().unwrap()));
        assert_eq!(Who::new(&caller, None), Who::Caller);
        assert_eq!((who(&caller.name), who(&caller.uid.to_string())), (Who::Caller, Who::Caller));
        for other in ["root", "0", "app", &format!("{}:{}", caller.uid, caller.gid)] {
            assert_eq!(who(other), Who::Asked(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn only_the_caller_has_a_runtime_directory() {
        let caller = Person::caller(&User::example());
        let has = |person: &Person| person.variables().iter().any(|(name, _)| *name == "XDG_RUNTIME_DIR");
        assert!(has(&caller));
        assert!(!has(&Person { groups: Some(vec![0]), ..caller }));
    }
}
