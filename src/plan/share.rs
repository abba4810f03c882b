//! Sockets of the user's session that a box may use: where the host has them, where the box has them, and the variables by
//! which programs find them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::{BoxPath, HostPath, Kind, SHARES, Step};
use crate::host::{Host, User};
use crate::recipe::settings::Share;

/// A socket that a box is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What it is.
    pub share: Share,
    /// Where the host may have it: the first that is a socket is the one.
    pub candidates: Vec<PathBuf>,
    /// A file beside it that proves to the server who one is, where the host may have that.
    pub cookie: Option<PathBuf>,
    /// The directory for what is the user's alone, in the box.
    runtime: PathBuf,
    /// Where the box has it.
    at: PathBuf,
    /// What programs are told.
    variables: Vec<(&'static str, OsString)>,
}

/// The same, as far as the host has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// What is wanted.
    pub wanted: Wanted,
    /// The host's socket, and the device and inode numbers that identify it.
    pub socket: Option<(PathBuf, (u64, u64))>,
    /// What a box has of the cookie's content.
    pub cookie: Option<Vec<u8>>,
}

/// What a session looks at before it trusts that a socket is the one that it speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// What it is, as the configuration calls it.
    pub name: &'static str,
    /// Where the box has it.
    pub at: PathBuf,
    /// The host's, by device and inode numbers.
    pub identity: (u64, u64),
}

/// A share: its name, the variable that names its socket on the host, and what is tried without one, below the runtime
/// directory.
struct Row {
    share: Share,
    name: &'static str,
    variable: &'static str,
    /// What comes before the path in that variable, where a path is not all that it may hold.
    scheme: &'static str,
    default: &'static str,
    /// Where the box has it, below its own runtime directory; as on the host where this is empty.
    at: &'static str,
    /// Where the home has a cookie for it, and the variable that names that.
    cookie: Option<(&'static str, &'static str)>,
}

/// The sockets. The X server's is not named by its path, and GnuPG's by no variable (gpgconf(1)).
const ROWS: [Row; 7] = [
    Row {
        share: Share::Wayland,
        name: "wayland",
        variable: "WAYLAND_DISPLAY",
        scheme: "",
        default: "",
        at: "",
        cookie: None,
    },
    Row {
        share: Share::X11,
        name: "x11",
        variable: "DISPLAY",
        scheme: ":",
        default: "",
        at: "",
        cookie: Some((".Xauthority", "XAUTHORITY")),
    },
    Row {
        share: Share::Pipewire,
        name: "pipewire",
        variable: "PIPEWIRE_REMOTE",
        scheme: "",
        default: "pipewire-0",
        at: "pipewire-0",
        cookie: None,
    },
    Row {
        share: Share::Pulse,
        name: "pulse",
        variable: "PULSE_SERVER",
        scheme: "unix:",
        default: "pulse/native",
        at: "pulse/native",
        cookie: Some((".config/pulse/cookie", "PULSE_COOKIE")),
    },
    Row {
        share: Share::Dbus,
        name: "dbus",
        variable: "DBUS_SESSION_BUS_ADDRESS",
        scheme: "unix:path=",
        default: "bus",
        at: "bus",
        cookie: None,
    },
    Row {
        share: Share::SshAgent,
        name: "ssh-agent",
        variable: "SSH_AUTH_SOCK",
        scheme: "",
        default: "",
        at: "ssh-agent",
        cookie: None,
    },
    Row {
        share: Share::GpgAgent,
        name: "gpg-agent",
        variable: "",
        scheme: "",
        default: "gnupg/S.gpg-agent",
        at: "gnupg/S.gpg-agent",
        cookie: None,
    },
];

/// Where X servers have their sockets: `X` and the display's number.
const X11: &str = "/tmp/.X11-unix";

