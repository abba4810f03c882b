//! The command that installs a program on this distribution.

use crate::host::Host;

/// What a program is called in one distribution family.
struct Family {
    manager: &'static str,
    install: &'static str,
    uidmap: &'static str,
}

const FAMILIES: [Family; 5] = [
    Family { manager: "apt-get", install: "apt-get install -y", uidmap: "uidmap" },
    Family { manager: "dnf", install: "dnf install -y", uidmap: "shadow-utils" },
    Family { manager: "zypper", install: "zypper install -y", uidmap: "shadow" },
    Family { manager: "pacman", install: "pacman -S --noconfirm", uidmap: "shadow" },
    Family { manager: "apk", install: "apk add", uidmap: "shadow-subids" },
];

/// The package with `newuidmap` and `newgidmap`.
pub(super) fn install_uidmap(host: &Host) -> String {
    install(host, |family| family.uidmap, "newuidmap and newgidmap (package uidmap or shadow)")
}

/// The package with `fuse-overlayfs`, which bears that name everywhere.
pub(super) fn install_fuse_overlayfs(host: &Host) -> String {
    install(host, |_| "fuse-overlayfs", "fuse-overlayfs")
}

fn install(host: &Host, package: impl Fn(&Family) -> &'static str, otherwise: &str) -> String {
    match FAMILIES.iter().find(|family| host.find_program(family.manager).is_some()) {
        Some(family) => format!("sudo {} {}", family.install, package(family)),
        None => format!("# install {otherwise}"),
    }
}
