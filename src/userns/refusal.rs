//! Who keeps this user from having user namespaces, and the line that ends it.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The kinds of namespaces that a box has, as the limits on how many a user may have are named (namespaces(7)); that of users
/// comes first, and the others belong to it.
const LIMITS: [&str; 7] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];
/// Debian's switch, and that of kernels derived from its.
const UNPRIVILEGED_CLONE: &str = "/proc/sys/kernel/unprivileged_userns_clone";
/// Ubuntu's, since 23.10: who has no profile gets one without rights in the new namespace.
const APPARMOR_RESTRICTS: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
/// Where AppArmor says which profile a process has; the second is also the place of other modules, and of old kernels.
const LABELS: [&str; 2] = ["/proc/self/attr/apparmor/current", "/proc/self/attr/current"];
/// securityfs(7): there on a machine that can load profiles itself, and not in a container on it.
const SECURITYFS: &str = "/sys/kernel/security/apparmor";
/// Comes with a parser that knows `userns` and `flags=(unconfined)`: AppArmor 4.
const ABI_4: &str = "/etc/apparmor.d/abi/4.0";

/// How far a child came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// It may not have a user namespace at all.
    Unshare = 1,
    /// It may not map its own user into it.
    Map = 2,
    /// It may not be its root, or have other namespaces that belong to it.
    Namespaces = 3,
    /// It may not mount in it.
    Mount = 4,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unshare => "the kernel refuses a user namespace",
            Self::Map => "the user namespace may not be given a map",
            Self::Namespaces => "the kernel refuses other namespaces in the user namespace",
            Self::Mount => "the kernel refuses a mount in the user namespace",
        })
    }
}

/// Why there is no working user namespace for this user.
#[derive(Debug, thiserror::Error)]
#[error("{stage}")]
pub struct Refusal {
    /// Where it failed.
    pub stage: Stage,
    /// The kernel's answer.
    pub source: io::Error,
}

/// What is behind a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// The cause, as far as the machine shows one.
    pub cause: String,
    /// Lines for a shell that end it; may be indented.
    pub lines: String,
}

impl Refusal {
    /// Looks at the kernel's switches and at this process's AppArmor profile.
    pub fn remedy(&self) -> Remedy {
        let program = fs::read_link("/proc/self/exe").unwrap_or_default();
        self.remedy_for(&program, |path| match Path::new(path).is_dir() {
            true => Some(String::new()),
            false => fs::read_to_string(path).ok(),
        })
    }

    /// The same for a program, on a machine whose files are read like this.
    fn remedy_for(&self, program: &Path, read: impl Fn(&str) -> Option<String>) -> Remedy {
        let number = |path: &str| read(path).and_then(|text| text.trim().parse::<u64>().ok());
        let profile = LABELS.iter().find_map(|path| confining(&read(path)?));
        if self.stage == Stage::Unshare && number(UNPRIVILEGED_CLONE) == Some(0) {
            return Remedy::switch("kernel.unprivileged_userns_clone is 0", "kernel.unprivileged_userns_clone=1");
        }
        match self.source.kind() {
            ErrorKind::StorageFull => return self.limit(number),
            ErrorKind::PermissionDenied => {}
            _ => return self.no_right(),
        }
        if read(SECURITYFS).is_some() && (profile.is_some() || number(APPARMOR_RESTRICTS) == Some(1)) {
            return apparmor(program, profile.as_deref(), read(ABI_4).is_some());
        }
        let confined =
            profile.map(|profile| format!("AppArmor's profile `{profile}` forbids it, an outer container's"));
        Remedy {
            cause: confined
                .unwrap_or_else(|| "no switch of this kernel's is off: an outer container may forbid it".into()),
            lines: "# start that container with\n\
                    # --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
                .into(),
        }
    }

