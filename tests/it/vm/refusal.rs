//! A host that refuses user namespaces: envbox and its doctor say who does, and what they print ends it.

use crate::support::requires;
use crate::support::vm::BOOKWORM;

/// What root types: has a user make a box, refuses user namespaces by `$REFUSE`, has the user be told of `$CAUSE`, pastes
/// what the doctor printed, indented as it is, and has the user try again.
const SCRIPT: &str = r#"
sudo() { "$@"; }
tester() ( cd /home/tester && runuser -u tester -- env HOME=/home/tester envbox "$@" )
tester create refused --image "$ENVBOX_FIXTURES"/alpine-minirootfs-*.tar.gz || exit 9
eval "$REFUSE"
tester run refused true 2>error && exit 10
tester doctor >doctor && exit 11
grep -qF "$CAUSE" error && grep "^user namespaces" doctor | grep -qF "$CAUSE" || exit 15
eval "$(sed -n '/^To mend `user namespaces`:/,/^$/{/^    /p}' doctor)" >/dev/null || exit 12
tester run refused true || exit 13
tester rm --yes --force refused || exit 14
"#;

/// Expects that a machine that refuses so is mended, and that error and doctor named the cause.
#[track_caller]
fn is_mended(refuse: &str, cause: &str) {
    let script = format!("REFUSE='{refuse}' CAUSE='{cause}'\n{SCRIPT}");
    let answer = BOOKWORM.answer_alone("root", 300, &script);
    assert_eq!(answer.status, 0, "{answer:#?}");
}

#[test]
fn a_switch_that_is_off_is_named_and_turned_on() {
    requires!(qemu, fixtures);
    is_mended("sysctl -qw kernel.unprivileged_userns_clone=0", "kernel.unprivileged_userns_clone is 0");
    is_mended("sysctl -qw user.max_user_namespaces=0", "user.max_user_namespaces is 0");
}
