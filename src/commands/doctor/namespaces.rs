//! User namespaces, and what keeps users from having them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::check::{Check, reason};
use crate::sys::process::SingleThread;
use crate::userns::probe::{self, Refusal, Stage};

const MAX_USER_NAMESPACES: &str = "/proc/sys/user/max_user_namespaces";
/// Debian's switch, and that of kernels derived from its.
const UNPRIVILEGED_CLONE: &str = "/proc/sys/kernel/unprivileged_userns_clone";
/// Ubuntu's, since 23.10. That it is on says little: a profile may let this program through.
const APPARMOR: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

pub(super) fn checks(proof: &SingleThread) -> Vec<Check> {
    let refusal = probe::user_namespace(proof).err();
    let namespaces = match &refusal {
        None => Check::ok("user namespaces", "made one, and a mount in it"),
        Some(refusal) => {
            let check = Check::missing("user namespaces", reason(refusal));
            let fix = fix(refusal, sysctl);
            if fix.is_empty() { check } else { check.fix(fix) }
        }
    };
    let apparmor = match (sysctl(APPARMOR), &refusal) {
        (Some(1), None) => Some(Check::ok("apparmor", "restricts user namespaces, but not envbox's")),
        (Some(1), Some(refusal)) if refusal.stage != Stage::Unshare => Some(apparmor()),
        _ => None,
    };
    std::iter::once(namespaces).chain(apparmor).collect()
}

/// The switch that is off, if it is one of the known ones. AppArmor has a row of its own.
fn fix(refusal: &Refusal, sysctl: impl Fn(&str) -> Option<u64>) -> String {
    match refusal.stage {
        Stage::Unshare if sysctl(UNPRIVILEGED_CLONE) == Some(0) => "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        // ENOSPC: the limit is reached, or there are too many namespaces within each other (user_namespaces(7)).
        Stage::Unshare if sysctl(MAX_USER_NAMESPACES) == Some(0) || refusal.source.kind() == ErrorKind::StorageFull => {
            "sudo sysctl -w user.max_user_namespaces=15000"
        }
        Stage::Unshare => {
            "# no switch of this kernel's is off: an outer container may forbid it. Start that one with\n\
             --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
        }
        Stage::Map | Stage::Mount => "",
    }
    .to_owned()
}

fn sysctl(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn apparmor() -> Check {
    let check = Check::missing("apparmor", "keeps envbox from using user namespaces");
    match fs::read_link("/proc/self/exe") {
        Ok(program) => check.fix(profile(&program)),
        Err(_) => check,
    }
}

/// The commands that install a profile for this very program; AppArmor goes by the path (apparmor.d(5)).
fn profile(program: &Path) -> String {
    // In an AppArmor path these are patterns unless escaped.
    let path: String = program.to_string_lossy().chars().fold(String::new(), |mut path, c| {
        if "*?[]{}^\"\\".contains(c) {
            path.push('\\');
        }
        path.push(c);
        path
    });
    format!(
        "sudo tee /etc/apparmor.d/envbox <<'END'\n\
         abi <abi/4.0>,\n\
         include <tunables/global>\n\
         profile envbox \"{path}\" flags=(unconfined) {{\n\
         \x20 userns,\n\
         }}\n\
         END\n\
         sudo apparmor_parser -r /etc/apparmor.d/envbox"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(stage: Stage) -> Refusal {
        Refusal { stage, source: std::io::Error::from_raw_os_error(1) }
    }

    #[test]
    fn the_switch_that_is_off_is_named() {
        let off = |name: &'static str| move |path: &str| (path == name).then_some(0);
        let clone = fix(&refusal(Stage::Unshare), off(UNPRIVILEGED_CLONE));
        assert_eq!(clone, "sudo sysctl -w kernel.unprivileged_userns_clone=1");
        let none = fix(&refusal(Stage::Unshare), off(MAX_USER_NAMESPACES));
        assert_eq!(none, "sudo sysctl -w user.max_user_namespaces=15000");
        assert!(fix(&refusal(Stage::Unshare), |_| None).contains("seccomp=unconfined"));
        assert_eq!(fix(&refusal(Stage::Mount), off(UNPRIVILEGED_CLONE)), "");
    }

    #[test]
    fn the_profile_is_for_this_program_and_no_other() {
        let text = profile(Path::new("/home/a b/x*y/envbox"));
        assert!(
            text.contains("profile envbox \"/home/a b/x\\*y/envbox\" flags=(unconfined) {\n  userns,\n}\n"),
            "{text}"
        );
    }
}