/// What a box is to have of the session of its caller. A system box has it in a place of its own: its logind makes the user's
/// runtime directory anew.
pub fn wanted(shares: &[Share], host: &Host, system: bool) -> Vec<Wanted> {
    let rows = ROWS.iter().filter(|row| shares.contains(&row.share));
    let own = PathBuf::from(format!("/run/user/{}", host.user.uid));
    let runtime = if system { Path::new(SHARES).to_owned() } else { own };
    rows.map(|row| {
        let mut wanted = match row.share {
            Share::X11 => x11(host, &runtime),
            _ => row.wanted(host, &runtime),
        };
        if let Some((in_home, variable)) = row.cookie.filter(|_| !wanted.candidates.is_empty()) {
            let named = host.var(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
            wanted.cookie = Some(named.unwrap_or_else(|| host.user.home.join(in_home)));
        }
        wanted
    })
    .collect()
}

impl Row {
    fn wanted(&self, host: &Host, runtime: &Path) -> Wanted {
        let named = host.var(self.variable).and_then(|value| value.as_bytes().strip_prefix(self.scheme.as_bytes()));
        // An address may go on after the path: more keys of it, or another address (the D-Bus specification).
        let end = |byte: &u8| !self.scheme.is_empty() && matches!(byte, b',' | b';' | b' ');
        let named =
            named.and_then(|path| path.split(end).next()).filter(|path| !path.is_empty()).map(OsStr::from_bytes);
        let own = host.var("XDG_RUNTIME_DIR").filter(|dir| Path::new(dir).is_absolute()).map(Path::new);
        let below = |path: &OsStr| match (Path::new(path).is_absolute(), own) {
            (true, _) => Some(PathBuf::from(path)),
            (false, own) => own.map(|own| own.join(path)),
        };
        let default = || Some(self.default).filter(|default| !default.is_empty()).map(OsStr::new);
        let mut candidates: Vec<PathBuf> = named.or_else(default).and_then(below).into_iter().collect();
        if self.share == Share::GpgAgent {
            candidates.push(host.user.home.join(".gnupg/S.gpg-agent"));
        }
        let name = candidates.first().and_then(|path| path.file_name()).unwrap_or(OsStr::new(self.name));
        let at = runtime.join(if self.at.is_empty() { name } else { OsStr::new(self.at) });
        let value = match self.share {
            Share::Wayland if runtime != Path::new(SHARES) => name.to_owned(),
            _ => OsString::from_vec([self.scheme.as_bytes(), at.as_os_str().as_bytes()].concat()),
        };
        let variables = if self.variable.is_empty() { Vec::new() } else { vec![(self.variable, value)] };
        Wanted { share: self.share, candidates, cookie: None, runtime: runtime.to_owned(), at, variables }
    }
}

fn x11(host: &Host, runtime: &Path) -> Wanted {
    let number = display(host.var("DISPLAY").unwrap_or_default()).map(|number| format!("X{number}"));
    let at = Path::new(X11).join(number.as_deref().unwrap_or_default());
    let candidates = number.iter().map(|_| at.clone()).collect();
    let variables = vec![("DISPLAY", host.var("DISPLAY").unwrap_or_default().to_owned())];
    Wanted { share: Share::X11, candidates, cookie: None, runtime: runtime.to_owned(), at, variables }
}

/// The number of a display of this machine: `:N` or `:N.SCREEN` (X(7)).
pub fn display(text: &OsStr) -> Option<u32> {
    let number = text.to_str()?.strip_prefix(':')?.split('.').next()?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok()).flatten()
}

impl Wanted {
    /// As the configuration calls it.
    pub fn name(&self) -> &'static str {
        ROWS.iter().find(|row| row.share == self.share).map_or("", |row| row.name)
    }

    /// Where the box has the cookie, and the variable that says so.
    fn cookie_place(&self) -> Option<(&'static str, PathBuf)> {
        let (_, variable) = ROWS.iter().find(|row| row.share == self.share)?.cookie?;
        Some((variable, self.runtime.join(format!(".{}-cookie", self.name()))))
    }
}

impl Shared {
    /// The steps to it in a box. What the host does not have is not there.
    pub(super) fn steps(&self, user: &User) -> Vec<Step> {
        let (Some((socket, _)), Ok(at)) = (&self.socket, BoxPath::new(&self.wanted.at)) else { return Vec::new() };
        let mut steps = Vec::new();
        if self.wanted.share == Share::X11 {
            // As X servers make it.
            steps.push(Step::MakeDir { at: BoxPath::known(X11), mode: 0o1777, owner: (0, 0) });
        }
        let owner = (user.uid, user.gid);
        steps.push(Step::MountPoint { at: at.clone(), kind: Kind::File, owner });
        let from = HostPath(socket.clone());
        // A socket can be connected to by way of a read-only mount; nothing else is to be done with it.
        steps.push(Step::Bind { from, at, kind: Kind::File, read_only: true, optional: true, no_links: false });
        let cookie = self.cookie.as_ref().zip(self.wanted.cookie_place());
        if let Some((content, (_, at))) = cookie {
            // Only its user reaches it, by way of a directory that is closed to all others.
            steps.push(Step::File { at: BoxPath::known(at), mode: 0o444, content: content.clone() });
        }
        steps
    }

