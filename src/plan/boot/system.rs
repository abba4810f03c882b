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
    steps
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

/// Where a step has put something of the host's or the user's.
fn place(step: &Step) -> Option<&BoxPath> {
    match step {
        Step::Bind { at, .. } | Step::Scratch { at, .. } | Step::Home { at, .. } | Step::HomeOverlay { at, .. } => {
            Some(at)
        }
        _ => None,
    }
}
