//! The environment of a session: the caller's, byte for byte, less what names things of the host's that are not there.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// Variables that are not passed on: they point at sockets, files and supervisors outside of the box, or tell the
/// dynamic linker to load the host's libraries. This list is the whole list (README, "The environment").
const DROPPED: [&str; 32] = [
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
    "PIPEWIRE_REMOTE",
    "PIPEWIRE_RUNTIME_DIR",
    "PULSE_COOKIE",
    "PULSE_RUNTIME_PATH",
    "PULSE_SERVER",
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

/// What envbox says itself of who and where a program is. Neither the caller's nor the image's word counts.
const OWN: [&str; 7] = ["HOME", "USER", "LOGNAME", "PWD", "XDG_RUNTIME_DIR", "container", "ENVBOX"];

/// Of the caller's variables, those that another user is not given either: they name places in the caller's home.
const CALLERS_HOME: [&str; 4] = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"];

/// Of the caller's variables, those that a system box has its own session's word for.
const SESSIONS: [&str; 6] =
    ["XDG_SEAT", "XDG_SEAT_PATH", "XDG_SESSION_CLASS", "XDG_SESSION_PATH", "XDG_SESSION_TYPE", "XDG_VTNR"];

/// Directories that every `PATH` in a box has, after all others.
const STANDARD_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What a session's environment is made of, besides the caller's.
pub(super) struct Sources<'a> {
    pub(super) box_name: &'a str,
    /// The image's `Env`: `NAME=value`.
    pub(super) image: &'a [String],
    /// What leads to the sockets of the caller's that the box has.
    pub(super) shared: Vec<(&'static str, OsString)>,
    /// `box.yaml`'s `env`.
    pub(super) configured: &'a BTreeMap<String, String>,
    /// Whether the session is somebody else's than the caller's.
    pub(super) other_user: bool,
    /// Whether the box has a system, with sessions of its own.
    pub(super) system: bool,
}

/// The environment of a session, in the caller's order: the caller's, over it the image's, over that `box.yaml`'s. Who it
/// is ([`Person::variables`](super::Person::variables)) is added when that is known.
pub(super) fn session(caller: &[(OsString, OsString)], sources: &Sources<'_>) -> Vec<(OsString, OsString)> {
    let among = |name: &OsStr, names: &[&str]| names.iter().any(|known| name == *known);
    let dropped = |name: &OsStr| {
        among(name, &OWN)
            || among(name, &DROPPED)
            || (sources.other_user && among(name, &CALLERS_HOME))
            || (sources.system && among(name, &SESSIONS))
    };
    let mut env: Vec<(OsString, OsString)> = caller.iter().filter(|(name, _)| !dropped(name)).cloned().collect();
    let mut images_path = "";
    // The terminal is the caller's, whatever the image was made on.
    let has_terminal = env.iter().any(|(name, _)| name == "TERM");
    for (name, value) in sources.image.iter().filter_map(|entry| variable(entry)) {
        match name {
            "PATH" => images_path = value,
            "TERM" if has_terminal => {}
            _ if OWN.contains(&name) => {}
            _ => set(&mut env, name, value.into()),
        }
    }
    let path = path(images_path, find(&env, "PATH"));
    set(&mut env, "PATH", path);
    set(&mut env, "container", "envbox".into());
    set(&mut env, "ENVBOX", sources.box_name.into());
    // Nobody else reaches what is in the caller's runtime directory.
    for (name, value) in sources.shared.iter().filter(|_| !sources.other_user) {
        set(&mut env, name, value.clone());
    }
    for (name, value) in sources.configured {
        set(&mut env, name, value.into());
    }
    env
}

/// The name and the value of an entry of an image's `Env`. What no environment can hold is none: an entry without `=`,
/// without a name, or with a null byte.
fn variable(entry: &str) -> Option<(&str, &str)> {
    entry.split_once('=').filter(|(name, _)| !name.is_empty() && !entry.contains('\0'))
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

/// Gives a variable a value if it has none.
pub fn set_missing(env: &mut Vec<(OsString, OsString)>, name: &str, value: OsString) {
    if !env.iter().any(|(key, _)| key == name) {
        env.push((name.into(), value));
    }
}

/// The image's directories, so that its own programs are found first; then the caller's `PATH`; then whatever it lacks of
/// the standard one, so that a host with another layout (NixOS, Guix, a bare `/usr/bin`) does not leave the box without its
/// own programs. An image has no say about the working directory: of its entries only absolute ones count.
fn path(image: &str, caller: &OsStr) -> OsString {
    let mut dirs: Vec<&[u8]> = image.split(':').filter(|dir| dir.starts_with('/')).map(str::as_bytes).collect();
    if !caller.is_empty() {
        let callers = caller.as_bytes().split(|&byte| byte == b':');
        let lacking: Vec<&[u8]> = callers.filter(|dir| !dirs.contains(dir)).collect();
        dirs.extend(lacking);
    }
    let lacking: Vec<&str> = STANDARD_PATH.into_iter().filter(|dir| !dirs.contains(&dir.as_bytes())).collect();
    dirs.extend(lacking.into_iter().map(str::as_bytes));
    OsString::from_vec(dirs.join(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(caller: &[(&str, &str)], image: &[&str], other_user: bool) -> Vec<(OsString, OsString)> {
        let caller: Vec<(OsString, OsString)> = caller.iter().map(|(k, v)| (k.into(), v.into())).collect();
        let configured = BTreeMap::from([("FROM_BOX".to_owned(), "1".to_owned())]);
        let image: Vec<String> = image.iter().map(|entry| (*entry).to_owned()).collect();
        session(
            &caller,
            &Sources { box_name: "deb", image: &image, shared: Vec::new(), configured: &configured, other_user, system: false },
        )
    }

    fn of(caller: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        with(caller, &[], false)
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
        let env = of(&[
            ("SSH_AUTH_SOCK", "/tmp/x"),
            ("PULSE_SERVER", "unix:/p"),
            ("LD_PRELOAD", "x"),
            ("TMPDIR", "/var/x"),
            ("EDITOR", "vi"),
        ]);
        assert!(!env.iter().any(|(name, _)| DROPPED.iter().any(|dropped| name == dropped)));
        assert_eq!(find(&env, "EDITOR"), "vi");
        assert_eq!(find(&env, "FROM_BOX"), "1");
    }

    #[test]
    fn the_image_comes_over_the_caller_and_the_box_over_both() {
        let image = ["LANG=C.UTF-8", "LD_LIBRARY_PATH=/opt/lib", "FROM_BOX=0", "A=1", "A=b=c", "E="];
        let env = with(&[("LANG", "de_DE.UTF-8"), ("LD_LIBRARY_PATH", "/host"), ("X", "y")], &image, false);
        let expected =
            [("LANG", "C.UTF-8"), ("LD_LIBRARY_PATH", "/opt/lib"), ("FROM_BOX", "1"), ("A", "b=c"), ("X", "y")];
        for (name, value) in expected {
            assert_eq!(find(&env, name), value, "{name}");
        }
        assert!(env.contains(&("E".into(), "".into())));
    }

    #[test]
    fn an_image_does_not_say_who_and_where_one_is() {
        let image: Vec<String> = OWN.iter().map(|name| format!("{name}=evil")).collect();
        let image: Vec<&str> = image.iter().map(String::as_str).chain(["=x", "novalue", "N\0=1", "N=\0", ""]).collect();
        let env = with(&[("HOME", "/home/al"), ("TERM", "xterm")], &image, false);
        let names: Vec<&OsStr> = env.iter().map(|(name, _)| name.as_os_str()).collect();
        assert_eq!(names, ["TERM", "PATH", "container", "ENVBOX", "FROM_BOX"]);
        assert!(!env.iter().any(|(_, value)| value == "evil"));
        assert_eq!(find(&with(&[("TERM", "a")], &["TERM=b"], false), "TERM"), "a");
        assert_eq!(find(&with(&[], &["TERM=b"], false), "TERM"), "b");
    }

    #[test]
    fn another_user_is_not_sent_into_the_callers_home() {
        let caller = [("XDG_CONFIG_HOME", "/home/al/.c"), ("EDITOR", "vi")];
        let of = |image: &[&str], other| find(&with(&caller, image, other), "XDG_CONFIG_HOME").to_owned();
        assert_eq!((of(&[], false), of(&[], true)), ("/home/al/.c".into(), "".into()));
        assert_eq!(of(&["XDG_CONFIG_HOME=/cfg"], true), "/cfg");
    }

    #[test]
    fn path_keeps_its_order_and_gets_what_it_lacks() {
        let path = |image: &str, caller: &str| path(image, OsStr::new(caller)).into_string().unwrap();
        assert_eq!(path("", ""), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        assert_eq!(
            path("", "/home/al/bin::/usr/bin:/bin"),
            "/home/al/bin::/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin"
        );
        assert_eq!(
            path("/opt/x/bin:/usr/bin", "/home/al/bin:/usr/bin:/bin"),
            "/opt/x/bin:/usr/bin:/home/al/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin"
        );
        let standard = path("", "");
        assert_eq!(path(":.:bin:../x", ""), standard, "the working directory is no place for programs");
    }
}
