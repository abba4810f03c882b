//! The environment of a session: the caller's, byte for byte, less what names things of the host's that are not there.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Variables that are not passed on: they point at sockets, files and supervisors outside of the box, or tell the
/// dynamic linker to load the host's libraries. This list is the whole list (README, "The environment").
const DROPPED: [&str; 27] = [
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "DISPLAY",
    "GNOME_KEYRING_CONTROL",
    "GPG_AGENT_INFO",
    "HOSTNAME",
    "ICEAUTHORITY",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "MANAGERPID",
    "NOTIFY_SOCKET",
    "SESSION_MANAGER",
    "SSH_AUTH_SOCK",
    "SYSTEMD_EXEC_PID",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TMUX",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_SESSION_ID",
];

/// Directories that every `PATH` in a box has, after the caller's own.
const STANDARD_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What envbox itself has to say in a session's environment.
pub(super) struct Own<'a> {
    pub(super) box_name: &'a str,
    pub(super) uid: u32,
    pub(super) user: &'a str,
    pub(super) home: &'a Path,
    /// `box.yaml`'s `env`.
    pub(super) configured: &'a BTreeMap<String, String>,
}

/// The environment of a session, in the caller's order.
pub(super) fn session(caller: &[(OsString, OsString)], own: &Own<'_>) -> Vec<(OsString, OsString)> {
    let mut env: Vec<(OsString, OsString)> =
        caller.iter().filter(|(name, _)| !DROPPED.iter().any(|dropped| name == dropped)).cloned().collect();
    let path = path(find(&env, "PATH"));
    set(&mut env, "PATH", path);
    set(&mut env, "XDG_RUNTIME_DIR", format!("/run/user/{}", own.uid).into());
    set(&mut env, "HOME", own.home.into());
    set(&mut env, "USER", own.user.into());
    set(&mut env, "LOGNAME", own.user.into());
    set(&mut env, "container", "envbox".into());
    set(&mut env, "ENVBOX", own.box_name.into());
    for (name, value) in own.configured {
        set(&mut env, name, value.into());
    }
    env
}

fn find<'a>(env: &'a [(OsString, OsString)], name: &str) -> &'a OsStr {
    env.iter().find(|(key, _)| key == name).map_or(OsStr::new(""), |(_, value)| value)
}

/// Gives a variable a value, in the place of the one it has.
pub fn set(env: &mut Vec<(OsString, OsString)>, name: &str, value: OsString) {
    match env.iter_mut().find(|(key, _)| key == name) {
        Some((_, old)) => *old = value,
        None => env.push((name.into(), value)),
    }
}

/// The caller's `PATH` and whatever of the standard one it lacks, so that a host with another layout (NixOS, Guix, a bare
/// `/usr/bin`) does not leave the box without its own programs.
fn path(caller: &OsStr) -> OsString {
    let have: Vec<&[u8]> = caller.as_bytes().split(|&byte| byte == b':').collect();
    let mut path = caller.to_owned();
    for dir in STANDARD_PATH.iter().filter(|dir| !have.contains(&dir.as_bytes())) {
        if !path.is_empty() {
            path.push(":");
        }
        path.push(dir);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(caller: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        let caller: Vec<(OsString, OsString)> = caller.iter().map(|(k, v)| (k.into(), v.into())).collect();
        let configured = BTreeMap::from([("FROM_BOX".to_owned(), "1".to_owned())]);
        let own = Own { box_name: "deb", uid: 1000, user: "al", home: Path::new("/home/al"), configured: &configured };
        session(&caller, &own)
    }

    #[test]
    fn values_are_kept_byte_for_byte() {
        let odd = "a\"b`c$d\ne\\f 'g' \u{1b}";
        let env = of(&[("ODD", odd), ("EMPTY", ""), ("BASH_FUNC_f%%", "() { :; }")]);
        assert_eq!(find(&env, "ODD"), odd);
        assert!(env.contains(&("EMPTY".into(), "".into())));
        assert_eq!(find(&env, "BASH_FUNC_f%%"), "() { :; }");
    }

    #[test]
    fn what_points_outside_is_dropped() {
        let env = of(&[("SSH_AUTH_SOCK", "/tmp/x"), ("LD_PRELOAD", "x"), ("TMPDIR", "/var/x"), ("EDITOR", "vi")]);
        assert!(!env.iter().any(|(name, _)| DROPPED.iter().any(|dropped| name == dropped)));
        assert_eq!(find(&env, "EDITOR"), "vi");
        assert_eq!(find(&env, "XDG_RUNTIME_DIR"), "/run/user/1000");
        assert_eq!(find(&env, "FROM_BOX"), "1");
    }

    #[test]
    fn path_keeps_its_order_and_gets_what_it_lacks() {
        assert_eq!(path(OsStr::new("")), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        assert_eq!(
            path(OsStr::new("/home/al/bin:/usr/bin:/bin")),
            "/home/al/bin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin"
        );
    }
}
