//! What is to be written and run once a Debian's packages are unpacked. Data only; `commands` carries it out.

use super::Bootstrap;

/// Where Debian has its own list of sources; apt reads it whatever the distribution.
pub const SOURCES: &str = "/etc/apt/sources.list.d/debian.sources";

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupFile {
    /// Its path in the new root, absolute.
    pub path: &'static str,
    /// Its mode.
    pub mode: u32,
    /// Its content.
    pub content: Vec<u8>,
}

/// How to make a system of unpacked packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Files to write after unpacking, before the script; their parents exist or are to be made with mode 0755.
    pub files: Vec<SetupFile>,
    /// A POSIX shell script for `/bin/sh -c`, to be run as root of the user namespace, in the new root, with /proc, /dev
    /// and /tmp there. It ends with status 0 if and only if every package is configured.
    pub script: &'static str,
    /// What is to be run at the very end, if the tree has to be the same each time.
    pub steady: Option<&'static str>,
    /// Their whole environment.
    pub env: Vec<(&'static str, String)>,
}

/// How to make a system of this selection.
pub fn setup(bootstrap: &Bootstrap) -> Setup {
    let file = |path, mode, content: &str| SetupFile { path, mode, content: content.as_bytes().to_vec() };
    let mut files = vec![
        file(SOURCES, 0o644, &bootstrap.sources_list),
        // A box that is lost in a power cut is made anew; syncing each file costs more than all the rest.
        file("/etc/dpkg/dpkg.cfg.d/envbox", 0o644, "force-unsafe-io\n"),
    ];
    if bootstrap.ignore_valid_until {
        files.push(file("/etc/apt/apt.conf.d/90envbox-valid-until", 0o644, "Acquire::Check-Valid-Until \"false\";\n"));
    }
    let steady = bootstrap.locked.then_some(include_str!("steady.sh"));
    Setup { files, script: include_str!("configure.sh"), steady, env: env(bootstrap.epoch) }
}

fn env(epoch: u64) -> Vec<(&'static str, String)> {
    [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LC_ALL", "C.UTF-8"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
    ]
    .into_iter()
    .map(|(name, value)| (name, value.to_owned()))
    // Dates that get into files, such as those in /etc/shadow, are the archive's, not today's.
    .chain([("SOURCE_DATE_EPOCH", epoch.to_string())])
    .collect()
}
