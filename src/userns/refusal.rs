//! Who keeps this user from having user namespaces, and the line that ends it.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

const MAX_USER_NAMESPACES: &str = "/proc/sys/user/max_user_namespaces";
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
    /// It has no right in it: to be its root, to mount.
    Mount = 3,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unshare => "the kernel refuses a user namespace",
            Self::Map => "the user namespace may not be given a map",
            Self::Mount => "the user namespace has no right to mount",
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
        let number = |path| read(path).and_then(|text| text.trim().parse::<u64>().ok());
        let forbidden = self.source.kind() == ErrorKind::PermissionDenied;
        let profile = LABELS.iter().find_map(|path| confining(&read(path)?));
        if self.stage == Stage::Unshare && number(UNPRIVILEGED_CLONE) == Some(0) {
            return Remedy::switch("kernel.unprivileged_userns_clone is 0", "kernel.unprivileged_userns_clone=1");
        }
        // ENOSPC: the limit is reached, or there are too many namespaces within each other (user_namespaces(7)).
        if self.source.kind() == ErrorKind::StorageFull {
            return match number(MAX_USER_NAMESPACES) {
                Some(0) => Remedy::switch("user.max_user_namespaces is 0", "user.max_user_namespaces=15000"),
                _ => Remedy::switch("all of user.max_user_namespaces are in use", "user.max_user_namespaces=60000"),
            };
        }
        if forbidden && read(SECURITYFS).is_some() && (profile.is_some() || number(APPARMOR_RESTRICTS) == Some(1)) {
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
}

impl Remedy {
    fn switch(cause: &str, setting: &str) -> Self {
        Self { cause: cause.into(), lines: format!("sudo sysctl -w {setting}") }
    }
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
