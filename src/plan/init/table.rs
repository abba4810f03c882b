//! What is known of each init: how it is recognised, asked to end, and found to be done with its boot.

use super::{Ask, Capability, Completion, Kind};

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: Kind,
    /// For people.
    pub(super) title: &'static str,
    /// File names of the program that the image's init is in the end, when all links are followed.
    pub(super) names: &'static [&'static str],
    /// Texts that the program has in it, where its name says nothing: all inits can be called `init`.
    pub(super) texts: &'static [&'static str],
    /// What it is called with besides its own name.
    pub(super) args: &'static [&'static str],
    /// `container=` in its environment.
    pub(super) container: &'static str,
    /// Ends the system.
    pub(super) halt: Ask,
    /// Ends the system, and starts it anew.
    pub(super) reboot: Ask,
    pub(super) completion: Completion,
    /// Whether it dies without a cgroup that it may write to.
    pub(super) needs_cgroup: bool,
    /// Whether `/tmp` is in memory.
    pub(super) volatile_tmp: bool,
}

/// The first real-time signal that the GNU C library leaves to programs, from which systemd counts (systemd(1), "SIGNALS").
const RTMIN: i32 = 34;
const INT: i32 = 2;
const USR1: i32 = 10;
const TERM: i32 = 15;

/// Processes that start what belongs to a runlevel, and end when they have.
const STARTING: &[&str] = &["rc", "rcS", "rc.sysinit", "rc.init", "openrc", "startpar"];

/// The inits, by what is looked for first.
pub(super) const TABLE: &[Row] = &[
    // Its interface is described in systemd's CONTAINER_INTERFACE.md; the signals, in systemd(1).
    Row {
        kind: Kind::Systemd,
        title: "systemd",
        names: &["systemd"],
        texts: &[],
        args: &[],
        container: "envbox",
        halt: Ask::Signal(RTMIN + 3),
        reboot: Ask::Signal(RTMIN + 5),
        completion: Completion::Notified,
        needs_cgroup: true,
        volatile_tmp: true,
    },
    // openrc-init(8). It takes `container=` for what it knows (lxc, docker, systemd-nspawn), and else looks for
    // /run/.containerenv: with that, its services for real hardware leave themselves out, as those that mount /dev and cgroups do.
    Row {
        kind: Kind::OpenRc,
        title: "OpenRC",
        names: &["openrc-init"],
        texts: &[],
        args: &[],
        container: "envbox",
        halt: Ask::Signal(TERM),
        reboot: Ask::Signal(INT),
        completion: Completion::Runlevel,
        needs_cgroup: false,
        volatile_tmp: false,
    },
    // BusyBox's init/init.c: USR1 halts, USR2 powers off, TERM reboots.
    Row {
        kind: Kind::Busybox,
        title: "BusyBox init",
        names: &["busybox", "busybox.static", "busybox-static", "busybox-suid"],
        texts: &["BusyBox v"],
        args: &[],
        container: "envbox",
        halt: Ask::Signal(USR1),
        reboot: Ask::Signal(TERM),
        completion: Completion::Settled { without: STARTING },
        needs_cgroup: false,
        volatile_tmp: false,
    },
    // runit-init(8): asked by itself, since where its flag files are differs between distributions.
    Row {
        kind: Kind::Runit,
        title: "runit",
        names: &["runit-init", "runit"],
        texts: &[],
        args: &[],
        container: "envbox",
        halt: Ask::Program(&["0"]),
        reboot: Ask::Program(&["6"]),
        completion: Completion::Process("runsvdir"),
        needs_cgroup: false,
        volatile_tmp: false,
    },
    // s6-linux-init(8): its /sbin/init is a script, which becomes telinit where it is not process 1.
    Row {
        kind: Kind::S6LinuxInit,
        title: "s6-linux-init",
        names: &["s6-linux-init"],
        texts: &["s6-linux-init"],
        args: &[],
        container: "envbox",
        halt: Ask::Program(&["0"]),
        reboot: Ask::Program(&["6"]),
        completion: Completion::Settled { without: STARTING },
        needs_cgroup: false,
        volatile_tmp: false,
    },
    // s6-svscan(8): at TERM the services end, then .s6-svscan/finish runs in its place.
    Row {
        kind: Kind::S6,
        title: "s6",
        names: &["s6-svscan"],
        texts: &["s6-overlay", "s6-svscan"],
        args: &[],
        container: "envbox",
        halt: Ask::Signal(TERM),
        reboot: Ask::Signal(TERM),
        completion: Completion::Settled { without: STARTING },
        needs_cgroup: false,
        volatile_tmp: false,
    },
    // dinit(8). Its option for containers is not given: with that it cannot restart the system.
    Row {
        kind: Kind::Dinit,
        title: "dinit",
        names: &["dinit", "dinit-init"],
        texts: &[],
        args: &[],
        container: "envbox",
        halt: Ask::Signal(TERM),
        reboot: Ask::Signal(INT),
        completion: Completion::Settled { without: STARTING },
        needs_cgroup: false,
        volatile_tmp: false,
    },
    // init(8) of sysvinit: it is told what to do through a FIFO, by itself as telinit.
    Row {
        kind: Kind::Sysv,
        title: "sysvinit",
        names: &[],
        texts: &["/run/initctl", "/dev/initctl"],
        args: &[],
        container: "envbox",
        halt: Ask::Program(&["0"]),
        reboot: Ask::Program(&["6"]),
        completion: Completion::Settled { without: STARTING },
        needs_cgroup: false,
        volatile_tmp: false,
    },
    // tini, dumb-init, catatonit and whatever else: signals are what there is.
    Row {
        kind: Kind::Other,
        title: "an init of its own",
        names: &["tini", "tini-static", "dumb-init", "catatonit", "docker-init"],
        texts: &[],
        args: &[],
        container: "envbox",
        halt: Ask::Signal(TERM),
        reboot: Ask::Signal(TERM),
        completion: Completion::Settled { without: &[] },
        needs_cgroup: false,
        volatile_tmp: false,
    },
];

/// Capabilities that no init of a box has (linux/capability.h), so that units for what is the machine's leave themselves out
/// (systemd.unit(5), `ConditionCapability=`) instead of failing.
pub(super) const WITHOUT: &[Capability] = &[
    Capability { name: "CAP_SYS_MODULE", number: 16 },
    Capability { name: "CAP_SYS_RAWIO", number: 17 },
    Capability { name: "CAP_SYS_TIME", number: 25 },
    Capability { name: "CAP_AUDIT_WRITE", number: 29 },
    Capability { name: "CAP_AUDIT_CONTROL", number: 30 },
    Capability { name: "CAP_MAC_OVERRIDE", number: 32 },
    Capability { name: "CAP_MAC_ADMIN", number: 33 },
    Capability { name: "CAP_SYSLOG", number: 34 },
    Capability { name: "CAP_WAKE_ALARM", number: 35 },
    Capability { name: "CAP_BLOCK_SUSPEND", number: 36 },
    Capability { name: "CAP_AUDIT_READ", number: 37 },
];

/// Where an image's init may be, the likeliest first.
pub(super) const PLACES: &[&str] = &[
    "/sbin/init",
    "/usr/sbin/init",
    "/lib/systemd/systemd",
    "/usr/lib/systemd/systemd",
    "/sbin/openrc-init",
    "/lib/runit/runit-init",
    "/sbin/runit-init",
    "/usr/bin/init",
    "/sbin/dinit",
    "/init",
    "/bin/init",
];
