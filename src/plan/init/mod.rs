//! The init of a system box: which it is, how it is started, asked to end, and found to be up.
//!
//! Pure: what the image has is looked at by the caller, who asks [`candidates`] where, and [`kind_of`] what it is.

mod table;

use std::collections::BTreeMap;
use std::fmt;

use super::{Bounds, BoxPath};
use crate::image::signal_number;
use table::{PLACES, Row, TABLE, WITHOUT};

/// Where an init says that it has booted: a datagram socket in the box that the keeper listens at (sd_notify(3), `READY=1`).
pub const NOTIFY_SOCKET: &str = "/run/host/notify";

/// A file that is there as soon as an init is known to have booted. The keeper makes it at `READY=1`; for inits that say
/// nothing, whoever has waited for [`Completion`] does.
pub const BOOTED: &str = "/run/envbox/booted";

/// The inits that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// systemd(1).
    Systemd,
    /// openrc-init(8). An OpenRC that another init starts is that one's.
    OpenRc,
    /// BusyBox's init.
    Busybox,
    /// runit-init(8).
    Runit,
    /// s6-linux-init.
    S6LinuxInit,
    /// s6-svscan(8) by itself, as images for containers have it.
    S6,
    /// dinit(8).
    Dinit,
    /// init(8) of sysvinit.
    Sysv,
    /// Any other.
    Other,
}

/// How an init is asked for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// By a signal (signal(7)) to it.
    Signal(i32),
    /// By its own program, run once more as root of the box, with these arguments: `init 0`.
    Program(&'static [&'static str]),
}

/// By what it is seen that an init has started all that it is to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// It says so at [`NOTIFY_SOCKET`].
    Notified,
    /// OpenRC's `/run/openrc/softlevel` is `default`, and `/run/openrc/rc.starting` is gone.
    Runlevel,
    /// A process of this name (proc_pid_comm(5)) runs.
    Process(&'static str),
    /// No process of these names runs, and none has come or gone for a moment.
    Settled {
        /// The names (proc_pid_comm(5)).
        without: &'static [&'static str],
    },
}

/// A capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// Its name: `CAP_SYS_TIME`.
    pub name: &'static str,
    /// Its number (linux/capability.h).
    pub number: u8,
}

/// Process 1 of a system box, and how it is lived with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitPlan {
    /// Which init it is.
    pub kind: Kind,
    /// The program, as the box has it. A link is followed inside of the box's root.
    pub program: BoxPath,
    /// All of its arguments, its own name first.
    pub argv: Vec<String>,
    /// All of its environment.
    pub env: BTreeMap<String, String>,
    /// Ends the system.
    pub halt: Ask,
    /// Ends the system, and starts it anew.
    pub reboot: Ask,
    /// By what it is seen to be up.
    pub completion: Completion,
    /// Whether it dies without a cgroup that it may write to: without one, the box is refused before it starts.
    pub needs_cgroup: bool,
    /// Whether `/tmp` is in memory, as `/run` and `/run/lock` always are.
    pub volatile_tmp: bool,
    /// Capabilities that it is started without: those that are left out of its bounding set (capabilities(7)).
    pub without: &'static [Capability],
    /// What each of its processes may use, where no cgroup says it for all of the box.
    pub bounds: Bounds,
}

/// What an init plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct InitRequest<'a> {
    /// The program that was found, as the box has it.
    pub program: &'a BoxPath,
    /// What it is.
    pub kind: Kind,
    /// The signal that ends it, where `box.yaml` or the image's config names one. It goes before the table's.
    pub stop_signal: Option<&'a str>,
    /// What a machine is known by that has no id yet (machine-id(5)): 128 bits as a UUID.
    pub uuid: &'a str,
    /// Variables for every program of the box.
    pub env: &'a BTreeMap<String, String>,
}

/// A signal is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no signal: a name or a number is expected, `SIGRTMIN+3`", .0.escape_debug())]
pub struct NoSignal(pub String);

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl InitPlan {
    /// Plans an init.
    ///
    /// # Errors
    /// [`NoSignal`].
    pub fn new(request: &InitRequest<'_>) -> Result<Self, NoSignal> {
        let row = request.kind.row();
        let named = request.stop_signal.filter(|name| !name.is_empty());
        let halt = match named.map(|name| signal_number(name).ok_or_else(|| NoSignal(name.to_owned()))) {
            Some(number) => Ask::Signal(number?),
            None => row.halt,
        };
        let program = request.program.as_path().display().to_string();
        let own = [
            ("PATH", PATH),
            ("HOME", "/root"),
            ("TERM", "xterm-256color"),
            ("container", row.container),
            ("container_uuid", request.uuid),
        ];
        let notify = (row.completion == Completion::Notified).then_some(("NOTIFY_SOCKET", NOTIFY_SOCKET));
        let mut env = request.env.clone();
        env.extend(own.into_iter().chain(notify).map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Self {
            kind: request.kind,
            program: request.program.clone(),
            argv: std::iter::once(program).chain(row.args.iter().map(|&arg| arg.to_owned())).collect(),
            env,
            halt,
            reboot: row.reboot,
            completion: row.completion,
            needs_cgroup: row.needs_cgroup,
            volatile_tmp: row.volatile_tmp,
            without: WITHOUT,
            bounds: Bounds::default(),
        })
    }
}

