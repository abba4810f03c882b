//! What is different in a system box: its init starts each time with empty `/run` and `/tmp`, in a mount namespace of its own.
//!
//! What an init expects of a container is in systemd's `CONTAINER_INTERFACE.md`, and others look for the same.

use std::path::Path;

use super::BootRequest;
use crate::host::User;
use crate::plan::init::{InitPlan, Kind as Init};
use crate::plan::{BoxPath, HostPath, Kind, RUN_DIR, SHARES, Step};

/// The host's os-release(5), where the box has it.
const OS_RELEASE: &str = "/run/envbox/os-release";

/// The steps that a system box has more than others, in its root.
pub(super) fn prepared(request: &BootRequest<'_>, init: &InitPlan, hostname: &str) -> Vec<Step> {
    let mut steps = vec![
        Step::Bind {
            from: HostPath("/etc/os-release".into()),
            at: BoxPath::known(OS_RELEASE),
            kind: Kind::File,
            read_only: true,
            optional: true,
            no_links: false,
        },
        // An init sets the name that it finds there.
        Step::File { at: BoxPath::known("/etc/hostname"), mode: 0o644, content: format!("{hostname}\n").into_bytes() },
        // Its owner closes it to others; what is shared lies in it, since logind has its own idea of /run/user/UID.
        Step::MakeDir { at: BoxPath::known(SHARES), mode: 0o700, owner: (request.user.uid, request.user.gid) },
    ];
    if let Some(uuid) = init.env.get("container_uuid") {
        steps.push(Step::MachineId(uuid.replace('-', "")));
    }
    if init.kind == Init::Systemd {
        // With it the journal outlives a restart (journald.conf(5), `Storage=auto`).
        steps.push(Step::MountPoint { at: BoxPath::known("/var/log/journal"), kind: Kind::Directory, owner: (0, 0) });
    }
    steps
}

/// The steps that are taken for each start of the init. `made` are all those before.
pub(super) fn fresh(user: &User, init: &InitPlan, made: &[Step]) -> Vec<Step> {
    let dir = |at: &str, mode, owner| Step::MakeDir { at: BoxPath::known(at), mode, owner };
    let file = |at: &str, text: String| Step::File { at: BoxPath::known(at), mode: 0o644, content: text.into_bytes() };
    let manager = init.env.get("container").map_or("envbox", String::as_str);
    let renew = |at: &str, mode| Step::Renew { at: BoxPath::known(at), mode, kept: kept(made, Path::new(at)) };
    let mut steps = vec![
        renew("/run", 0o755),
        dir("/run/lock", 0o1777, (0, 0)),
        dir("/run/user", 0o755, (0, 0)),
        dir(&format!("/run/user/{}", user.uid), 0o700, (user.uid, user.gid)),
        super::containerenv(),
        dir("/run/host", 0o755, (0, 0)),
        file("/run/host/container-manager", format!("{manager}\n")),
        Step::Symlink { at: BoxPath::known("/run/host/os-release"), target: OS_RELEASE.into() },
    ];
    if init.volatile_tmp {
        steps.push(renew("/tmp", 0o1777));
        steps.push(dir("/tmp/.X11-unix", 0o1777, (0, 0)));
    }
    steps.push(Step::Proc { at: BoxPath::known("/proc") });
    steps.push(Step::Console { at: BoxPath::known("/dev/console") });
    if init.kind == Init::Systemd {
        // What is there systemd leaves alone by itself.
        let kernels = |place: &BoxPath| ["/dev", "/proc", "/sys"].iter().any(|dir| place.as_path().starts_with(dir));
        let places = kept(made, Path::new("/"));
        steps.extend(places.iter().filter(|place| !kernels(place)).flat_map(left_alone));
    }
    steps
}

/// What keeps systemd from unmounting a place and all below it when it ends: that is locked, and each try costs a process and
/// says `FAILED` (systemd.mount(5), "Default Dependencies"; systemd.unit(5), drop-ins of prefixes).
fn left_alone(place: &BoxPath) -> [Step; 2] {
    ["", "-"].map(|below| Step::File {
        at: BoxPath::known(format!("/run/systemd/system/{}{below}.mount.d/envbox.conf", unit_name(place.as_path()))),
        mode: 0o644,
        content: b"[Unit]\nDefaultDependencies=no\n".to_vec(),
    })
}

/// A path as it is in the name of a unit (systemd-escape(1), `--path`).
fn unit_name(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let bytes = path.as_os_str().as_bytes();
    bytes.strip_prefix(b"/").unwrap_or(bytes).iter().enumerate().fold(String::new(), |mut name, (index, &byte)| {
        match byte {
            b'/' => name.push('-'),
            b'.' if index == 0 => name.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => name.push(byte.into()),
            // Writing to a text cannot fail.
            other => drop(write!(name, "\\x{other:02x}")),
        }
        name
    })
}

/// What lies below a directory and is not the box's own: envbox's things, what is shared, what the user has mounted.
fn kept(made: &[Step], dir: &Path) -> Vec<BoxPath> {
    let mut places: Vec<&BoxPath> = made.iter().filter_map(place).collect();
    let run = BoxPath::known(RUN_DIR);
    places.push(&run);
    places.retain(|place| place.as_path().starts_with(dir) && place.as_path() != dir);
    places.sort_unstable();
    let mut kept: Vec<BoxPath> = Vec::new();
    for place in places {
        if !kept.last().is_some_and(|last| place.as_path().starts_with(last.as_path())) {
            kept.push(place.clone());
        }
    }
    kept
}

/// Where a step has put something of the host's or the user's, or has kept it away.
fn place(step: &Step) -> Option<&BoxPath> {
    match step {
        Step::Bind { at, .. }
        | Step::Scratch { at, .. }
        | Step::Home { at, .. }
        | Step::HomeOverlay { at, .. }
        | Step::Nested { at, .. }
        | Step::Hide { at } => Some(at),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_names_of_units() {
        for (path, name) in
            [("/run/envbox", "run-envbox"), ("/home/a b-c.d", r"home-a\x20b\x2dc.d"), ("/.x/é", r"\x2ex-\xc3\xa9")]
        {
            assert_eq!(unit_name(Path::new(path)), name);
        }
    }

    #[test]
    fn what_is_kept_is_named_once() {
        let mounted = |at: &str| Step::Scratch { at: BoxPath::known(at), mode: 0o755, owner: (1, 1), size: None };
        let made = ["/run/envbox/shared/x", "/tmp/a/b", "/tmp/a", "/tmp/ab", "/home/al", "/tmp"].map(mounted);
        let kept = |dir: &str| {
            let places = kept(&made, Path::new(dir));
            places.iter().map(|place| place.as_path().display().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(kept("/run"), "/run/envbox");
        assert_eq!(kept("/tmp"), "/tmp/a /tmp/ab");
        assert_eq!(kept("/"), "/home/al /run/envbox /tmp");
    }
}