    /// What programs are told of it.
    pub(super) fn variables(&self) -> Vec<(&'static str, OsString)> {
        if self.socket.is_none() {
            return Vec::new();
        }
        let mut variables = self.wanted.variables.clone();
        let cookie = self.cookie.as_ref().and_then(|_| self.wanted.cookie_place());
        variables.extend(cookie.map(|(name, at)| (name, at.into_os_string())));
        variables
    }

    /// The socket, as a session looks for it.
    pub(super) fn socket(&self) -> Option<Socket> {
        let (_, identity) = self.socket.as_ref()?;
        Some(Socket { name: self.wanted.name(), at: self.wanted.at.clone(), identity: *identity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Dirs;

    fn host(env: &[(&str, &str)]) -> Host {
        let dirs = Dirs { data: "/d".into(), cache: "/c".into(), config: "/f".into() };
        let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Host { user: User::example(), groups: vec![], env, cwd: "/".into(), dirs }
    }

    fn of(share: Share, env: &[(&str, &str)]) -> Wanted {
        wanted(&[share], &host(env), false).remove(0)
    }

    #[test]
    fn sockets_are_where_the_session_says() {
        const RUN: (&str, &str) = ("XDG_RUNTIME_DIR", "/run/user/7");
        for (share, env, socket, at, value) in [
            (Share::Wayland, ("WAYLAND_DISPLAY", "wayland-1"), "/run/user/7/wayland-1", "wayland-1", "wayland-1"),
            (Share::Wayland, ("WAYLAND_DISPLAY", "/tmp/w"), "/tmp/w", "w", "w"),
            (Share::Pulse, ("A", "b"), "/run/user/7/pulse/native", "pulse/native", "unix:/run/user/1000/pulse/native"),
            (Share::Pulse, ("PULSE_SERVER", "unix:/p"), "/p", "pulse/native", "unix:/run/user/1000/pulse/native"),
            (
                Share::Dbus,
                ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/b/us,guid=1"),
                "/b/us",
                "bus",
                "unix:path=/run/user/1000/bus",
            ),
            (Share::SshAgent, ("SSH_AUTH_SOCK", "/tmp/s, x"), "/tmp/s, x", "ssh-agent", "/run/user/1000/ssh-agent"),
        ] {
            let wanted = of(share, &[RUN, env]);
            assert_eq!(wanted.candidates, [PathBuf::from(socket)], "{env:?}");
            assert_eq!(wanted.at, Path::new("/run/user/1000").join(at));
            assert_eq!(wanted.variables[0].1, value);
        }
    }

    #[test]
    fn without_a_session_there_is_nothing() {
        for share in [Share::Wayland, Share::X11, Share::Pipewire, Share::Pulse, Share::Dbus, Share::SshAgent] {
            assert_eq!(of(share, &[]).candidates, [] as [PathBuf; 0], "{share:?}");
        }
        assert_eq!(of(Share::GpgAgent, &[]).candidates, [PathBuf::from("/home/al/.gnupg/S.gpg-agent")]);
        assert!(wanted(&[], &host(&[("DISPLAY", ":0")]), false).is_empty());
    }

    #[test]
    fn displays_of_this_machine() {
        for (text, number) in
            [(":0", Some(0)), (":12.1", Some(12)), ("", None), ("h:0", None), (":x", None), (":", None)]
        {
            assert_eq!(display(OsStr::new(text)), number, "{text}");
        }
        let wanted = of(Share::X11, &[("DISPLAY", ":1.0")]);
        assert_eq!(wanted.candidates, [PathBuf::from("/tmp/.X11-unix/X1")]);
        assert_eq!(wanted.cookie, Some("/home/al/.Xauthority".into()));
    }
}