impl fmt::Display for InitPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  ({}; ", self.argv.join(" "), self.kind)?;
        match self.halt {
            Ask::Signal(number) => write!(f, "signal {number} ends it)"),
            Ask::Program(args) => write!(f, "`{} {}` ends it)", self.program, args.join(" ")),
        }
    }
}

impl Kind {
    fn row(self) -> &'static Row {
        // Each has one: a test says so.
        TABLE.iter().find(|row| row.kind == self).unwrap_or(&TABLE[TABLE.len() - 1])
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().title)
    }
}

/// Where an image's init may be, the likeliest first. The first that is there is meant.
pub fn candidates() -> impl Iterator<Item = BoxPath> {
    PLACES.iter().map(BoxPath::known)
}

/// Which init a program is: by the name of the file that it is in the end, else by what is in it.
pub fn kind_of(name: &str, content: impl FnOnce() -> Vec<u8>) -> Kind {
    if let Some(row) = TABLE.iter().find(|row| row.names.contains(&name)) {
        return row.kind;
    }
    let content = content();
    let has = |text: &&str| content.windows(text.len()).any(|part| part == text.as_bytes());
    TABLE.iter().find(|row| row.texts.iter().any(has)).map_or(Kind::Other, |row| row.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 9] = [
        Kind::Systemd,
        Kind::OpenRc,
        Kind::Busybox,
        Kind::Runit,
        Kind::S6LinuxInit,
        Kind::S6,
        Kind::Dinit,
        Kind::Sysv,
        Kind::Other,
    ];

    fn plan(kind: Kind, stop_signal: Option<&str>) -> Result<InitPlan, NoSignal> {
        let (program, env) = (BoxPath::known("/sbin/init"), BTreeMap::from([("A".to_owned(), "b".to_owned())]));
        InitPlan::new(&InitRequest { program: &program, kind, stop_signal, uuid: "u", env: &env })
    }

    #[test]
    fn each_init_has_a_row() {
        for kind in KINDS {
            assert_eq!(TABLE.iter().filter(|row| row.kind == kind).count(), 1, "{kind:?}");
            assert_eq!(kind.row().kind, kind);
        }
        assert_eq!(TABLE.len(), KINDS.len());
        assert!(candidates().all(|place| BoxPath::new(place.as_path()).is_ok()));
    }

    #[test]
    fn names_go_before_texts() {
        let nothing = || -> Vec<u8> { panic!("the name says it") };
        assert_eq!([kind_of("busybox", nothing), kind_of("systemd", nothing)], [Kind::Busybox, Kind::Systemd]);
        assert_eq!(kind_of("init", || b"\x7fELF..BusyBox v1.36 s6-svscan".to_vec()), Kind::Busybox);
        assert_eq!([kind_of("init", Vec::new), kind_of("", || vec![0; 9])], [Kind::Other; 2]);
    }

    #[test]
    fn a_named_signal_goes_before_the_tables() {
        assert_eq!(plan(Kind::Systemd, None).unwrap().halt, Ask::Signal(37));
        assert_eq!(plan(Kind::Runit, None).unwrap().halt, Ask::Program(&["0"]));
        assert_eq!(plan(Kind::Runit, Some("SIGPWR")).unwrap().halt, Ask::Signal(30));
        assert_eq!(plan(Kind::Sysv, Some("")).unwrap().halt, Ask::Program(&["0"]));
        assert_eq!(plan(Kind::Other, Some("SIGNOT")).unwrap_err(), NoSignal("SIGNOT".into()));
    }

    #[test]
    fn only_who_tells_is_told_where_to() {
        let systemd = plan(Kind::Systemd, None).unwrap();
        assert_eq!(
            (&*systemd.env["NOTIFY_SOCKET"], &*systemd.env["A"], &*systemd.env["container"]),
            (NOTIFY_SOCKET, "b", "envbox")
        );
        assert!(systemd.needs_cgroup && systemd.volatile_tmp);
        for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Systemd) {
            let plan = plan(kind, None).unwrap();
            assert!(!plan.env.contains_key("NOTIFY_SOCKET") && !plan.needs_cgroup, "{kind:?}");
        }
        assert_eq!(systemd.to_string(), "/sbin/init  (systemd; signal 37 ends it)");
    }
}
