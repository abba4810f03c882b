//! A system box, of the guest's own packages, with its limits held by the guest's controllers.

use crate::support::requires;
use crate::support::vm::BOOKWORM;

/// What root does: makes an image of the guest, without what it does not need to boot, and without the tests' agents.
const IMAGE: &str = r#"
cd / && umask 022 && tar -cf /var/tmp/system.tar --exclude='agent@*' --exclude=./usr/lib/modules --exclude=./usr/share/zoneinfo \
    --exclude=hwdb.bin --exclude=gconv --exclude=perl --exclude=perl-base --exclude=./var/log/journal --one-file-system \
    ./usr ./bin ./sbin ./lib ./lib64 ./etc ./root ./var/lib/dpkg/status ./var/lib/systemd ./var/log
"#;

/// What a user does who is logged in. A reboot is another init: it has begun at another time.
const SCRIPT: &str = r#"
envbox create system --image /var/tmp/system.tar --memory 256M --pids 300 || exit 9
echo 'init: auto' >>~/.local/share/envbox/boxes/system/box.yaml
envbox start system || exit 10
inside() { timeout 60 envbox run system "$@"; }
is_running() { [[ $(inside -- systemctl is-system-running) == running ]]; }
began() { inside -- systemctl show --property=UserspaceTimestampMonotonic; }
is_running || { inside -- systemctl --failed; exit 11; }
[[ $(inside -- cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max) == $'268435456\n300' ]] || exit 12
first=$(began)
inside --user root -- systemctl reboot
for i in {1..60}; do [[ $(began 2>/dev/null) =~ =[0-9]+$ && ${BASH_REMATCH[0]} != "=${first#*=}" ]] && break; sleep 0.5; done
for i in {1..60}; do is_running && break; sleep 0.5; done
is_running || { inside -- systemctl --failed; exit 13; }
[[ $(began) != "$first" ]] || exit 14
envbox stop system || exit 15
systemctl --user list-units --plain --no-legend 'envbox-*' | grep . && exit 16
exit 0
"#;

#[test]
fn systemd_runs_in_a_box_with_limits_and_is_rebooted() {
    requires!(qemu, fixtures);
    BOOKWORM.sh("root", IMAGE);
    let answer = BOOKWORM.answer("tester", 300, SCRIPT);
    assert_eq!(answer.status, 0, "{answer:#?}");
}
