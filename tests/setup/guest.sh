#!/usr/bin/env bash
# Makes the disk of a virtual machine: a Debian with systemd and what envbox wants of a host, and its kernel.
# Needs mmdebstrap, e2fsprogs and a user with subordinate ids, or root.
#
#   tests/setup/guest.sh SUITE DIRECTORY     writes disk, kernel and initrd into the directory
set -euo pipefail
# mke2fs and chroot are not in an ordinary user's.
PATH+=:/usr/sbin:/sbin
suite=$1 into=$2
here=$(cd "$(dirname "$0")/guest" && pwd)
work=$(mktemp -d -p "$into")

# tiny-initramfs is the smallest that a kernel package is content with. What is booted with is made below.
PACKAGES=(systemd-sysv udev libpam-systemd dbus dbus-user-session login passwd procps uidmap fuse-overlayfs slirp4netns
    apparmor linux-image-cloud-amd64 tiny-initramfs busybox-static cpio)
# Work that a machine does in its first minutes, and that nobody waits for here.
MASKED=(apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service
    systemd-timesyncd.service systemd-random-seed.service getty@tty1.service)

# Files that belong to subordinate ids are only root's in a user namespace.
inside=()
[[ $(id -u) -eq 0 ]] || inside=(unshare --user --map-root-user --map-auto)
trap '"${inside[@]}" rm -rf --one-file-system "$work"' EXIT

# shellcheck disable=SC2016 # $1 is the root, as mmdebstrap gives it to a hook
mmdebstrap --quiet --variant=essential --include="$(IFS=, && echo "${PACKAGES[*]}")" \
    --aptopt='APT::Install-Recommends false' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='copy-in '"$here/agent"' /usr/local/lib' \
    --customize-hook='copy-in '"$here/agent@.service"' /etc/systemd/system' \
    --customize-hook='chroot "$1" useradd --create-home --shell /bin/bash tester' \
    --customize-hook='chroot "$1" useradd --create-home --shell /bin/bash plain' \
    --customize-hook='echo tester:100000:65536 | tee "$1/etc/subuid" >"$1/etc/subgid"' \
    --customize-hook='chroot "$1" passwd --quiet --delete root' \
    --customize-hook='chroot "$1" systemctl --quiet enable agent@root agent@tester agent@plain' \
    --customize-hook='chroot "$1" systemctl --quiet mask '"${MASKED[*]}" \
    --customize-hook='echo guest >"$1/etc/hostname"' \
    "$suite" "$work/root.tar"

mkdir "$work/root"
"${inside[@]}" tar -C "$work/root" --exclude='./dev/*' -xf "$work/root.tar"
rm "$work/root.tar"

# All that these kernels lack to find the disk: drivers, numbered in the order in which they need each other.
mkdir -p "$work"/initrd/{dev,disk}
cp "$work/root/usr/bin/busybox" "$here/init" "$work/initrd"
number=10
while read -r driver; do
    if [[ $driver == *.xz ]]; then xz -dc "$work/root$driver"; else cat "$work/root$driver"; fi >"$work/initrd/$number.ko"
    ((number += 1))
done < <("${inside[@]}" chroot "$work/root" modprobe --set-version "$(ls "$work/root/usr/lib/modules")" \
    --show-depends --all virtio_pci virtio_blk | awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
tar -C "$work" -c initrd | "${inside[@]}" tar -C "$work/root/tmp" --no-same-owner -x
"${inside[@]}" chroot "$work/root" sh -c 'cd /tmp/initrd && find . | cpio --quiet -o -H newc' >"$work/initrd.cpio"
"${inside[@]}" rm -rf "$work/root/tmp/initrd"

cp "$work"/root/boot/vmlinuz-* "$work/kernel"
"${inside[@]}" rm -rf "$work/root/boot"
truncate -s 2G "$work/disk"
"${inside[@]}" mke2fs -q -t ext4 -O ^has_journal -d "$work/root" "$work/disk"
mv "$work/kernel" "$work/disk" "$into"
mv "$work/initrd.cpio" "$into/initrd"
