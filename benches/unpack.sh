#!/bin/sh
# Unpacking against GNU tar, both as root of a user namespace, on tmpfs: benches/unpack.sh ARCHIVE.tar.zst
# Needs hyperfine, tar, zstd, and `cargo build --release --example unpack`.
set -eu
archive=$(realpath "$1")
unpack=$(find target -path '*release/examples/unpack' -type f | head -n 1)
work=$(mktemp -d -p /dev/shm)
trap 'find "$work" -xdev -delete 2>/dev/null || unshare --user --map-root-user --map-auto find "$work" -xdev -delete' EXIT
cp "$archive" "$work/archive"
if [ "$(id -u)" = 0 ]; then inside=; else inside="unshare --user --map-root-user --map-auto"; fi
clean="$inside sh -c 'rm -rf --one-file-system $work/tree; mkdir $work/tree'"
hyperfine --warmup 2 --runs 15 --prepare "$clean" --export-json "$work/result.json" \
    --command-name envbox "$unpack $work/tree < $work/archive" \
    --command-name 'GNU tar' "$inside tar --zstd -xf $work/archive -C $work/tree --numeric-owner --xattrs"
python3 -c '
import json, sys
ours, theirs = (run["median"] for run in json.load(open(sys.argv[1]))["results"])
print(f"ratio of the medians: {ours / theirs:.2f}")' "$work/result.json"
