//! Keeping the box's resolver configuration, hosts and time zone the same as the host's.
//!
//! In the box these are links into its run directory, so no file of a package's is touched. Each session writes them as
//! it begins, and one with a terminal, which may last for days, again whenever the host's change. For the services of a system
//! box, which begin before any session and need none, they are written ahead of its init, and followed by its keeper.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use crate::net;
use crate::plan::SessionPlan;
use crate::recipe::settings::Network;
use crate::sys::poll::Watch;
use crate::sys::root::{self, Open};

const FILES: [&str; 3] = ["resolv.conf", "hosts", "localtime"];

/// What follows the host.
#[derive(Debug)]
pub(super) struct Follower {
    hostname: String,
    resolver: Option<&'static str>,
    watch: Option<Watch>,
    /// The host's root, for who has left it.
    host: Option<OwnedFd>,
}

impl Follower {
    /// With a watch on the host's files for a session with a terminal, which may last. Closing a watch costs milliseconds (the kernel waits for its
    /// readers), which a short command should not pay.
    pub(super) fn new(plan: &SessionPlan) -> Self {
        // A user at the limit of watches has a box that does not follow until the next session.
        Self { watch: plan.terminal.then(watch).and_then(Result::ok), ..Self::once(&plan.hostname, plan.network) }
    }

    /// Without a watch.
    pub(super) fn once(hostname: &str, network: Network) -> Self {
        let resolver = (network == Network::Private).then_some(net::RESOLVER);
        Self { hostname: hostname.to_owned(), resolver, watch: None, host: None }
    }

    /// With a watch, for a process that leaves the host's root after this. Its hold on that root is for looking only, and a
    /// link in a file's place leads nowhere else than it would on the host.
    ///
    /// # Errors
    /// open(2)'s and those of inotify(7).
    pub(super) fn from_afar(hostname: &str, network: Network) -> io::Result<Self> {
        let host = root::open_absolute(Path::new("/"), Open::Path)?;
        Ok(Self { watch: Some(watch()?), host: Some(host), ..Self::once(hostname, network) })
    }

    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(Watch::as_fd)
    }

    /// Writes what differs.
    pub(super) fn refresh_all(&self, run_dir: &OwnedFd) -> io::Result<()> {
        FILES.iter().try_for_each(|name| self.refresh(run_dir, name))
    }

    /// Writes what differs, if a change of the host's may have made a difference.
    pub(super) fn refresh_changed(&self, run_dir: &OwnedFd) -> io::Result<()> {
        match self.watch.as_ref().map(Watch::changes).transpose()? {
            Some(changes) if !changes.is_empty() => self.refresh_all(run_dir),
            _ => Ok(()),
        }
    }

    fn refresh(&self, run_dir: &OwnedFd, name: &str) -> io::Result<()> {
        let path = Path::new("/etc").join(name);
        let host = self.host.as_ref().map_or_else(|| fs::read(&path), |host| root::read(host, &path));
        let host = match host {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // What is there, and cannot be read now, is not as if it were not there.
            Err(_) => return Ok(()),
            Ok(host) => Some(host),
        };
        let Some(content) = self.content(name, host) else { return Ok(()) };
        match root::read(run_dir, Path::new(name)) {
            Ok(old) if old == content => Ok(()),
            _ => root::replace_file(run_dir, OsStr::new(name), &content, 0o644),
        }
    }

    /// What the box has for a file that the host may not have.
    fn content(&self, name: &str, host: Option<Vec<u8>>) -> Option<Vec<u8>> {
        match (name, self.resolver) {
            ("hosts", _) => Some(with_own_name(host.unwrap_or_else(|| net::LOOPBACK_HOSTS.to_vec()), &self.hostname)),
            ("resolv.conf", Some(resolver)) => Some(with_resolver(&host.unwrap_or_default(), resolver)),
            _ => host,
        }
    }
}

/// The directories that hold the files, and those that hold what they are links to.
fn watch() -> io::Result<Watch> {
    let watch = Watch::new()?;
    watch.add(Path::new("/etc"))?;
    for name in FILES {
        let real = fs::canonicalize(Path::new("/etc").join(name));
        if let Some(dir) = real.ok().as_deref().and_then(Path::parent).filter(|dir| *dir != Path::new("/etc")) {
            watch.add(dir)?;
        }
    }
    Ok(watch)
}

/// The resolver's configuration with one server in the place of all others (resolv.conf(5)): the host's may be on a loopback
/// device that is not the box's.
fn with_resolver(host: &[u8], resolver: &str) -> Vec<u8> {
    let host = String::from_utf8_lossy(host);
    let kept = host.lines().filter(|line| !line.trim_start().starts_with("nameserver"));
    let lines: Vec<&str> = kept.collect();
    let first = format!("nameserver {resolver}");
    lines.into_iter().chain([first.as_str()]).map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

/// The hosts file, with a line for the box's own name (hosts(5)): programs that look it up must not have to wait for
/// a name server to say that it knows nothing.
fn with_own_name(mut hosts: Vec<u8>, name: &str) -> Vec<u8> {
    let known = String::from_utf8_lossy(&hosts)
        .lines()
        .any(|line| line.split('#').next().unwrap_or_default().split_whitespace().skip(1).any(|word| word == name));
    if !known {
        if !hosts.is_empty() && !hosts.ends_with(b"\n") {
            hosts.push(b'\n');
        }
        hosts.extend_from_slice(format!("127.0.1.1\t{name}\n").as_bytes());
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_takes_the_place_of_all_others() {
        let of = |text: &str| String::from_utf8(with_resolver(text.as_bytes(), "10.0.2.3")).unwrap();
        let host = "search example.org\nnameserver 127.0.0.53\n nameserver ::1\noptions edns0\n";
        assert_eq!(of(host), "search example.org\noptions edns0\nnameserver 10.0.2.3\n");
    }

    #[test]
    fn a_host_without_the_files_has_boxes_that_find_themselves() {
        let of = |network, name| {
            let content = Follower::once("deb", network).content(name, None)?;
            Some(String::from_utf8(content).unwrap())
        };
        assert_eq!(of(Network::Host, "hosts").unwrap(), "127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\tdeb\n");
        assert_eq!(of(Network::Host, "resolv.conf"), None);
        assert_eq!(of(Network::Private, "resolv.conf").unwrap(), format!("nameserver {}\n", net::RESOLVER));
    }

    #[test]
    fn the_boxs_name_is_added_once() {
        let of = |hosts: &str| String::from_utf8(with_own_name(hosts.into(), "deb")).unwrap();
        assert_eq!(of("127.0.0.1 localhost"), "127.0.0.1 localhost\n127.0.1.1\tdeb\n");
        assert_eq!(of("127.0.0.1 localhost deb # x\n"), "127.0.0.1 localhost deb # x\n");
        assert_eq!(of("127.0.0.1 debian # deb\n"), "127.0.0.1 debian # deb\n127.0.1.1\tdeb\n");
        assert_eq!(of(""), "127.0.1.1\tdeb\n");
    }
}
