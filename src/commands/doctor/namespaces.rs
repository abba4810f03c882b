//! User namespaces, and what keeps users from having them.

use super::check::{Check, reason};
use crate::sys::process::SingleThread;
use crate::userns::{probe, refusal};

pub(super) fn checks(proof: &SingleThread) -> Vec<Check> {
    match probe::user_namespace(proof) {
        Ok(()) => {
            // That the switch is on says little: a profile may let this program through, and did.
            let apparmor = || Check::ok("apparmor", "restricts user namespaces, but not envbox's");
            let apparmor = refusal::is_restricted_by_apparmor().then(apparmor);
            std::iter::once(Check::ok("user namespaces", "made one, and a mount in it")).chain(apparmor).collect()
        }
        Err(refusal) => {
            let remedy = refusal.remedy();
            let detail = format!("{}; {}", reason(&refusal), remedy.cause);
            vec![Check::missing("user namespaces", detail).fix(remedy.lines)]
        }
    }
}
