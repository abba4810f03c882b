#!/usr/bin/env bash
# What the tests want of the machine. For root only; sourced by tests/run.

# A program that is needed, and the package that has it.
#   uidmap: newuidmap, newgidmap · fuse-overlayfs: the other overlay · tmux: full-screen programs
#   zsh, fish: their completions · util-linux: setsid, setpriv, unshare · shellcheck: the scripts
#   skopeo, umoci, buildah, podman, runc, attr: what reads the images that envbox writes, and what makes trees for them
#   docker-registry, openssl: a registry, and its keys · xfsprogs: a file system that shares extents
#   build-essential: the C of compression libraries · git: what belongs to the source tree
#   slirp4netns: private networks
#   minisign: the signatures of Void's and Chimera's sums
#   qemu-system-x86, mmdebstrap, e2fsprogs, binutils: a virtual machine, and its disks
PACKAGES=(newuidmap:uidmap fuse-overlayfs:fuse-overlayfs tmux:tmux zsh:zsh fish:fish setsid:util-linux
    skopeo:skopeo umoci:umoci buildah:buildah podman:podman runc:runc setfattr:attr
    docker-registry:docker-registry openssl:openssl slirp4netns:slirp4netns
    mkfs.xfs:xfsprogs shellcheck:shellcheck cc:build-essential git:git minisign:minisign
    qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap mke2fs:e2fsprogs strip:binutils)

install_packages() {
    local entry missing=()
    for entry in "${PACKAGES[@]}"; do
        command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
    done
    ((${#missing[@]})) || return 0
    if ! command -v apt-get >/dev/null; then
        echo "not installed, since there is no apt-get here: ${missing[*]}"
        return 0
    fi
    echo "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Debian's nodes are for everybody; a container's often are root's alone.
open_devices() {
    local node
    for node in /dev/fuse:229 /dev/net/tun:200; do
        [[ -e ${node%:*} ]] || { mkdir -p "$(dirname "${node%:*}")" && mknod "${node%:*}" c 10 "${node#*:}"; } || continue
        chmod 0666 "${node%:*}"
    done 2>/dev/null
}

# make_user_with_range NAME
make_user_with_range() {
    local file
    id "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$1"
    # useradd itself gives a range only where login.defs says so.
    for file in /etc/subuid /etc/subgid; do
        grep -q "^$1:" "$file" 2>/dev/null || echo "$1:$(free_start "$file"):65536" >>"$file"
    done
}

# make_user_without_range NAME
make_user_without_range() {
    make_user_with_range "$1"
    sed -i "/^$1:/d" /etc/subuid /etc/subgid
}

# The first id above all ranges of a file.
free_start() {
    awk -F: 'BEGIN { end = 100000 } $2 + $3 > end { end = $2 + $3 } END { print end }' "$1" 2>/dev/null || echo 100000
}

# Where the version 2 hierarchy of cgroups is mounted, on a hybrid host too.
cgroup_mount() {
    findmnt --noheadings --first-only --types cgroup2 --output TARGET
}

# Makes a cgroup that a user may divide, with a leaf for the processes that are outside of boxes, puts the calling shell into
# that, and says where it is: enter_cgroup USER NAME. `envbox doctor --cgroup` prints the like for users.
enter_cgroup() {
    local mount dir file controller owner
    # With the group: root of a user namespace may do nothing with what has an owner who is not in there.
    mount=$(cgroup_mount) && dir=$mount/$2 && owner=$1:$(id -g "$1") && mkdir -p "$dir/envbox-outside" || return
    for controller in $(<"$mount/cgroup.controllers"); do
        # One that the host will not give is no reason to go without the others.
        echo "+$controller" >"$mount/cgroup.subtree_control"
    done 2>/dev/null
    chown "$owner" "$dir" "$dir/envbox-outside"
    while read -r file; do
        [[ ! -e $dir/$file ]] || chown "$owner" "$dir/$file"
        [[ ! -e $dir/envbox-outside/$file ]] || chown "$owner" "$dir/envbox-outside/$file"
    done </sys/kernel/cgroup/delegate
    echo "$BASHPID" >"$dir/envbox-outside/cgroup.procs"
}

# Ends what is left in a cgroup of `enter_cgroup`, and removes it: remove_cgroup NAME
remove_cgroup() {
    local dir tries=50
    dir=$(cgroup_mount)/$1 && [[ -d $dir ]] || return 0
    echo 1 >"$dir/cgroup.kill"
    # The dead are in their group until they have been collected.
    until find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null || ((tries-- == 0)); do sleep 0.1; done
    [[ ! -d $dir ]] || echo "left behind: $dir"
}
