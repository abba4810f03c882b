//! Devices, and the kernel's own file systems.

use std::path::Path;

use crate::plan::{BoxPath, HostPath, Kind, Step};
use crate::recipe::BoxConfig;
use crate::recipe::settings::Network;

/// The host's devices that every box has.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Devices that a box has where the host lets this user open them.
const OPTIONAL_DEVICES: [&str; 5] = ["fuse", "net", "kvm", "dri", "snd"];

/// Files by which the machine's own root rules the kernel, as proc has them. In a user's box they belong to an id that is
/// not there; in root's own they would do as they are told.
pub(super) const CONTROLS: [&str; 5] = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"];

/// The box's own `/dev`.
pub(super) fn devices() -> Vec<Step> {
    let dev = |name: &str| Path::new("/dev").join(name);
    let mut steps = vec![Step::Tmpfs { at: BoxPath::known("/dev"), mode: 0o755 }];
    steps.extend(DEVICES.map(|name| Step::Bind {
        from: HostPath(dev(name)),
        at: BoxPath::known(dev(name)),
        kind: Kind::File,
        read_only: false,
        optional: false,
        no_links: false,
    }));
    steps.push(Step::Devpts { at: BoxPath::known("/dev/pts") });
    steps.push(Step::Tmpfs { at: BoxPath::known("/dev/shm"), mode: 0o1777 });
    steps.push(Step::MakeDir { at: BoxPath::known("/dev/mqueue"), mode: 0o755, owner: (0, 0) });
    let links = [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ];
    steps.extend(links.map(|(at, target)| Step::Symlink { at: BoxPath::known(dev(at)), target: target.into() }));
    steps
}

/// The kernel's own file systems, as an application box sees them. Nothing is mounted over parts of `/proc`: that would
/// keep every user namespace inside from mounting its own (mount_too_revealing in the kernel's fs/namespace.c), and the
/// dangerous files in it belong to a root that is not mapped here.
pub(super) fn kernel_views(config: &BoxConfig) -> Vec<Step> {
    let sys = |path: &str, optional| Step::Bind {
        from: HostPath(path.into()),
        at: BoxPath::known(path),
        kind: Kind::Directory,
        read_only: true,
        optional,
        no_links: false,
    };
    let mut steps = vec![Step::Proc { at: BoxPath::known("/proc") }];
    // A sysfs of one's own needs a network namespace of one's own; the host's, read-only, is the other way.
    match config.network {
        Network::Host => steps.push(sys("/sys", false)),
        Network::Private | Network::None => {
            steps.push(Step::Sysfs { at: BoxPath::known("/sys") });
            steps.push(sys("/sys/fs/cgroup", true));
        }
    }
    // Without user namespaces there is nobody in the box who may mount a file system of FUSE's.
    let devices = OPTIONAL_DEVICES.into_iter().filter(|name| config.nesting || *name != "fuse");
    steps.extend(devices.map(|name| {
        let at = Path::new("/dev").join(name);
        let kind = if matches!(name, "net" | "dri" | "snd") { Kind::Directory } else { Kind::File };
        Step::Bind {
            from: HostPath(at.clone()),
            at: BoxPath::known(at),
            kind,
            read_only: false,
            optional: true,
            no_links: false,
        }
    }));
    steps
}
