//! Whether what a box is to reach, and what is to reach it, makes sense.

use super::Project;
use super::faults::Faults;
use super::place::{Part, Way};
use crate::recipe::settings::{Mount, Network, Port, Protocol};

/// Directories that are the box's own, or what makes it one: nothing is mounted over them.
const OWN: [&str; 18] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/opt", "/proc", "/root", "/run",
    "/sbin", "/srv", "/sys", "/usr", "/var",
];

/// Those in which nothing is mounted either.
const CLOSED: [&str; 5] = ["/proc/", "/sys/", "/dev/", "/run/envbox/", "/run/user/"];

/// The one place in them that programs want larger than it is (shm_overview(7)).
const SHARED_MEMORY: &str = "/dev/shm";

/// Checks ports and mounts.
pub(super) fn check(project: &Project, faults: &mut Faults<'_>) {
    ports(project, faults);
    let way = Way::ROOT.key("mounts");
    for (index, mount) in project.mounts.iter().enumerate() {
        let way = way.item(index);
        let at = plain(mount);
        let closed = CLOSED.iter().any(|dir| at.starts_with(dir)) && at != SHARED_MEMORY;
        if closed || at == "~" || OWN.contains(&at.as_str()) {
            let what = format!("nothing can be mounted at `{}`: that is the box's own", mount.at().as_str());
            faults.add(&way.key("at"), Part::Value, what);
        }
        if project.mounts[..index].iter().any(|other| plain(other) == at) {
            let what = format!("a second thing is mounted at `{}`", mount.at().as_str());
            faults.add(&way.key("at"), Part::Value, what);
        }
    }
}

/// Where a mount is, without a second spelling.
fn plain(mount: &Mount) -> String {
    let text = mount.at().as_str();
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    let joined = parts.join("/");
    if text.starts_with('/') { format!("/{joined}") } else { joined }
}

fn ports(project: &Project, faults: &mut Faults<'_>) {
    let way = Way::ROOT.key("ports");
    for (index, port) in project.ports.iter().enumerate() {
        let way = way.item(index);
        if project.ports[..index].iter().any(|other| overlap(other, port)) {
            let protocol = if port.protocol == Protocol::Udp { "UDP" } else { "TCP" };
            faults.add(&way, Part::Value, format!("the host's {protocol} port {} leads into the box twice", port.host));
        }
        let what = match project.network {
            Some(Network::None) => "a box without a network has no ports: `network: private`",
            Some(Network::Host) if port.host != port.inside || port.address.is_some() => {
                "with the host's network the box's ports are the host's: for others, `network: private`"
            }
            _ => continue,
        };
        faults.add(&way, Part::Value, what.to_owned());
    }
}

fn overlap(one: &Port, other: &Port) -> bool {
    let every = |port: &Port| port.address.is_none_or(|address| address.is_unspecified());
    let meet = one.address == other.address || every(one) || every(other);
    one.host == other.host && one.protocol == other.protocol && meet
}
