//! A user who logs in, where boxes of theirs start, and logs out, where they end.

use crate::support::requires;
use crate::support::vm::BOOKWORM;

/// What root does with a user of its own: logs them in for one command by PAM, as sshd would, and out again.
///
/// The box's init is told to end by `SIGTERM`, being none of the known, and ends in its own time. Its child is told so by
/// nobody, since that is the init's to do.
const SCRIPT: &str = r#"
useradd --create-home --shell /bin/bash visitor && uid=$(id -u visitor) && cd / || exit 9
login() {
    systemd-run --quiet --wait --pipe --uid=visitor --property=PAMName=login --setenv=XDG_SESSION_CLASS=user \
        --setenv=XDG_SESSION_TYPE=tty --working-directory=/home/visitor bash -lc "PATH+=:/mnt; $1"
}
# What is done ten seconds after the end of the last session. The second waits for it.
logout() { loginctl terminate-user visitor; systemctl stop "user@$uid"; }
# Whatever starts at login has been started by then.
is_up='(systemctl --user is-system-running --wait; envbox list | grep "^b  *running")'
mkdir -p /tmp/root && tar -xf "$ENVBOX_FIXTURES"/alpine-minirootfs-*.tar.gz -C /tmp/root && rm /tmp/root/sbin/init || exit 10
cat >/tmp/root/sbin/init <<'END'
#!/bin/sh
sh -c 'trap "echo alone >>/said" TERM; while :; do sleep 0.1; done' &
trap 'sleep 0.5; echo ended >>/said; exit' TERM
echo began >>/said
while :; do sleep 0.1; done
END
chmod 755 /tmp/root/sbin/init && tar -cf /tmp/root.tar -C /tmp/root . || exit 11
login 'envbox create b --image /tmp/root.tar && echo "init: /sbin/init" >>.local/share/envbox/boxes/b/box.yaml &&
    envbox autostart b' || exit 12
logout
login "$is_up && envbox autostart b --off" || exit 13
logout
said=$(cat /home/visitor/.local/share/envbox/boxes/b/upper/said)
[[ $said == "began"$'\n'"ended" ]] || { echo "$said"; exit 14; }
pgrep --full '^envbox keeper b' && exit 15
login "! $is_up"' && envbox autostart b && envbox rm --yes b && [[ ! $(envbox autostart) ]]' || exit 16
"#;

#[test]
fn a_box_is_up_from_login_to_logout() {
    requires!(qemu, fixtures);
    // Each login mounts a directory of the user's, and others look whether mounts are left.
    let answer = BOOKWORM.answer_alone("root", 300, SCRIPT);
    assert_eq!(answer.status, 0, "{answer:#?}");
}