    /// `ENOSPC`: a limit is reached (namespaces(7)), or there are too many namespaces within each other (user_namespaces(7)).
    fn limit(&self, number: impl Fn(&str) -> Option<u64>) -> Remedy {
        let kinds = if self.stage == Stage::Unshare { &LIMITS[..1] } else { &LIMITS[1..] };
        let names = kinds.iter().map(|kind| format!("user.max_{kind}_namespaces"));
        let off = |name: &String| number(&format!("/proc/sys/{}", name.replace('.', "/"))) == Some(0);
        let (off, others): (Vec<String>, Vec<String>) = names.partition(off);
        match off.is_empty() {
            true => Remedy::switch(&format!("all of {} are in use", others.join(" or ")), &to(&others, 60_000)),
            false => Remedy::switch(&format!("{} is 0", off.join(" and ")), &to(&off, 15_000)),
        }
    }

    /// What is wanting is no right, and no switch would give it.
    fn no_right(&self) -> Remedy {
        let (cause, lines) = match (self.source.kind(), self.stage) {
            (ErrorKind::WouldBlock, _) => ("this user has as many processes as it may have", "ulimit -u   # how many"),
            (ErrorKind::OutOfMemory, _) => ("the kernel has no memory left for it", "free -h   # what there is"),
            (ErrorKind::InvalidInput | ErrorKind::Unsupported, Stage::Unshare) => {
                ("this kernel was built without them", "zgrep USER_NS /proc/config.gz /boot/config-$(uname -r)")
            }
            _ => ("not for want of a right", "sudo dmesg | tail   # what the kernel says of it"),
        };
        Remedy { cause: cause.into(), lines: lines.into() }
    }
}

impl Remedy {
    fn switch(cause: &str, setting: &str) -> Self {
        Self { cause: cause.into(), lines: format!("sudo sysctl -w {setting}") }
    }
}

/// These settings with a value, as sysctl(8) has them.
fn to(names: &[String], value: u32) -> String {
    names.iter().map(|name| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// Whether AppArmor restricts user namespaces to programs that have a profile.
pub fn is_restricted_by_apparmor() -> bool {
    fs::read_to_string(APPARMOR_RESTRICTS).is_ok_and(|text| text.trim() == "1")
}

/// The profile of a label `PROFILE (MODE)` that takes rights away. Other security modules have no mode there.
fn confining(label: &str) -> Option<String> {
    let (profile, mode) = label.trim_end_matches(['\n', '\0']).strip_suffix(')')?.rsplit_once(" (")?;
    matches!(mode, "enforce" | "kill").then(|| profile.to_owned())
}

/// Commands that install a profile for this very program; AppArmor goes by the path (apparmor.d(5)). No here-document: that
/// would not end where it is pasted indented.
fn apparmor(program: &Path, confining: Option<&str>, abi_4: bool) -> Remedy {
    // In an AppArmor path these are patterns unless escaped.
    let path: String = program.to_string_lossy().chars().fold(String::new(), |mut path, c| {
        if "*?[]{}^\"\\".contains(c) {
            path.push('\\');
        }
        path.push(c);
        path
    });
    let profile = if abi_4 {
        format!("abi <abi/4.0>, profile envbox \"{path}\" flags=(unconfined) {{ userns, }}")
    } else {
        // What an older parser has in the place of `unconfined`.
        format!(
            "profile envbox \"{path}\" {{ capability, change_profile, dbus, file, mount, network, pivot_root, ptrace, \
             remount, signal, umount, unix, }}"
        )
    };
    let install = format!(
        "echo '{}' | sudo tee /etc/apparmor.d/envbox\nsudo apparmor_parser -r /etc/apparmor.d/envbox",
        profile.replace('\'', r"'\''")
    );
    match confining {
        None => Remedy { cause: "AppArmor lets only programs with a profile have it".into(), lines: install },
        Some(confining) => Remedy {
            cause: format!("AppArmor's profile `{confining}` does not allow it"),
            lines: format!("{install}\n# and the profile `{confining}` has to say: \"{path}\" pix,"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPERM: i32 = 1;
    const EACCES: i32 = 13;
    const ENOSPC: i32 = 28;
    const MAX_USER_NAMESPACES: &str = "/proc/sys/user/max_user_namespaces";

    fn remedy(stage: Stage, errno: i32, machine: &[(&str, &str)]) -> Remedy {
        let refusal = Refusal { stage, source: io::Error::from_raw_os_error(errno) };
        let read = |path: &str| machine.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
        refusal.remedy_for(Path::new("/home/a b/x*y/envbox"), read)
    }

    #[test]
    fn the_switch_that_is_off_is_named() {
        let clone = remedy(Stage::Unshare, EPERM, &[(UNPRIVILEGED_CLONE, "0\n")]);
        assert_eq!(clone.lines, "sudo sysctl -w kernel.unprivileged_userns_clone=1");
        let none = remedy(Stage::Unshare, ENOSPC, &[(MAX_USER_NAMESPACES, "0\n")]);
        assert_eq!(none.cause, "user.max_user_namespaces is 0");
        let full = remedy(Stage::Unshare, ENOSPC, &[(MAX_USER_NAMESPACES, "50000\n")]);
        assert!(full.cause.contains("in use"));
        assert!(remedy(Stage::Unshare, EPERM, &[]).lines.contains("seccomp=unconfined"));
    }

    #[test]
    fn each_limit_is_named_by_its_own_switch() {
        let none = [(MAX_USER_NAMESPACES, "0\n"), ("/proc/sys/user/max_net_namespaces", "0\n")];
        let net = remedy(Stage::Namespaces, ENOSPC, &none);
        assert_eq!(net.cause, "user.max_net_namespaces is 0");
        assert_eq!(net.lines, "sudo sysctl -w user.max_net_namespaces=15000");
        let full = remedy(Stage::Namespaces, ENOSPC, &[]);
        assert!(full.cause.contains("user.max_pid_namespaces or") && full.cause.ends_with("in use"), "{full:?}");
        assert!(!full.lines.contains("max_user_namespaces"), "{full:?}");
    }

    #[test]
    fn what_is_no_want_of_a_right_has_no_remedy_of_one() {
        const EIO: i32 = 5;
        const EAGAIN: i32 = 11;
        const ENOMEM: i32 = 12;
        const EINVAL: i32 = 22;
        // Where AppArmor would be to blame for a right.
        let machine = [(SECURITYFS, ""), (APPARMOR_RESTRICTS, "1\n")];
        let causes = [(EAGAIN, "processes"), (ENOMEM, "memory"), (EINVAL, "built without"), (EIO, "not for want of")];
        for (errno, cause) in causes {
            let found = remedy(Stage::Unshare, errno, &machine);
            assert!(found.cause.contains(cause) && !found.lines.contains("apparmor"), "{errno}: {found:?}");
        }
    }

    #[test]
    fn apparmor_is_named_by_its_switch_or_its_profile() {
        let [label, _] = LABELS;
        let host = (SECURITYFS, "");
        let ubuntu = remedy(Stage::Mount, EACCES, &[host, (APPARMOR_RESTRICTS, "1\n"), (label, "unconfined\n")]);
        assert!(ubuntu.cause.contains("only programs with a profile"), "{ubuntu:?}");
        // As capable(9) has it, for a namespace in which its maker may do nothing.
        assert_eq!(remedy(Stage::Mount, EPERM, &[host, (APPARMOR_RESTRICTS, "1\n")]), ubuntu);
        let session = remedy(Stage::Unshare, EACCES, &[host, (label, "session (enforce)\n")]);
        assert!(session.cause.contains("`session`") && session.lines.contains("pix,"), "{session:?}");
        let container = remedy(Stage::Mount, EACCES, &[(label, "docker-default (enforce)\n")]);
        assert!(container.lines.contains("apparmor=unconfined"), "{container:?}");
    }

    #[test]
    fn a_label_without_force_confines_nobody() {
        for label in ["unconfined\n", "envbox (unconfined)\n", "new (complain)\n", "system_u:system_r:init_t:s0\0", ""]
        {
            assert_eq!(confining(label), None, "{label}");
        }
        assert_eq!(confining("a//&b (enforce)\n").as_deref(), Some("a//&b"));
    }

    #[test]
    fn the_profile_is_for_this_program_and_no_other() {
        let lines = apparmor(Path::new("/home/a b/x*y/envbox"), None, true).lines;
        assert!(lines.contains("profile envbox \"/home/a b/x\\*y/envbox\" flags=(unconfined) { userns, }'"), "{lines}");
    }
}
